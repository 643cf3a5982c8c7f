"""Signatures made and checked by the published tool itself, installed from the package index where it is not there."""

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dmvton_mobile.bundles.bundle import read_bundle, seal, verify_files, zip_bundle
from dmvton_mobile.bundles.manifest import BundleError
from dmvton_mobile.bundles.signing import sign_bundle, verify_signature
from dmvton_mobile.bundles.signing_tool import REQUIREMENTS, TOOL_VARIABLE, signing_tool
from dmvton_mobile.errors import DmvtonError
from tests.bundles.made import make_bundle

TFLITE = "tflite/whole_fp16.tflite"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "student.dmvton")


def no_tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(TOOL_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv/bin/python"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))


def test_missing_tool_names_the_commands(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_tool(monkeypatch, tmp_path)
    for action in (sign_bundle, verify_signature):
        with pytest.raises(DmvtonError, match="environment of its own") as caught:
            action(folder, tmp_path / "key.pem")
        lines = [line.strip() for line in str(caught.value).splitlines()]
        assert f"{tmp_path}/venv/bin/python -m venv {tmp_path}/.venv-signing" in lines
        assert f"{tmp_path}/.venv-signing/bin/pip install model-signing==1.1.1 pyOpenSSL==26.4.0" in lines


def test_tool_is_found_where_it_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_tool(monkeypatch, tmp_path)
    places = [tmp_path / ".venv-signing/bin", tmp_path / "path", tmp_path / "venv/bin", tmp_path / "named"]
    monkeypatch.setenv("PATH", str(places[1]))
    for place in places[:3]:  # each is preferred to those before it
        place.mkdir(parents=True)
        (place / "model_signing").write_text("#!/bin/sh\n")
        (place / "model_signing").chmod(0o755)
        assert signing_tool() == place / "model_signing"
    monkeypatch.setenv(TOOL_VARIABLE, str(places[3]))
    with pytest.raises(DmvtonError, match=f"{TOOL_VARIABLE} names .*named, which is not a program"):
        signing_tool()


def test_broken_tool_is_not_taken_for_a_bad_signature(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "broken"
    tool.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'OpenSSL'\" >&2\nexit 1\n")
    tool.chmod(0o755)
    monkeypatch.setenv(TOOL_VARIABLE, str(tool))
    key = tmp_path / "key.pem"
    key.write_text("x")
    with pytest.raises(DmvtonError, match="was not signed: ModuleNotFoundError"):
        sign_bundle(folder, key)
    assert not (folder / "signature").exists()
    (folder / "signature").write_text("x")
    with pytest.raises(DmvtonError, match="could not check .* ModuleNotFoundError") as caught:
        verify_signature(folder, key)
    assert not isinstance(caught.value, BundleError)


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real tool: the one that is installed, or one installed here as the error message says."""
    try:
        return signing_tool()
    except DmvtonError:
        environment = tmp_path_factory.mktemp("signing") / "venv"
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run([environment / "bin/pip", "install", "--quiet", *REQUIREMENTS], check=True)
        return environment / "bin/model_signing"


@pytest.fixture
def real_tool(tool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOOL_VARIABLE, str(tool))


def make_keys(folder: Path, name: str) -> tuple[Path, Path]:
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    openssl = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out"]
    subprocess.run([*openssl, private], check=True, capture_output=True)
    subprocess.run(["openssl", "ec", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
    return private, public


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return make_keys(tmp_path, "ours")


@pytest.fixture
def signed(folder: Path, keys: tuple[Path, Path], real_tool: None) -> Path:
    assert sign_bundle(folder, keys[0]) == folder / "signature"
    return folder


@pytest.mark.network
def test_signed_bundle_verifies(signed: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    verify_signature(signed, keys[1])
    verify_files(read_bundle(signed))
    assert sorted(path.name for path in signed.iterdir() if path.is_file()) == ["manifest.json", "signature"]
    moved = signed.rename(tmp_path / "elsewhere.dmvton")
    verify_signature(moved, keys[1])
    zip_bundle(moved, tmp_path / "a.zip")
    verify_signature(read_bundle(tmp_path / "a.zip").folder, keys[1])


@pytest.mark.network
def test_every_file_is_signed(signed: Path, keys: tuple[Path, Path]) -> None:
    files = [path for path in signed.rglob("*") if path.is_file()]
    assert len(files) == 6
    for path in files:
        content = path.read_bytes()
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        with pytest.raises(DmvtonError, match="signature"):
            verify_signature(signed, keys[1])
        path.write_bytes(content)
    verify_signature(signed, keys[1])


@pytest.mark.network
def test_resealed_bundle_does_not_pass(signed: Path, keys: tuple[Path, Path]) -> None:
    """A manifest that agrees with changed files is not enough: the signature is of the old ones."""
    manifest = read_bundle(signed).manifest
    (signed / TFLITE).write_bytes(b"other")
    seal(signed, manifest)
    verify_files(read_bundle(signed))
    with pytest.raises(BundleError, match="does not hold"):
        verify_signature(signed, keys[1])


@pytest.mark.network
@pytest.mark.parametrize("name", ["extra", ".gitignore", ".git/config", ".gitattributes", "signature2"])
def test_added_file_does_not_pass(signed: Path, keys: tuple[Path, Path], name: str) -> None:
    (signed / name).parent.mkdir(exist_ok=True)
    (signed / name).write_text("x")
    with pytest.raises(BundleError, match="does not hold"):
        verify_signature(signed, keys[1])


@pytest.mark.network
def test_wrong_key_does_not_pass(signed: Path, tmp_path: Path) -> None:
    theirs = make_keys(tmp_path, "theirs")
    with pytest.raises(BundleError, match=r"does not hold for theirs\.pub"):
        verify_signature(signed, theirs[1])


@pytest.mark.network
def test_signature_by_another_key_does_not_pass(signed: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    """An attacker changes a file, signs again, and claims our key in the signature's hint."""
    theirs = make_keys(tmp_path, "theirs")
    hint = json.loads((signed / "signature").read_text())["verificationMaterial"]["publicKey"]["hint"]
    sign_bundle(signed, theirs[0])
    forged = json.loads((signed / "signature").read_text())
    assert forged["verificationMaterial"]["publicKey"]["hint"] != hint
    forged["verificationMaterial"]["publicKey"]["hint"] = hint
    (signed / "signature").write_text(json.dumps(forged))
    with pytest.raises(BundleError, match="does not hold"):
        verify_signature(signed, keys[1])


@pytest.mark.network
def test_signing_again_replaces_the_signature(signed: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    theirs = make_keys(tmp_path, "theirs")
    sign_bundle(signed, theirs[0])
    verify_signature(signed, theirs[1])
    with pytest.raises(BundleError, match="does not hold"):
        verify_signature(signed, keys[1])


@pytest.mark.network
def test_what_cannot_be_signed_or_checked(
    folder: Path, keys: tuple[Path, Path], tmp_path: Path, real_tool: None
) -> None:
    with pytest.raises(BundleError, match="is not signed"):
        verify_signature(folder, keys[1])
    with pytest.raises(DmvtonError, match="no private key at"):
        sign_bundle(folder, tmp_path / "nowhere.pem")
    with pytest.raises(DmvtonError, match="no public key at"):
        verify_signature(folder, tmp_path / "nowhere.pub")
    with pytest.raises(DmvtonError, match="was not signed"):
        sign_bundle(folder, keys[1])
    shutil.copy(folder / TFLITE, tmp_path / "a.zip")
    with pytest.raises(DmvtonError, match="not a bundle's folder"):
        sign_bundle(tmp_path / "a.zip", keys[0])
    (folder / TFLITE).write_bytes(b"other")
    with pytest.raises(BundleError, match=TFLITE):
        sign_bundle(folder, keys[0])
    assert "signature" not in os.listdir(folder)
    (folder / "signature").write_text("{}")
    with pytest.raises(DmvtonError, match="signature"):
        verify_signature(folder, keys[1])


@pytest.mark.network
def test_unsigned_options_do_not_creep_in(folder: Path, keys: tuple[Path, Path], real_tool: None) -> None:
    """What the tool is told to leave out is the signature, and nothing else."""
    sign_bundle(folder, keys[0])
    tool_payload = json.loads((folder / "signature").read_text())["dsseEnvelope"]["payload"]
    statement = json.loads(base64.b64decode(tool_payload))
    assert statement["predicate"]["serialization"]["ignore_paths"] == ["signature"]
