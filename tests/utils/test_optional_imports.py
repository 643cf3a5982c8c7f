"""A missing package is named with the extra that brings it; a broken one is not called missing."""

import importlib
import sys
from pathlib import Path

import pytest

from dmvton_mobile.errors import DmvtonError, NotInstalledError
from dmvton_mobile.utils.optional_imports import optional_import


def test_what_is_there_is_imported() -> None:
    with optional_import("Digests need", extra="data"):
        module = importlib.import_module("hashlib")
    assert module.__name__ == "hashlib"


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "webdataset", None)
    with pytest.raises(NotInstalledError) as caught, optional_import("Shards need", extra="data"):
        importlib.import_module("webdataset")
    assert str(caught.value) == 'Shards need webdataset, which is not installed: pip install "dmvton-mobile[data]".'
    assert (caught.value.package, caught.value.extra, caught.value.exit_code) == ("webdataset", "data", 2)


def test_the_name_on_the_package_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with (
        pytest.raises(NotInstalledError, match="Recipes need PyYAML, which is not installed"),
        optional_import("Recipes need", extra="train", package="PyYAML"),
    ):
        importlib.import_module("yaml")


def test_what_is_broken_is_not_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_runtime.py").write_text("raise ImportError('undefined symbol', name='broken_runtime')")
    monkeypatch.syspath_prepend(tmp_path)
    with (
        pytest.raises(DmvtonError, match="needs broken_runtime, which cannot be imported: undefined symbol") as caught,
        optional_import("The artifact needs", extra="onnx"),
    ):
        importlib.import_module("broken_runtime")
    assert not isinstance(caught.value, NotInstalledError)
