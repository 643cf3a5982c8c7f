"""The ranges of activations, from pictures like those that the network will see."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.utils.data import Subset

from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.datasets.sample import TryOnSample, collate
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.config import Calibration

LEAST_IMAGES = 16
TRAINING_RATE = 0.01
LEAST_SPREAD = 0.02  # of a picture's values in [-1, 1], as a standard deviation; below it nothing is on it


def spread(dataset: TryOnDataset | Subset[TryOnSample], count: int) -> list[TryOnSample]:
    """That many samples, or all, at equal distances over the dataset, in batches of one."""
    chosen = range(0, len(dataset), max(1, len(dataset) // count))
    return [collate([dataset[index]]) for index in chosen][:count]


def calibrate(network: TryOnNetwork, samples: Sequence[TryOnSample]) -> None:
    """Sets the ranges of a prepared network, in place, from samples in batches of one, each with its own garment.

    Raises DmvtonError for too few of them, for empty pictures, and where all are the same.
    """
    digest = checked_digest(samples)
    quantization = network.config.quantization
    if quantization is None:
        raise DmvtonError(f"This {network.config.name} is not prepared for quantization.")
    switch(network, observe=True, fake=False)
    with torch.no_grad():
        for number, sample in enumerate(samples, 1):
            _follow(network, 1 / number)  # so that the end is the mean of all
            network(sample.person, sample.garment, sample.garment_mask)
    _follow(network, TRAINING_RATE)
    switch(network, observe=False, fake=True)
    calibration = Calibration(images=len(samples), digest=digest)
    network.config = replace(network.config, quantization=quantization.model_copy(update={"calibration": calibration}))


def checked_digest(samples: Sequence[TryOnSample]) -> str:
    """The digest of pictures that ranges can come from. Raises DmvtonError as `calibrate` does."""
    if len(samples) < LEAST_IMAGES:
        raise DmvtonError(f"Calibration needs {LEAST_IMAGES} images or more; these are {len(samples)}.")
    digest, seen = hashlib.sha256(), set()
    for sample in samples:
        name = sample.person_name[0]
        for what, picture in (("person", sample.person), ("garment", sample.garment)):
            if not torch.isfinite(picture).all():
                raise DmvtonError(f"The {what} of {name} holds NaN or infinity: calibrate with other images.")
            if float(picture.std()) < LEAST_SPREAD:
                raise DmvtonError(f"The {what} of {name} is a single colour: ranges from it would be wrong.")
        content = sample.person.numpy().tobytes() + sample.garment.numpy().tobytes()
        digest.update(content)
        seen.add(hashlib.sha256(content).digest())
    if len(seen) < LEAST_IMAGES:
        raise DmvtonError(f"Only {len(seen)} of the {len(samples)} images for calibration differ.")
    return digest.hexdigest()


def switch(network: nn.Module, *, observe: bool, fake: bool) -> None:
    """Whether ranges follow what is seen, and whether values are rounded."""
    for module in _fakes(network):
        module.enable_observer(observe)
        module.enable_fake_quant(fake)


def follow_weights(network: nn.Module) -> None:
    """For training: the ranges of weights follow them, those of activations stay as they were calibrated."""
    for module in _fakes(network):
        module.enable_observer(module.is_per_channel)


def _follow(network: nn.Module, rate: float) -> None:
    """How far a range goes with each new extreme."""
    for module in _fakes(network):
        module.activation_post_process.averaging_constant = rate


def _fakes(network: nn.Module) -> Iterator[Any]:
    from torchao.quantization.pt2e.fake_quantize import FakeQuantizeBase

    return (module for module in network.modules() if isinstance(module, FakeQuantizeBase))
