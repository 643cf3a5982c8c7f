"""The ranges of activations, from pictures like those that the network will see."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.config import Calibration

LEAST_IMAGES = 16
TRAINING_RATE = 0.01
LEAST_DEVIATION = 0.02  # of a picture's values in [-1, 1], as a standard deviation; below it nothing is on it


class CalibrationSample(Protocol):
    """A batch of one; every `TryOnSample` of a dataset is one, once collated."""

    @property
    def person_name(self) -> Sequence[str]:
        """The name of the person's picture, for messages."""

    @property
    def person(self) -> Tensor:
        """RGB [1, 3, H, W] in [-1, 1]."""

    @property
    def garment(self) -> Tensor:
        """RGB [1, 3, H, W] in [-1, 1]."""

    @property
    def garment_mask(self) -> Tensor:
        """[1, 1, H, W] in [0, 1]."""


def calibrate(network: TryOnNetwork, samples: Sequence[CalibrationSample]) -> None:
    """Sets the activation ranges of a prepared network, in place; each is the mean over the samples.

    Args:
        network: as `prepare` returns it.
        samples: at least LEAST_IMAGES, all different.

    Raises:
        DmvtonError: too few samples, an empty picture, equal samples, or a network that is not prepared.
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


def checked_digest(samples: Sequence[CalibrationSample]) -> str:
    """The SHA-256 of the pictures. Raises DmvtonError, as `calibrate` does, for pictures that cannot give ranges."""
    if len(samples) < LEAST_IMAGES:
        raise DmvtonError(f"Calibration needs {LEAST_IMAGES} images or more; these are {len(samples)}.")
    digest, seen = hashlib.sha256(), set()
    for sample in samples:
        name = sample.person_name[0]
        for role, picture in (("person", sample.person), ("garment", sample.garment)):
            if not torch.isfinite(picture).all():
                raise DmvtonError(f"The {role} of {name} holds NaN or infinity: calibrate with other images.")
            if float(picture.std()) < LEAST_DEVIATION:
                raise DmvtonError(f"The {role} of {name} is a single colour: ranges from it would be wrong.")
        content = sample.person.numpy().tobytes() + sample.garment.numpy().tobytes()
        digest.update(content)
        seen.add(hashlib.sha256(content).digest())
    if len(seen) < LEAST_IMAGES:
        raise DmvtonError(f"Only {len(seen)} of the {len(samples)} images for calibration differ.")
    return digest.hexdigest()


def switch(network: nn.Module, *, observe: bool, fake: bool) -> None:
    """Switches the fake quantizations of a prepared network, in place.

    Args:
        network: as `prepare` returns it, or a module of it.
        observe: whether ranges follow the values that pass.
        fake: whether values are rounded.
    """
    for module in _fakes(network):
        module.enable_observer(observe)
        module.enable_fake_quant(fake)


def follow_weights(network: nn.Module) -> None:
    """For training: the ranges of weights follow the weights; those of activations stay as they were calibrated."""
    for module in _fakes(network):
        module.enable_observer(module.is_per_channel)


def _follow(network: nn.Module, rate: float) -> None:
    """Sets how far a range moves to each new extreme, from 0 to 1."""
    for module in _fakes(network):
        module.activation_post_process.averaging_constant = rate


def _fakes(network: nn.Module) -> Iterator[Any]:
    from torchao.quantization.pt2e.fake_quantize import FakeQuantizeBase

    return (module for module in network.modules() if isinstance(module, FakeQuantizeBase))
