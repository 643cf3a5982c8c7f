"""Keys, shapes and byte totals against the published checkpoints' listings, both ways."""

import json
from pathlib import Path

import pytest
from torch import nn

from dmvton_mobile.checkpoints.checkpoint import weight_bytes
from dmvton_mobile.networks import build_network, network_names

LISTINGS = json.loads((Path(__file__).parents[1] / "golden/state_dicts.json").read_text())
# network: (warp listing, generator listing, parameters, bytes of parameters and buffers)
NETWORKS = {
    "dmvton-student": ("MobileAFWM(3)", "MobileNetV2_unet(7,4)", 9_350_124, 37_570_848),
    "dmvton-teacher": ("MobileAFWM(45)", "MobileNetV2_unet(8,4)", 9_362_508, 37_620_384),
    "fsvton-teacher": ("StyleAFWM(45)", "ResUnetGenerator(8,4,5)", 77_214_965, 309_026_364),
    "fsvton-student": ("StyleAFWM(3)", "ResUnetGenerator(7,4,5)", 77_190_113, 308_926_620),
    "pfafn-tutor": ("AFWM(45)", "ResUnetGenerator(8,4,5)", 73_229_236, 293_083_448),
    "pfafn-student": ("AFWM(3)", "ResUnetGenerator(7,4,5)", 73_204_384, 292_983_704),
}


def test_every_network_is_listed() -> None:
    assert set(NETWORKS) <= set(network_names())


@pytest.mark.parametrize("name", NETWORKS)
def test_keys_shapes_and_totals(name: str) -> None:
    warp, generator, parameters, total_bytes = NETWORKS[name]
    network = build_network(name)
    assert shapes(network.warp) == LISTINGS[warp]["state_dict"]
    assert shapes(network.generator) == LISTINGS[generator]["state_dict"]
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    assert weight_bytes(network) == total_bytes
    assert weight_bytes(network.warp) == LISTINGS[warp]["total_bytes"]


def shapes(module: nn.Module) -> dict[str, list[int]]:
    return {key: list(value.shape) for key, value in module.state_dict().items()}
