"""Calibration refuses pictures that ranges cannot come from; a checkpoint keeps what it found; training moves weights
alone."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from dmvton_mobile.checkpoints.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from dmvton_mobile.datasets.dataset import TryOnDataset, evenly_spaced_samples
from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.quantization import calibrate, follow_weights, quantized_state
from tests.quantization.conftest import IMAGES
from tests.quantization.test_prepare import tried_on

Spoil = Callable[[list[TryOnSample]], list[TryOnSample]]


def spoilt(**fields: Any) -> Spoil:
    return lambda samples: [*samples[1:], replace(samples[0], **fields)]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda samples: samples[: IMAGES - 1], "needs 16 images or more; these are 15"),
        (lambda samples: samples[:1] * IMAGES, "Only 1 of the 16 images for calibration differ"),
        (spoilt(person=torch.zeros(1, 3, 64, 64)), "The person of .* is a single colour"),
        (spoilt(garment=torch.full((1, 3, 64, 64), float("nan"))), "The garment of .* holds NaN or infinity"),
    ],
    ids=["too few", "all the same", "empty", "NaN"],
)
def test_pictures_that_ranges_cannot_come_from(
    quantized: TryOnNetwork, samples: list[TryOnSample], spoil: Spoil, said: str
) -> None:
    before = {key: value.clone() for key, value in quantized_state(quantized).items()}
    with pytest.raises(DmvtonError, match=said):
        calibrate(quantized, spoil(samples))
    assert all(torch.equal(value, before[key]) for key, value in quantized_state(quantized).items())


def test_a_network_that_is_not_prepared(lite: TryOnNetwork, samples: list[TryOnSample]) -> None:
    with pytest.raises(DmvtonError, match="is not prepared for quantization"):
        calibrate(lite, samples)


def test_the_record_says_which_pictures(
    quantized: TryOnNetwork, make: Callable[..., TryOnNetwork], lite: TryOnNetwork, samples: list[TryOnSample]
) -> None:
    other = copy.deepcopy(quantized)
    calibrate(other, samples[1 : IMAGES + 1])
    assert quantized.config.quantization and other.config.quantization
    first, second = quantized.config.quantization.calibration, other.config.quantization.calibration
    assert first and second and first.images == second.images == IMAGES and first.digest != second.digest


def test_evenly_spaced_samples(dataset: TryOnDataset) -> None:
    names = [sample.person_name[0] for sample in evenly_spaced_samples(dataset, 6)]
    assert names == [dataset[index].person_name for index in range(0, 18, 3)]
    assert len(evenly_spaced_samples(dataset, 1000)) == len(dataset)


def test_a_checkpoint_keeps_weights_and_ranges(
    quantized: TryOnNetwork, samples: list[TryOnSample], tmp_path: Path
) -> None:
    card = save_checkpoint(quantized, tmp_path / "int8.safetensors", trained=True)
    loaded, read = load_checkpoint(tmp_path / "int8.safetensors")
    assert card == read and read.quantization == quantized.config.quantization
    for name in ("tryon", "flow", "composition"):
        first, second = (getattr(tried_on(network, samples[-1]), name) for network in (quantized, loaded))
        assert torch.equal(first, second)


def test_a_card_of_another_quantization(quantized: TryOnNetwork, tmp_path: Path) -> None:
    """It keeps a layer that the weights have ranges for."""
    save_checkpoint(quantized, tmp_path / "int8.safetensors", trained=True)
    card = json.loads((tmp_path / "int8.json").read_text())
    card["quantization"]["keep_float"] = ["generator.up_2"]
    (tmp_path / "int8.json").write_text(json.dumps(card))
    with pytest.raises(CheckpointError, match="does not hold the weights of dmvton-lite"):
        load_checkpoint(tmp_path / "int8.safetensors")


def test_training_moves_weights_and_no_range(quantized: TryOnNetwork, samples: list[TryOnSample]) -> None:
    network = copy.deepcopy(quantized).train()
    follow_weights(network)
    before = {key: value.clone() for key, value in quantized_state(network).items()}
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-3)
    for sample in samples[:2]:
        optimiser.zero_grad()
        network(sample.person, sample.garment, sample.garment_mask).tryon.square().mean().backward()
        optimiser.step()
    after = quantized_state(network)
    ranges = [key for key in after if key.endswith(".range")]
    assert ranges and all(torch.equal(before[key], after[key]) for key in ranges)
    assert not torch.equal(before["generator.up_2.0.weight"], after["generator.up_2.0.weight"])
    assert not torch.equal(before["warp.person.stem.0.weight"], after["warp.person.stem.0.weight"])
