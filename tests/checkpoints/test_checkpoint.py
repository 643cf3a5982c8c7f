"""Our checkpoints round trip; the authors' files are read whole or refused by name; no code in a file runs."""

import copy
import json
import os
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from dmvton_mobile.checkpoints.checkpoint import (
    CheckpointError,
    import_official,
    load_checkpoint,
    read_official,
    save_checkpoint,
    weight_bytes,
)
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork, build_network, seeded_network

STUDENT = "dmvton-student"
LISTINGS = json.loads((Path(__file__).parents[1] / "golden/state_dicts.json").read_text())
# network: its two files' listings
OFFICIAL = {
    "dmvton-student": ("MobileAFWM(3)", "MobileNetV2_unet(7,4)"),
    "dmvton-teacher": ("MobileAFWM(45)", "MobileNetV2_unet(8,4)"),
    "fsvton-teacher": ("StyleAFWM(45)", "ResUnetGenerator(8,4,5)"),
    "fsvton-student": ("StyleAFWM(3)", "ResUnetGenerator(7,4,5)"),
    "pfafn-tutor": ("AFWM(45)", "ResUnetGenerator(8,4,5)"),
    "pfafn-student": ("AFWM(3)", "ResUnetGenerator(7,4,5)"),
}
State = dict[str, Tensor]


@pytest.fixture(scope="module")
def network() -> TryOnNetwork:
    return seeded_network(STUDENT)


@pytest.fixture
def saved(network: TryOnNetwork, tmp_path: Path) -> Path:
    path = tmp_path / "student.safetensors"
    save_checkpoint(network, path, trained=False)
    return path


def assert_equal_weights(one: torch.nn.Module, other: torch.nn.Module) -> None:
    first, second = one.state_dict(), other.state_dict()
    assert list(first) == list(second)
    assert all(torch.equal(first[key], second[key]) for key in first)


# Our own format


def test_round_trip(network: TryOnNetwork, tmp_path: Path) -> None:
    path = tmp_path / "student.safetensors"
    card = save_checkpoint(
        network, path, trained=True, training={"steps": 3}, licence="MIT", source={"warp: a.pt": "0" * 64}
    )
    loaded, read = load_checkpoint(path)
    assert read == card and read.training == {"steps": 3} and read.licence == "MIT" and read.trained
    assert not loaded.training
    assert_equal_weights(loaded, network)
    assert sorted(os.listdir(tmp_path)) == ["student.json", "student.safetensors"]


def test_shared_tensors_are_stored_once(network: TryOnNetwork, saved: Path) -> None:
    overhead = saved.stat().st_size - weight_bytes(network)
    assert 0 < overhead < 100_000  # the header; a second smoothing convolution would add 2.4 MB


def test_loaded_network_still_shares(saved: Path) -> None:
    loaded, _ = load_checkpoint(saved)
    assert weight_bytes(loaded) == 37_570_848


def test_sampling_convention_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(seeded_network(STUDENT, align_corners=False), path, trained=False)
    assert load_checkpoint(path)[0].config.align_corners is False


def test_same_network_same_bytes(network: TryOnNetwork, saved: Path, tmp_path: Path) -> None:
    save_checkpoint(network, tmp_path / "again.safetensors", trained=False)
    assert (tmp_path / "again.safetensors").read_bytes() == saved.read_bytes()
    assert (tmp_path / "again.json").read_bytes() == saved.with_suffix(".json").read_bytes()


def test_existing_checkpoint_is_not_overwritten(network: TryOnNetwork, saved: Path) -> None:
    before = saved.read_bytes()
    with pytest.raises(DmvtonError, match="exists already"):
        save_checkpoint(network, saved, trained=True)
    assert saved.read_bytes() == before and not load_checkpoint(saved)[1].trained


def test_only_an_orphaned_card_is_replaced(network: TryOnNetwork, saved: Path) -> None:
    saved.unlink()  # what a run killed between the two renames leaves
    save_checkpoint(network, saved, trained=True)
    assert load_checkpoint(saved)[1].trained
    saved.unlink()
    saved.with_suffix(".json").write_text('{"somebody": "else\'s"}')
    with pytest.raises(DmvtonError, match="exists already"):
        save_checkpoint(network, saved, trained=True)
    assert saved.with_suffix(".json").read_text() == '{"somebody": "else\'s"}'
    assert os.listdir(saved.parent) == ["student.json"]


