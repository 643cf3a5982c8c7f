"""Narrower networks: they come back from their checkpoints, and widths that make no network are refused by name."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from pydantic import JsonValue
from torch import Tensor, nn

from dmvton_mobile.checkpoints.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork, build_network
from dmvton_mobile.networks.seeded import seeded_network
from dmvton_mobile.networks.widths import Widths, narrow, widths_of

Pictures = tuple[Tensor, Tensor, Tensor]

# a block's hidden channels, and a skip's with all that make and read them
LITE: Widths = {
    "generator.eighth.1.conv.0": (40, 100),
    "generator.eighth.1.conv.1": (100, 100),
    "generator.eighth.1.conv.3": (100, 100),
    "generator.eighth.1.conv.4": (100, 100),
    "generator.eighth.1.conv.6": (100, 40),
    "generator.eighth.1.conv.7": (40, 40),
    "generator.eighth.0.conv.6": (96, 40),
    "generator.eighth.0.conv.7": (40, 40),
    "generator.sixteenth.0.conv.0": (40, 144),
    "generator.up_8.0": (120, 48),
}
# what the pyramids' smoothing reads and makes; a transposed convolution
STUDENT: Widths = {
    **{
        f"warp.{pyramid}.{layer}": (inputs, 200)
        for pyramid in ("image_mobile", "cond_mobile")
        for layer, inputs in (
            ("top_layer", 320),
            *((f"lateral_layers.{level}", width) for level, width in enumerate((24, 32, 64, 96, 160))),
        )
    },
    **{f"warp.{pyramid}.smooth_layers.0": (200, 192) for pyramid in ("image_mobile", "cond_mobile")},
    **{f"warp.aflow_net.netRefine.{level}.0": (384, 128) for level in range(5)},
    "generator.dconv1": (512, 80),
    "generator.invres1.conv.0": (176, 1152),
}
WIDTHS = {"dmvton-lite": LITE, "dmvton-student": STUDENT}

BOTH = ["dmvton-lite", "dmvton-student"]


@pytest.fixture
def pictures() -> Pictures:
    random = torch.Generator().manual_seed(0)
    person, garment = (torch.rand(1, 3, 64, 64, generator=random) * 2 - 1 for _ in range(2))
    return person, garment, torch.ones(1, 1, 64, 64)


@pytest.fixture(scope="module")
def narrow_lite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("narrow") / "narrow.safetensors"
    save_checkpoint(seeded_network("dmvton-lite", widths=LITE), path, trained=False)
    return path


@pytest.fixture
def saved(narrow_lite: Path, tmp_path: Path) -> Path:
    """A copy of `narrow_lite` to damage."""
    return Path(shutil.copytree(narrow_lite.parent, tmp_path / "copy")) / narrow_lite.name


def noted(path: Path, widths: JsonValue) -> Path:
    """Writes other widths into the checkpoint's card."""
    card = json.loads(path.with_suffix(".json").read_text())
    card["config"]["widths"] = widths
    path.with_suffix(".json").write_text(json.dumps(card))
    return path


@pytest.mark.parametrize("name", BOTH)
def test_only_what_is_named_is_narrower(name: str) -> None:
    wide, narrower = build_network(name), build_network(name, widths=WIDTHS[name])
    assert widths_of(narrower) == widths_of(wide) | dict(WIDTHS[name])
    assert narrower.config.widths == WIDTHS[name] and narrower.training
    kept = [key for key in wide.state_dict() if key.rpartition(".")[0] not in WIDTHS[name]]
    same = {key: narrower.state_dict()[key].shape == wide.state_dict()[key].shape for key in kept}
    if name == "dmvton-student":  # the smoothing's other names
        same = {key: value for key, value in same.items() if "smooth_layers" not in key}
    assert same and all(same.values())


@pytest.mark.parametrize("name", BOTH)
def test_a_layer_keeps_all_but_its_width(name: str) -> None:
    wide, narrower = build_network(name), build_network(name, widths=WIDTHS[name])
    for layer in WIDTHS[name]:
        before, after = wide.get_submodule(layer), narrower.get_submodule(layer)
        assert type(before) is type(after)
        if isinstance(before, nn.BatchNorm2d):
            assert isinstance(after, nn.BatchNorm2d)
            assert (after.eps, after.momentum) == (before.eps, before.momentum)
            continue
        assert isinstance(before, nn.Conv2d | nn.ConvTranspose2d) and isinstance(after, nn.Conv2d | nn.ConvTranspose2d)
        for fact in ("kernel_size", "stride", "padding"):
            assert getattr(after, fact) == getattr(before, fact)
        assert (after.bias is None) == (before.bias is None)
        assert (after.groups > 1) == (before.groups > 1) and after.groups in (1, after.in_channels)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@torch.no_grad()
