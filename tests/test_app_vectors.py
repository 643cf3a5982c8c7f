"""The apps' cases: as committed, they are what Python does today; and Python refuses what the apps must refuse."""

import base64
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from benchmarks.devices.phone import AppJob
from benchmarks.record import read_app_record
from dmvton_mobile.bundles.bundle import Bundle, read_bundle, read_golden, verify_files
from dmvton_mobile.errors import CheckFailed, DmvtonError
from dmvton_mobile.records.base import parse_record
from tests.app_vectors import FOLDER, make

VECTORS = json.loads((FOLDER / "vectors.json").read_text())
SAYS = {  # a word of Python's sentence for each kind
    "changed": "bytes, the manifest says|was changed: its SHA-256",
    "missing": "is missing",
    "unlisted": "is not listed|no name for a file",
    "link": "is a link",
    "no_manifest": "holds no manifest.json",
    "digest": "was changed after it was sealed",
    "invalid": "is not a valid manifest",
    "schema": "schema version",
    "path": "is not a plain relative path",
    "case": "is missing|one file where case does not count",
    "too_large": "is refused: its manifest.json has",
    "unsafe": "is refused",
    "damaged": "is damaged, cut short, or not a zip",
}


def test_they_are_what_python_does(tmp_path: Path) -> None:
    make(tmp_path)
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    assert made == {path.relative_to(FOLDER) for path in FOLDER.rglob("*") if path.is_file()}, "run tests.app_vectors"
    assert _close(json.loads((tmp_path / "vectors.json").read_text()), VECTORS)
    fresh, held = (load_file(folder / "arrays.safetensors") for folder in (tmp_path, FOLDER))
    assert fresh.keys() == held.keys()
    for name, value in fresh.items():
        if name.endswith(".answer"):
            assert np.abs(value.astype(int) - held[name].astype(int)).max() <= 1, name
        else:
            np.testing.assert_allclose(value, held[name], atol=1e-5, err_msg=name)
    for name in ("job.json", "record.json"):
        assert (tmp_path / name).read_text() == (FOLDER / name).read_text()
    parse_record((FOLDER / "job.json").read_bytes(), AppJob, "job.json", DmvtonError)
    assert read_app_record(FOLDER / "record.json").suite.name == "phones"


def _close(found: object, expected: object) -> bool:
    """Equal, but for the last digits of numbers, which a library of mathematics may round otherwise."""
    if isinstance(found, dict) and isinstance(expected, dict):
        return found.keys() == expected.keys() and all(_close(found[key], expected[key]) for key in found)
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(_close, found, expected))
    if isinstance(found, float) and isinstance(expected, float):
        return found == pytest.approx(expected, rel=1e-6)
    return found == expected


@pytest.mark.parametrize("case", VECTORS["refusals"], ids=lambda case: case["name"])
def test_a_changed_bundle(case: dict, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FOLDER / "bundle", tmp_path / "bundle.dmvton"))
    for change in case["changes"]:
        _change(folder / change["path"], change)
    refusal = _refusal(folder)
    assert (refusal is None) if case["kind"] is None else re.search(SAYS[case["kind"]], refusal or ""), refusal


@pytest.mark.parametrize("case", VECTORS["zips"], ids=lambda case: case["name"])
def test_a_zip(case: dict) -> None:
    refusal = _refusal(FOLDER / "zips" / f"{case['name']}.zip")
    assert (refusal is None) if case["kind"] is None else re.search(SAYS[case["kind"]], refusal or ""), refusal


@pytest.mark.parametrize("case", VECTORS["tensor_files"], ids=lambda case: case["name"])
def test_a_file_of_tensors(case: dict, tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(base64.b64decode(case["base64"]))
    bundle = Bundle(tmp_path, read_bundle(FOLDER / "bundle").manifest)
    try:
        found = read_golden(bundle, "a.safetensors")
    except CheckFailed:
        found = {}
    if case["values"] is None:
        assert "a" not in found
    else:
        np.testing.assert_array_equal(found["a"], np.array(case["values"], np.float32).reshape(case["shape"]))


def _change(path: Path, change: dict) -> None:
    match change["op"]:
        case "write":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(base64.b64decode(change["base64"]))
        case "remove":
            path.unlink()
        case "link":
            path.symlink_to(change["to"])
        case "grow":
            with path.open("ab") as file:
                file.write(b" " * change["bytes"])
        case other:
            raise ValueError(other)


def _refusal(path: Path) -> str | None:
    """What Python says against the bundle; None where nothing is."""
    try:
        verify_files(read_bundle(path))
    except CheckFailed as error:
        return str(error)
    return None