def edit_card(path: Path, **changes: object) -> None:
    card = path.with_suffix(".json")
    card.write_text(json.dumps(json.loads(card.read_text()) | changes))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def flip_last_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (truncate, "cut short"),
    "empty": (lambda path: path.write_bytes(b""), "cut short"),
    "flipped byte": (flip_last_byte, "SHA-256"),
    "no weights": (lambda path: path.unlink(), "There is no"),
    "no card": (lambda path: path.with_suffix(".json").unlink(), "There is no"),
    "card is not JSON": (lambda path: path.with_suffix(".json").write_text("{"), "Invalid JSON"),
    "card from the future": (lambda path: edit_card(path, schema_version=9), "schema version 9"),
    "unknown network": (lambda path: edit_card(path, network="resnet"), "no network 'resnet'. Known: dmvton-student"),
    "unknown option": (lambda path: edit_card(path, config={"depth": 1}), "no option depth"),
    "other network": (lambda path: edit_card(path, network="dmvton-teacher"), "it looks like dmvton-student"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named(saved: Path, kind: str) -> None:
    damage, message = DAMAGE[kind]
    damage(saved)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_checkpoint(saved)
    assert "student" in str(caught.value)


def test_other_suffix_is_an_error(network: TryOnNetwork, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="import-checkpoint"):
        load_checkpoint(tmp_path / "warp.pt")
    with pytest.raises(CheckpointError, match=r"\.safetensors"):
        save_checkpoint(network, tmp_path / "warp.pt", trained=False)
    assert os.listdir(tmp_path) == []


def test_half_is_stored_rounded_and_loaded_in_float32(network: TryOnNetwork, tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    assert save_checkpoint(network, path, trained=False, precision="fp16").precision == "fp16"
    loaded, card = load_checkpoint(path)
    assert card.precision == "fp16"
    assert path.stat().st_size < 0.51 * weight_bytes(network)
    for key, value in loaded.state_dict().items():
        original = network.state_dict()[key]
        rounded = original.half().float() if original.is_floating_point() else original
        assert value.dtype == original.dtype and torch.equal(value, rounded), key
    save_checkpoint(loaded, tmp_path / "again.safetensors", trained=False, precision="fp16")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_what_half_cannot_hold_is_refused(network: TryOnNetwork, tmp_path: Path) -> None:
    large = copy.deepcopy(network)
    with torch.no_grad():
        next(large.warp.parameters()).fill_(7e4)
    with pytest.raises(CheckpointError, match="reaches 7e.04; the largest number in fp16 is 65504"):
        save_checkpoint(large, tmp_path / "large.safetensors", trained=False, precision="fp16")
    assert os.listdir(tmp_path) == []


def test_a_card_that_lies_about_its_precision(network: TryOnNetwork, tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    save_checkpoint(network, path, trained=False, precision="fp16")
    edit_card(path, precision="fp32")
    with pytest.raises(CheckpointError, match=r"float16 .*, not float32"):
        load_checkpoint(path)


# The authors' files


def training_form(state: Mapping[str, object], **more: object) -> dict[str, object]:
    return {"epoch": 200, "model": state, "optimizer": {"state": {}, "param_groups": [{"lr": 5e-5}]}, **more}


def write(path: Path, content: object, **options: bool) -> Path:
    torch.save(content, path, **options)
    return path


@pytest.fixture
def states(network: TryOnNetwork) -> tuple[State, State]:
    return dict(network.warp.state_dict()), dict(network.generator.state_dict())


@pytest.fixture
def files(states: tuple[State, State], tmp_path: Path) -> tuple[Path, Path]:
    """The form of PF-AFN's files: bare state_dicts."""
    return write(tmp_path / "warp.pth", states[0]), write(tmp_path / "gen.pth", states[1])


def test_bare_files(network: TryOnNetwork, files: tuple[Path, Path]) -> None:
    imported, report = read_official(STUDENT, warp=files[0], generator=files[1])
    assert_equal_weights(imported, network)
    assert not imported.training and weight_bytes(imported) == 37_570_848
    warp, generator = report.files
    assert (warp.layout, warp.epoch, warp.dropped, len(warp.used)) == ("bare", None, (), 388)
    assert (warp.parameters, warp.weight_bytes) == (7_170_388, 28_770_096)
    assert (generator.module, len(generator.used), generator.parameters) == ("generator", 213, 2_179_736)
    assert warp.differences.sentences() == []
    assert set(report.source) == {"warp: warp.pth", "generator: gen.pth"}


@pytest.mark.parametrize("best_fid", [np.float64(12.5), np.float32(12.5), 12.5])
@pytest.mark.parametrize("legacy", [False, True])
def test_training_files(
    network: TryOnNetwork, states: tuple[State, State], tmp_path: Path, best_fid: object, legacy: bool
) -> None:
    extra = {"aflow_net.weight": torch.ones(4, 1, 3, 3)}
    content = training_form(states[0] | extra, best_fid=best_fid)
    warp = write(tmp_path / "pf_warp_best.pt", content, _use_new_zipfile_serialization=not legacy)
    generator = write(tmp_path / "pf_gen_best.pt", training_form(states[1], best_fid=best_fid))
    imported, report = read_official(STUDENT, warp=warp, generator=generator)
    assert_equal_weights(imported, network)
    assert (report.files[0].layout, report.files[0].epoch) == ("training", 200)
    assert report.files[0].dropped == ("aflow_net.weight",) and report.files[1].dropped == ()


def test_best_fid_as_numpy_1_wrote_it(network: TryOnNetwork, states: tuple[State, State], tmp_path: Path) -> None:
    new = write(tmp_path / "new.pt", training_form(states[1], best_fid=np.float64(12.5)))
    old, changed = tmp_path / "old.pt", 0
    with zipfile.ZipFile(new) as source, zipfile.ZipFile(old, "w") as sink:
        for entry in source.infolist():
            content = source.read(entry)
            changed += content.count(b"cnumpy._core.multiarray\n")
            sink.writestr(entry.filename, content.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n"))
    assert changed == 1
    warp = write(tmp_path / "warp.pt", states[0])
    assert_equal_weights(import_official(STUDENT, warp=warp, generator=old), network)


def test_imported_network_saves_and_loads(files: tuple[Path, Path], tmp_path: Path) -> None:
    imported, report = read_official(STUDENT, warp=files[0], generator=files[1])
    save_checkpoint(imported, tmp_path / "mine.safetensors", trained=True, source=report.source)
    loaded, card = load_checkpoint(tmp_path / "mine.safetensors")
    assert_equal_weights(loaded, imported)
    assert card.source == report.source


def test_every_difference_in_both_files_is_listed(states: tuple[State, State], tmp_path: Path) -> None:
    warp, generator = states
    keys = list(warp)
    del warp[keys[0]], warp[keys[5]]
    warp["surplus"] = torch.zeros(1)
    wrong, _, half, *_ = generator
    generator[wrong] = torch.zeros(2, 2)
    generator[half] = generator[half].half()
    generator["aflow_net.weight"] = torch.ones(4, 1, 3, 3)  # only a warp file may carry it
    with pytest.raises(CheckpointError) as caught:
        import_official(STUDENT, warp=write(tmp_path / "w.pt", warp), generator=write(tmp_path / "g.pt", generator))
    lines = str(caught.value).splitlines()
    assert f"  missing: {keys[0]}" in lines and f"  missing: {keys[5]}" in lines and "  unexpected: surplus" in lines
    assert "  unexpected: aflow_net.weight" in lines
    assert any(line.startswith(f"  wrong: {wrong} is float32 [2, 2], not float32 [") for line in lines)
    assert any(line.startswith(f"  wrong: {half} is float16 ") for line in lines)
    assert len(lines) == 2 + 3 + 3


def test_extra_key_of_another_shape_is_unexpected(states: tuple[State, State], tmp_path: Path) -> None:
    warp = write(tmp_path / "w.pt", states[0] | {"aflow_net.weight": torch.ones(4, 1, 5, 5)})
    with pytest.raises(CheckpointError, match="unexpected: aflow_net.weight"):
        import_official(STUDENT, warp=warp, generator=write(tmp_path / "g.pt", states[1]))


def test_aliases_that_differ_are_refused(states: tuple[State, State], tmp_path: Path) -> None:
    alias = next(key for key in states[0] if "smooth_layers.3" in key and key.endswith("weight"))
    states[0][alias] = states[0][alias] + 1
    with pytest.raises(CheckpointError, match=f"{alias} and .*smooth_layers.0.* are one tensor"):
        import_official(
            STUDENT, warp=write(tmp_path / "w.pt", states[0]), generator=write(tmp_path / "g.pt", states[1])
        )


def test_swapped_files_are_recognised(files: tuple[Path, Path]) -> None:
    with pytest.raises(CheckpointError, match="looks like the generator of dmvton-student .warp and generator swapped"):
        import_official(STUDENT, warp=files[1], generator=files[0])


def listed_state(listing: str) -> State:
    """The tensors of a published file, each one number in memory."""
    number, count = torch.zeros(()), torch.zeros((), dtype=torch.int64)
    shapes = LISTINGS[listing]["state_dict"]
    return {key: (count if key.endswith("num_batches_tracked") else number).expand(shapes[key]) for key in shapes}


def test_every_network_takes_what_is_published_for_it(tmp_path: Path) -> None:
    for name, listings in OFFICIAL.items():
        warp, generator = (write(tmp_path / f"{name}-{i}.pt", listed_state(key)) for i, key in enumerate(listings))
        report = read_official(name, warp=warp, generator=generator)[1]
        assert [len(file.used) for file in report.files] == [len(LISTINGS[key]["state_dict"]) for key in listings]
        assert [file.weight_bytes for file in report.files] == [LISTINGS[key]["total_bytes"] for key in listings]


@pytest.mark.parametrize(
    ("warp", "generator", "message"),
    [
        ("AFWM(3)", "MobileNetV2_unet(7,4)", "warp file of dmvton-student; it looks like the warp of pfafn-student"),
        ("MobileAFWM(45)", "MobileNetV2_unet(7,4)", "it looks like the warp of dmvton-teacher"),
        ("MobileAFWM(3)", "ResUnetGenerator(8,4,5)", "the generator of fsvton-teacher or the generator of pfafn-tutor"),
    ],
)
def test_another_networks_file_is_recognised(tmp_path: Path, warp: str, generator: str, message: str) -> None:
    files = write(tmp_path / "w.pt", listed_state(warp)), write(tmp_path / "g.pt", listed_state(generator))
    with pytest.raises(CheckpointError, match=message):
        import_official(STUDENT, warp=files[0], generator=files[1])


class Trap:
    """Unpickled, it would make the marker file."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("where", ["model", "best_fid", "whole", "plain pickle", "legacy", "numpy object"])
def test_code_in_a_file_is_refused_and_never_runs(states: tuple[State, State], tmp_path: Path, where: str) -> None:
    marker, path = tmp_path / "marker", tmp_path / "warp.pt"
    trap = Trap(marker)
    if where == "model":
        write(path, training_form(states[0] | {"x": trap}))
    elif where == "best_fid":
        write(path, training_form(states[0], best_fid=trap))
    elif where == "whole":
        write(path, trap)
    elif where == "plain pickle":
        path.write_bytes(pickle.dumps(trap, protocol=2))
    elif where == "numpy object":
        write(path, training_form(states[0], best_fid=np.array([trap], dtype=object)))
    else:
        write(path, trap, _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match="nothing in it was run"):
        import_official(STUDENT, warp=path, generator=path)
    assert not marker.exists()
    # The trap is live: an unsafe reader does fall into it.
    pickle.loads(path.read_bytes()) if where == "plain pickle" else torch.load(path, weights_only=False)
    assert marker.exists()


NOT_CHECKPOINTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: path.unlink(), "There is no file"),
    "truncated": (truncate, "cut short"),
    "empty": (lambda path: path.write_bytes(b""), "cut short, or not a PyTorch checkpoint"),
    "text": (lambda path: path.write_text("<html>Quota exceeded</html>"), "not a PyTorch checkpoint"),
    "a zip": (lambda path: zipfile.ZipFile(path, "w").writestr("a.txt", "hello"), "not a PyTorch checkpoint"),
    "a tensor": (lambda path: write(path, torch.zeros(3)), "holds a Tensor"),
    "a list": (lambda path: write(path, [1, 2]), "holds a list"),
    "settings": (lambda path: write(path, {"lr": 0.1}), "'lr' is a float"),
    "empty model": (lambda path: write(path, {"epoch": 1, "model": {}}), "'epoch' is a int"),
    "no tensors at all": (lambda path: write(path, {}), "missing: "),
    "safetensors": (lambda path: path.write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "), "not a PyTorch"),
}


@pytest.mark.parametrize("kind", NOT_CHECKPOINTS)
def test_what_is_no_checkpoint_is_named(files: tuple[Path, Path], kind: str) -> None:
    damage, message = NOT_CHECKPOINTS[kind]
    damage(files[0])
    with pytest.raises(CheckpointError, match=message) as caught:
        import_official(STUDENT, warp=files[0], generator=files[1])
    assert "warp.pth" in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("name", OFFICIAL)
def test_every_network_round_trips_with_real_weights(name: str, tmp_path: Path) -> None:
    network = seeded_network(name)
    warp = write(tmp_path / "w.pt", training_form(dict(network.warp.state_dict()), best_fid=np.float64(9)))
    generator = write(tmp_path / "g.pth", dict(network.generator.state_dict()))
    imported, report = read_official(name, warp=warp, generator=generator)
    assert_equal_weights(imported, network)
    save_checkpoint(imported, tmp_path / "mine.safetensors", trained=True, source=report.source)
    assert_equal_weights(load_checkpoint(tmp_path / "mine.safetensors")[0], network)


def test_weight_bytes_counts_buffers_and_types() -> None:
    module = torch.nn.BatchNorm2d(4)  # weight, bias, mean, variance: 16 floats; one 64-bit counter
    assert weight_bytes(module) == 16 * 4 + 8
    assert weight_bytes(module.half()) == 16 * 2 + 8
    assert weight_bytes(build_network(STUDENT)) == 37_570_848
