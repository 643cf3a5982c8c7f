"""A bundle is read back whole, or refused with the name of the file that is wrong."""

import json
import os
import shutil
import stat
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from dmvton_mobile.bundles import archive
from dmvton_mobile.bundles.bundle import (
    file_problems,
    new_bundle,
    read_bundle,
    read_golden,
    require_licence,
    seal,
    verify_files,
    write_golden,
    zip_bundle,
)
from dmvton_mobile.bundles.manifest import BundleError, Manifest, sealed_manifest
from dmvton_mobile.contract import Component
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.records.base import is_plain_path, record_json
from dmvton_mobile.targets import Precision, Target, artifact_name, artifact_path
from dmvton_mobile.utils.files import sha256_file
from tests.bundles.made import fill, make_bundle, manifest

TFLITE = "tflite/whole_fp16.tflite"
WEIGHTS = "coreml/whole_fp16.mlpackage/Data/com.apple.CoreML/weights/weight.bin"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "student.dmvton")


@pytest.fixture
def zipped(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    zip_bundle(folder, path)
    return path


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_names_of_artifacts() -> None:
    assert artifact_name(Component.TRYON, Target.TFLITE, Precision.FP16) == "tryon_fp16.tflite"
    assert artifact_path(Component.GARMENT_ENCODER, Target.COREML, Precision.FP32) == (
        "coreml/garment_encoder_fp32.mlpackage"
    )
    assert [target.suffix for target in Target] == [".mlpackage", ".tflite", ".pte", ".onnx"]


# Writing


def test_sealed_bundle_verifies(folder: Path) -> None:
    bundle = read_bundle(folder)
    verify_files(bundle)
    assert set(bundle.manifest.files) == set(files_of(folder)) - {"manifest.json"}
    record = bundle.manifest.files[TFLITE]
    assert (record.bytes, record.sha256) == (256, sha256_file(folder / TFLITE))
    assert bundle.manifest.artifacts[0].parity[0].psnr_db is None
    assert not bundle.signed


def test_same_bundle_same_bytes(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert files_of(make_bundle(tmp_path / "other" / "student.dmvton")) == files_of(folder)


def test_manifest_is_sorted_json(folder: Path) -> None:
    text = (folder / "manifest.json").read_text()
    assert text == json.dumps(json.loads(text), sort_keys=True, indent=2) + "\n"


def test_golden_tensors_round_trip(folder: Path, tmp_path: Path) -> None:
    tensors = {"b": np.arange(6, dtype=np.float32).reshape(2, 3).T, "a": np.zeros((1, 2), np.float32)}
    path = write_golden(tmp_path, "tryon", tensors)
    first = (tmp_path / path).read_bytes()
    write_golden(tmp_path, "tryon", dict(reversed(tensors.items())))
    assert path == "golden/tryon.safetensors" and (tmp_path / path).read_bytes() == first
    golden = read_golden(read_bundle(folder), "golden/whole.safetensors")
    np.testing.assert_array_equal(golden["person"], np.ones((1, 3, 2, 2), np.float32))
    assert golden.keys() == {"person", "tryon"}
    (folder / "golden/whole.safetensors").write_bytes(b"")
    with pytest.raises(BundleError, match="golden/whole.safetensors cannot be read"):
        read_golden(read_bundle(folder), "golden/whole.safetensors")


def test_failed_conversion_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DmvtonError, match="parity"), new_bundle(tmp_path / "a.dmvton") as folder:
        fill(folder)
        raise DmvtonError("parity")
    assert os.listdir(tmp_path) == []


def test_unsealed_bundle_is_the_writers_bug(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="seal"), new_bundle(tmp_path / "a.dmvton") as folder:
        fill(folder)
    assert os.listdir(tmp_path) == []


def test_bundles_have_their_suffix(tmp_path: Path) -> None:
    with pytest.raises(DmvtonError, match=r"\.dmvton"), new_bundle(tmp_path / "a"):
        pytest.fail("the block ran")


CANNOT_SEAL: dict[str, tuple[Callable[[Path], object], str]] = {
    "a link": (lambda folder: (folder / "link").symlink_to(folder / TFLITE), "link is a link"),
    "a linked folder": (lambda folder: (folder / "onnx").symlink_to(folder / "tflite"), "onnx is a link"),
    "a pipe": (lambda folder: os.mkfifo(folder / "pipe"), "pipe is not a plain file"),
    "a hidden file": (lambda folder: (folder / ".DS_Store").write_text("x"), "'.DS_Store' is not a valid file name"),
    "a space": (lambda folder: (folder / "a b").write_text("x"), "'a b' is not a valid file name"),
    "case": (
        lambda folder: shutil.copytree(folder / "tflite", folder / "Tflite"),
        "case",
    ),
    "no artifact": (lambda folder: (folder / TFLITE).unlink(), f"{TFLITE} is missing"),
    "no package": (lambda folder: shutil.rmtree(folder / "coreml"), "coreml/whole_fp16.mlpackage is missing"),
    "no golden": (lambda folder: shutil.rmtree(folder / "golden"), "golden/whole.safetensors is missing"),
}


@pytest.mark.parametrize("kind", CANNOT_SEAL)
def test_what_cannot_be_sealed(tmp_path: Path, kind: str) -> None:
    damage, message = CANNOT_SEAL[kind]
    with pytest.raises(DmvtonError, match=message), new_bundle(tmp_path / "a.dmvton") as folder:
        fill(folder)
        damage(folder)
        seal(folder, manifest())
    assert os.listdir(tmp_path) == []


# Damage


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 0x01
    path.write_bytes(content)


@pytest.mark.parametrize("name", [TFLITE, WEIGHTS, "golden/whole.safetensors"])
@pytest.mark.parametrize("position", [0, 100, -1])
def test_flipped_byte_is_found_and_named(folder: Path, name: str, position: int) -> None:
    flip(folder / name, position)
    with pytest.raises(BundleError, match=f"{name} was changed"):
        verify_files(read_bundle(folder))
    assert len(file_problems(read_bundle(folder))) == 1


def test_any_flipped_byte_of_the_manifest_is_found(folder: Path) -> None:
    file = folder / "manifest.json"
    content = file.read_bytes()
    for position in range(0, len(content), 3):
        flip(file, position)
        with pytest.raises(BundleError, match=r"manifest\.json"):
            read_bundle(folder)
        file.write_bytes(content)
    verify_files(read_bundle(folder))


def link_out(folder: Path, name: str) -> None:
    """The same content, but outside of the bundle."""
    outside = (folder / name).rename(folder.parent / "outside")
    (folder / name).symlink_to(outside)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (lambda folder: os.truncate(folder / TFLITE, 255), f"{TFLITE} has 255 bytes, the manifest says 256"),
    "missing": (lambda folder: (folder / WEIGHTS).unlink(), f"{WEIGHTS} is missing"),
    "unlisted": (lambda folder: (folder / "tflite/extra").write_text("x"), "tflite/extra is not listed"),
    "swapped": (lambda folder: shutil.copy(folder / WEIGHTS, folder / TFLITE), f"{TFLITE} has 200 bytes"),
    "link": (lambda folder: link_out(folder, TFLITE), f"{TFLITE} is a link"),
    "linked folder": (lambda folder: (folder / "onnx").symlink_to("tflite"), "onnx is a link"),
    "nested manifest": (lambda folder: shutil.copy(folder / "manifest.json", folder / "tflite"), "not listed"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named(folder: Path, kind: str) -> None:
    damage, message = DAMAGE[kind]
    damage(folder)
    with pytest.raises(BundleError, match=message):
        verify_files(read_bundle(folder))


def test_artifact_that_is_not_listed_is_named(folder: Path) -> None:
    sealed = read_bundle(folder).manifest
    (folder / TFLITE).unlink()
    listed = {path: record for path, record in sealed.files.items() if path != TFLITE}
    without = sealed_manifest(sealed.model_copy(update={"files": listed}))
    (folder / "manifest.json").write_text(record_json(without))
    assert file_problems(read_bundle(folder)) == [f"{TFLITE} is missing"]


def test_every_problem_is_named_at_once(folder: Path) -> None:
    flip(folder / TFLITE, 3)
    (folder / WEIGHTS).unlink()
    (folder / "note.txt").write_text("x")
    problems = file_problems(read_bundle(folder))
    assert len(problems) == 3
    with pytest.raises(BundleError) as caught:
        verify_files(read_bundle(folder))
    assert all(problem in str(caught.value) for problem in problems)
    assert caught.value.exit_code == 1


def test_what_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(DmvtonError, match="no bundle at") as caught:
        read_bundle(tmp_path / "nowhere")
    assert caught.value.exit_code == 2
    with pytest.raises(BundleError, match=r"holds no manifest\.json"):
        read_bundle(tmp_path)
    (tmp_path / "manifest.json").write_text('{"schema_version": 2}')
    with pytest.raises(BundleError, match="schema version 2; this version reads 1"):
        read_bundle(tmp_path)
    (tmp_path / "manifest.json").write_text('{"schema_version": 1, "network": "x"}')
    with pytest.raises(BundleError, match="align_corners: Field required"):
        read_bundle(tmp_path)


def test_manifest_refuses_paths_that_lead_outside() -> None:
    for path in ("../x", "/x", "a//b", "a/../b", "a\\b", "C:/x", "", ".", "a/.", "x.", "a b", "ä", "a\n", "-/../x"):
        assert not is_plain_path(path), path
        with pytest.raises(ValidationError, match="plain relative path"):
            Manifest.model_validate(manifest().model_dump() | {"files": {path: {"sha256": "0" * 64, "bytes": 1}}})
        with pytest.raises(ValidationError, match="plain relative path"):
            Manifest.model_validate(manifest().model_dump() | {"golden": [path]})
    assert is_plain_path(WEIGHTS) and is_plain_path("a-b_c.d/e")


def test_manifest_refuses_what_it_does_not_know() -> None:
    for change in ({"created": "today"}, {"schema_version": 2}, {"digest": "xyz"}, {"components": "halves"}):
        with pytest.raises(ValidationError):
            Manifest.model_validate(manifest().model_dump() | change)
    with pytest.raises(ValidationError, match="finite"):
        type(manifest().artifacts[0].parity[0])(
            output="a", inputs="random", psnr_db=float("inf"), max_abs_error=0.0, bound_db=1.0
        )


def test_manifest_has_a_schema() -> None:
    schema = Manifest.model_json_schema()
    assert schema["additionalProperties"] is False and {"files", "artifacts", "licence"} <= schema["properties"].keys()


def test_release_needs_a_licence(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DmvtonError, match="licence"):
        require_licence(read_bundle(folder))
    with pytest.raises(DmvtonError, match="licence"):
        require_licence(read_bundle(make_bundle(tmp_path / "blank.dmvton", licence="  ")))
    require_licence(read_bundle(make_bundle(tmp_path / "mine.dmvton", licence="LicenseRef-Mine")))


# Zip


def test_zip_round_trip(folder: Path, zipped: Path) -> None:
    bundle = read_bundle(zipped)
    verify_files(bundle)
    assert files_of(bundle.folder) == files_of(folder)


def test_unpacked_folder_goes_with_the_program(zipped: Path) -> None:
    program = "import sys; from pathlib import Path; from dmvton_mobile.bundles.bundle import read_bundle\n"
    program += "folder = read_bundle(Path(sys.argv[1])).folder; print(folder, (folder / 'manifest.json').exists())"
    done = subprocess.run([sys.executable, "-c", program, str(zipped)], capture_output=True, text=True, check=True)
    folder, there = done.stdout.split()
    assert there == "True" and not Path(folder).exists()


def test_same_bundle_same_zip(folder: Path, zipped: Path, tmp_path: Path) -> None:
    for path in folder.rglob("*"):
        os.utime(path, (1, 1_000_000_000))
        path.chmod(0o700)
    zip_bundle(folder, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == zipped.read_bytes()


def test_zip_carries_the_signature(folder: Path, tmp_path: Path) -> None:
    (folder / "signature").write_text("signed")
    zip_bundle(folder, tmp_path / "signed.zip")
    bundle = read_bundle(tmp_path / "signed.zip")
    verify_files(bundle)
    assert bundle.signed


def test_damaged_bundle_is_not_zipped(folder: Path, tmp_path: Path) -> None:
    flip(folder / TFLITE, 0)
    with pytest.raises(BundleError, match=TFLITE):
        zip_bundle(folder, tmp_path / "a.zip")
    assert os.listdir(tmp_path) == ["student.dmvton"]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zip_made_by_hand_holds_the_folder(folder: Path, tmp_path: Path, compression: int) -> None:
    path = tmp_path / "by_hand.zip"
    with zipfile.ZipFile(path, "w", compression) as sink:
        for file in sorted(folder.rglob("*")):
            sink.write(file, file.relative_to(folder.parent))
    verify_files(read_bundle(path))


Entries = list[tuple[zipfile.ZipInfo, bytes]]


def rewrite(path: Path, change: Callable[[Entries], None]) -> None:
    """The same zip with its entries changed."""
    with zipfile.ZipFile(path) as source:
        entries = [(entry, source.read(entry)) for entry in source.infolist()]
    change(entries)
    with zipfile.ZipFile(path, "w") as sink:
        for entry, content in entries:
            sink.writestr(entry, content, entry.compress_type)


def add(
    name: str, content: bytes = b"x", mode: int = 0, compression: int = zipfile.ZIP_STORED
) -> Callable[[Entries], None]:
    entry = zipfile.ZipInfo(name)
    entry.filename = name  # as an attacker would write it, not as this system spells it
    entry.external_attr, entry.compress_type = mode << 16, compression
    return lambda entries: entries.append((entry, content))


def replace(name: str, content: bytes) -> Callable[[Entries], None]:
    def change(entries: Entries) -> None:
        index = next(index for index, (entry, _) in enumerate(entries) if entry.filename == name)
        entries[index] = (entries[index][0], content)

    return change


def drop(name: str) -> Callable[[Entries], None]:
    return lambda entries: entries.remove(next(item for item in entries if item[0].filename == name))


UNSAFE: dict[str, tuple[Callable[[Entries], None], str]] = {
    "parent": (add("../evil"), r"'\.\./evil' is not a valid file name"),
    "hidden parent": (add("tflite/../../evil"), "is not a valid file name"),
    "absolute": (add("/tmp/evil"), "'/tmp/evil' is not a valid file name"),
    "backslash": (add("..\\evil"), "is not a valid file name"),
    "drive": (add("C:/evil"), "'C:/evil' is not a valid file name"),
    "empty part": (add("a//b"), "is not a valid file name"),
    "a folder outside": (add("../evil/"), "is not a valid file name"),
    "link": (add("link", b"/etc/passwd", stat.S_IFLNK | 0o777), "link is a link"),
    "device": (add("device", b"", stat.S_IFCHR | 0o666), "device is a link or a special file"),
    "twice": (add(TFLITE, bytes(range(256))), f"{TFLITE} occurs 2 times"),
    "manifest twice": (add("manifest.json"), r"manifest\.json occurs 2 times"),
    "case": (add(TFLITE.upper()), "one file where case does not count"),
    "unlisted": (add("extra"), "extra is not listed"),
    "bomb": (add("zeros", bytes(10**7), compression=zipfile.ZIP_DEFLATED), "more than 100 times"),
    "other size": (replace(TFLITE, b"short"), f"{TFLITE} has 5 bytes, the manifest says 256"),
    "other packing": (add("extra", compression=zipfile.ZIP_LZMA), "extra is packed in a way"),
    "no manifest": (drop("manifest.json"), r"holds no manifest\.json"),
    "huge signature": (add("signature", os.urandom(2**24 + 1)), "signature has 16777217 bytes"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", UNSAFE)
def test_unsafe_zip_is_refused(zipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    change, message = UNSAFE[kind]
    rewrite(zipped, change)
    with pytest.raises(BundleError, match=message) as caught:
        read_bundle(zipped)
    assert zipped.name in str(caught.value)
    assert os.listdir(scratch) == [] and not Path("/tmp/evil").exists() and not list(tmp_path.rglob("evil*"))


def test_changed_content_in_a_zip_is_named(zipped: Path) -> None:
    rewrite(zipped, replace(TFLITE, bytes(256)))
    with pytest.raises(BundleError, match=f"{TFLITE} was changed"):
        verify_files(read_bundle(zipped))
    rewrite(zipped, drop(TFLITE))
    with pytest.raises(BundleError, match=f"{TFLITE} is missing"):
        verify_files(read_bundle(zipped))


def test_encrypted_entry_is_refused(zipped: Path) -> None:
    content = bytearray(zipped.read_bytes())
    position = content.index(b"PK\x01\x02")  # the first entry of the directory; its flags are eight bytes on
    struct.pack_into("<H", content, position + 8, 1)
    zipped.write_bytes(content)
    with pytest.raises(BundleError, match="is encrypted"):
        read_bundle(zipped)


def test_flipped_byte_in_a_zip_is_found(zipped: Path) -> None:
    content = zipped.read_bytes()
    flip(zipped, content.index(bytes(range(100, 200))))
    with pytest.raises(BundleError, match="CRC"):
        read_bundle(zipped)


def test_too_many_entries(zipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_ENTRIES", 3)
    with pytest.raises(BundleError, match="at most 3"):
        read_bundle(zipped)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"<html></html>", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_zip(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(BundleError, match=r"a\.zip"):
        read_bundle(tmp_path / "a.zip")


def test_truncated_zip(zipped: Path) -> None:
    content = zipped.read_bytes()
    for length in range(0, len(content), 211):
        zipped.write_bytes(content[:length])
        with pytest.raises(BundleError, match="cut short"):
            read_bundle(zipped)


def test_garbled_zips_never_pass_unnoticed(zipped: Path) -> None:
    """Whatever byte is garbled: one of our errors, or what was packed."""
    content = zipped.read_bytes()
    original = files_of(read_bundle(zipped).folder)
    refused = 0
    for position in range(0, len(content), 7):
        zipped.write_bytes(content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :])
        try:
            bundle = read_bundle(zipped)
            verify_files(bundle)
        except DmvtonError:
            refused += 1
        else:
            assert files_of(bundle.folder) == original
    assert refused > len(content) // 7 // 2