def test_a_checkpoint_brings_it_back(name: str, precision: str, tmp_path: Path, pictures: Pictures) -> None:
    network = seeded_network(name, widths=WIDTHS[name])
    if precision == "fp16":  # only what half can hold comes back unchanged
        network.half().float()
    path = tmp_path / "narrow.safetensors"
    card = save_checkpoint(network, path, trained=False, precision="fp16" if precision == "fp16" else "fp32")
    loaded, read = load_checkpoint(path)
    assert read == card and card.network == name
    assert widths_of(loaded) == widths_of(network)
    for mine, again in zip(network(*pictures), loaded(*pictures), strict=True):
        assert torch.equal(mine, again)


def test_what_was_loaded_saves_the_same_again(saved: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.safetensors"
    save_checkpoint(load_checkpoint(saved)[0], again, trained=False)
    assert again.read_bytes() == saved.read_bytes()
    assert again.with_suffix(".json").read_bytes() == saved.with_suffix(".json").read_bytes()


def test_the_card_of_a_whole_network_says_nothing_of_widths(tmp_path: Path) -> None:
    card = save_checkpoint(seeded_network("dmvton-lite"), tmp_path / "whole.safetensors", trained=False)
    assert card.config == {"align_corners": True}


def test_the_smoothing_stays_one_convolution(tmp_path: Path) -> None:
    path = tmp_path / "narrow.safetensors"
    save_checkpoint(seeded_network("dmvton-student", widths=STUDENT), path, trained=False)
    loaded, _ = load_checkpoint(path)
    for network in (build_network("dmvton-student", widths=STUDENT), loaded):
        for pyramid in ("image_mobile", "cond_mobile"):
            levels = [network.get_submodule(f"warp.{pyramid}.smooth_layers.{level}") for level in range(5)]
            assert all(level is levels[0] for level in levels)
            assert widths_of(network)[f"warp.{pyramid}.smooth_layers.0"] == (200, 192)
    assert loaded.get_submodule("warp.image_mobile.smooth_layers.0") is not loaded.get_submodule(
        "warp.cond_mobile.smooth_layers.0"
    )


def test_a_narrow_network_learns(pictures: Pictures) -> None:
    network = seeded_network("dmvton-lite", widths=LITE).train()
    output = network(*(torch.cat([picture, picture.flip(3)]) for picture in pictures))
    (output.tryon.abs().mean() + output.flow.square().mean()).backward()
    assert not [name for name, parameter in network.named_parameters() if parameter.grad is None]


REFUSED: dict[str, tuple[Widths, str]] = {
    "an unknown layer": ({"generator.head": (24, 5)}, "name generator.head, and the network has no such"),
    "a layer without width": ({"generator.stem.2": (16, 16)}, "name generator.stem.2, and the network has no such"),
    "a part": ({"warp.person.smooth_16": (64, 64)}, "has no such convolution or batch norm"),
    "no outputs": (
        {"generator.stem.0": (7, 0)},
        "generator.stem.0 has 7 to 16 channels and cannot be narrowed to 7 to 0",
    ),
    "no inputs": ({"generator.stem.0": (0, 16)}, "cannot be narrowed to 0 to 16"),
    "fewer than none": ({"generator.stem.0": (7, -8)}, "cannot be narrowed to 7 to -8"),
    "more outputs": ({"generator.stem.0": (7, 24)}, "cannot be narrowed to 7 to 24"),
    "more inputs": ({"generator.stem.0": (8, 16)}, "cannot be narrowed to 8 to 16"),
    "a huge width": ({"generator.stem.1": (10**30, 10**30)}, "generator.stem.1 has 16 to 16 channels and cannot"),
    "a maker alone": ({"generator.stem.0": (7, 8)}, "do not fit each other"),
    "a norm alone": ({"generator.stem.1": (8, 8)}, "do not fit each other"),
    "a reader alone": ({"generator.out": (16, 5)}, "do not fit each other"),
    "fewer pictures": ({"generator.stem.0": (6, 16)}, "do not fit each other"),
    "a lost output": ({"generator.out": (24, 4)}, "do not fit each other"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_widths_of_no_network_are_refused(kind: str) -> None:
    widths, message = REFUSED[kind]
    with pytest.raises(DmvtonError, match=message):
        build_network("dmvton-lite", widths=widths)


@pytest.mark.parametrize("kind", REFUSED)
def test_a_card_with_such_widths_is_refused(kind: str, saved: Path) -> None:
    widths, message = REFUSED[kind]
    with pytest.raises(CheckpointError, match=message) as caught:
        load_checkpoint(noted(saved, {layer: list(width) for layer, width in widths.items()}))
    assert "narrow.json" in str(caught.value)


@pytest.mark.parametrize(
    "layer",
    [
        pytest.param("generator.eighth.1.conv.3", id="depthwise"),
        pytest.param("generator.eighth.1.conv.4", id="norm"),
    ],
)
def test_some_layers_make_as_many_channels_as_they_read(layer: str) -> None:
    with pytest.raises(DmvtonError, match=f"{layer} has 144 to 144 channels and cannot be narrowed to 100 to 144"):
        build_network("dmvton-lite", widths={layer: (100, 144)})


def test_a_grouped_convolution_is_refused() -> None:
    network = nn.Sequential(nn.Conv2d(8, 8, 3, groups=2))
    with pytest.raises(DmvtonError, match="in 2 groups of several channels"):
        narrow(network, {"0": (4, 4)})


HOSTILE: dict[str, JsonValue] = {
    "text": "abc",
    "nothing": None,
    "a number": 3,
    "a list": [["generator.stem.0", [7, 8]]],
    "a width that is a number": {"generator.stem.0": 7},
    "a width that is text": {"generator.stem.0": "78"},
    "a width too short": {"generator.stem.0": [7]},
    "a width too long": {"generator.stem.0": [7, 16, 16]},
    "a width of nothing": {"generator.stem.0": [None, 16]},
    "a width in parts": {"generator.stem.0": [7, 15.5]},
    "a width by name": {"generator.stem.0": {"inputs": 7, "outputs": 16}},
    "a width of words": {"generator.stem.0": ["seven", "eight"]},
}
# read as numbers, and handed on as they were
UNREAD: dict[str, JsonValue] = {
    "a width of digits": {"generator.stem.0": ["7", "16"]},
    "a width of fractions": {"generator.stem.0": [7.0, 16.0]},
}


@pytest.mark.parametrize(
    "widths",
    [
        *(pytest.param(widths, id=kind) for kind, widths in HOSTILE.items()),
        *(pytest.param(widths, id=kind) for kind, widths in UNREAD.items()),
    ],
)
def test_a_card_that_says_no_widths_is_refused(widths: JsonValue, saved: Path) -> None:
    with pytest.raises(CheckpointError, match="narrow.json"):
        load_checkpoint(noted(saved, widths))


def test_tensors_of_other_widths_are_refused(saved: Path) -> None:
    other: dict[str, JsonValue] = {
        layer: list(width) for layer, width in LITE.items() if not layer.startswith("generator.eighth.1.conv")
    }
    other |= {"generator.eighth.1.conv.6": [144, 40], "generator.eighth.1.conv.7": [40, 40]}
    other |= {"generator.eighth.1.conv.0": [40, 144]}
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(noted(saved, other))
    assert "wrong: generator.eighth.1.conv.0.weight is float32 [100, 40, 1, 1], not float32 [144, 40, 1, 1]" in str(
        caught.value
    )
    assert "missing" not in str(caught.value) and "unexpected" not in str(caught.value)


@pytest.mark.parametrize("widths", [{}, None], ids=["empty", "left out"])
def test_a_narrow_network_is_not_taken_for_the_whole_one(saved: Path, widths: dict[str, JsonValue] | None) -> None:
    noted(saved, {})
    if widths is None:
        card = json.loads(saved.with_suffix(".json").read_text())
        del card["config"]["widths"]
        saved.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(CheckpointError, match="does not hold the weights of dmvton-lite:\n  wrong: generator.eighth"):
        load_checkpoint(saved)


def test_the_named_network_is_not_taken_for_a_narrow_one(tmp_path: Path) -> None:
    path = tmp_path / "narrow.safetensors"
    network: TryOnNetwork = seeded_network("dmvton-lite")
    save_checkpoint(network, path, trained=False)
    with pytest.raises(CheckpointError, match="does not hold the weights of dmvton-lite"):
        load_checkpoint(noted(path, {layer: list(width) for layer, width in LITE.items()}))
