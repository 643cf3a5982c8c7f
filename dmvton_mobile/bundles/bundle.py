"""Writes and reads bundles: the artifacts of one network, golden tensors, and a manifest with the hash of every file.

Write:  with new_bundle(path) as folder:   # nothing is left behind when the block raises
            ...                            # artifacts into folder / artifact_path(component, target, precision)
            golden = write_golden(folder, "tryon", tensors)
            seal(folder, Manifest(..., golden=(golden,)))
Read:   bundle = read_bundle(path)         # a folder, or a .zip of one
        verify_files(bundle)
"""

import atexit
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from dmvton_mobile.bundles.archive import MAX_UNLISTED_BYTES, pack, unpack
from dmvton_mobile.bundles.manifest import (
    MANIFEST,
    SIGNATURE,
    BundleError,
    FileRecord,
    Manifest,
    case_collisions,
    parse_manifest,
    sealed_manifest,
)
from dmvton_mobile.errors import DmvtonError, printable
from dmvton_mobile.records.base import is_plain_path, record_json
from dmvton_mobile.utils.files import atomic_file, atomic_folder, sha256_file

BUNDLE_SUFFIX = ".dmvton"


@dataclass(frozen=True)
class Bundle:
    """A bundle that was opened.

    Attributes:
        folder: of a zip, a temporary one, which is removed when the program ends.
        manifest: checked against its own digest.
    """

    folder: Path
    manifest: Manifest

    @property
    def signed(self) -> bool:
        """Whether it has a signature; whether that is valid, `signing.verify_signature` checks."""
        return (self.folder / SIGNATURE).is_file()


@contextmanager
def new_bundle(path: Path) -> Iterator[Path]:
    """Yields an empty folder that becomes the bundle `path` when the block ends; `seal` it inside the block.

    Raises:
        DmvtonError: the name has another suffix than `.dmvton`, or the bundle exists.
        RuntimeError: the block ended without `seal`.
    """
    if path.suffix != BUNDLE_SUFFIX:
        raise DmvtonError(f"A bundle's name ends in {BUNDLE_SUFFIX}; this is {path.name}.")
    with atomic_folder(path) as folder:
        yield folder
        if not (folder / MANIFEST).is_file():
            raise RuntimeError("new_bundle: the block ended without seal(folder, manifest)")


def write_golden(folder: Path, name: str, tensors: Mapping[str, np.ndarray]) -> str:
    """Writes golden/NAME.safetensors, the same bytes for the same tensors, and returns that path for the manifest."""
    path = f"golden/{name}.safetensors"
    (folder / "golden").mkdir(exist_ok=True)
    save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()}, folder / path)
    return path


def read_golden(bundle: Bundle, path: str) -> dict[str, np.ndarray]:
    """Reads the float32 tensors of a golden file, by its path in the manifest. Raises BundleError."""
    try:
        tensors = load_file(bundle.folder / path)
    except (OSError, SafetensorError) as error:
        raise BundleError(f"{path} cannot be read: {error}.") from error
    if others := sorted(name for name, tensor in tensors.items() if tensor.dtype != np.float32):
        raise BundleError(f"{path} cannot be replayed: {printable(', '.join(others))} is not float32.")
    return tensors


def seal(folder: Path, manifest: Manifest) -> Manifest:
    """Hashes every file of the folder and writes manifest.json.

    Args:
        folder: of the bundle.
        manifest: without `files` and `digest`.

    Returns:
        The manifest as it was written, with both filled in.

    Raises:
        DmvtonError: the folder has a file that a bundle cannot hold, or lacks one that the manifest names.
    """
    files, problems = _walk(folder)
    _refuse(problems, f"{folder} cannot be sealed", DmvtonError)
    records = {path: FileRecord(sha256=sha256_file(file), bytes=file.stat().st_size) for path, file in files.items()}
    manifest = sealed_manifest(manifest.model_copy(update={"files": records}))
    _refuse(_dangling(manifest), f"{folder} cannot be sealed", DmvtonError)
    with atomic_file(folder / MANIFEST, overwrite=True) as partial:
        partial.write_text(record_json(manifest), encoding="utf-8")
    return manifest


def reseal(bundle: Bundle, manifest: Manifest) -> Manifest:
    """Replaces the manifest of a bundle, after verifying its files; returns it as `seal` does.

    Raises:
        DmvtonError: the bundle is signed, and its signature covers the old manifest.
        BundleError: a file was changed.
    """
    if bundle.signed:
        raise DmvtonError(
            f"{bundle.folder.name} is signed, and another manifest would void its signature: sign it afterwards."
        )
    verify_files(bundle)
    return seal(bundle.folder, manifest)


def read_bundle(path: Path) -> Bundle:
    """Opens a bundle and checks its manifest; `verify_files` checks the files.

    Args:
        path: a bundle's folder, or a .zip of it.

    Raises:
        DmvtonError: there is no bundle.
        BundleError: the manifest is damaged, or the zip is unsafe.
    """
    if not path.exists():
        raise DmvtonError(f"There is no bundle at {path}.")
    if path.is_dir():
        return _open_folder(path)
    folder = Path(tempfile.mkdtemp(prefix="dmvton-bundle-"))
    try:
        unpack(path, folder)
        bundle = _open_folder(folder)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise DmvtonError(f"{path} cannot be unpacked into {folder.parent}: {error.strerror}.") from error
        raise
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return bundle


def verify_files(bundle: Bundle) -> None:
    """Raises BundleError naming every file that is missing, changed or not listed, and every link."""
    _refuse(file_problems(bundle), f"{bundle.folder.name} is not what was sealed", BundleError)


def file_problems(bundle: Bundle) -> list[str]:
    """Every file that is missing, changed or not listed, and every link, one sentence each."""
    files, problems = _walk(bundle.folder)
    problems += _dangling(bundle.manifest)
    listed = bundle.manifest.files
    problems += [f"{path} is missing" for path in listed.keys() - files.keys()]
    problems += [f"{path} is not listed in the manifest" for path in files.keys() - listed.keys()]
    for path in files.keys() & listed.keys():
        file, record = files[path], listed[path]
        if file.stat().st_size != record.bytes:
            problems.append(f"{path} has {file.stat().st_size} bytes, the manifest says {record.bytes}")
        elif sha256_file(file) != record.sha256:
            problems.append(f"{path} was changed: its SHA-256 is not the manifest's")
    return sorted(problems)


def require_licence(bundle: Bundle) -> None:
    """Raises DmvtonError where the manifest names no licence: an app release needs the licence of the weights."""
    if not (bundle.manifest.licence or "").strip():
        raise DmvtonError(
            f"{bundle.folder.name} has no licence, and an app release needs one: "
            "convert again with the licence of its weights."
        )


def zip_bundle(folder: Path, path: Path) -> None:
    """Verifies a bundle and packs it into a new zip: the same bytes for the same bundle. Raises BundleError."""
    bundle = read_bundle(folder)
    verify_files(bundle)
    names = sorted([*bundle.manifest.files, MANIFEST, *([SIGNATURE] if bundle.signed else [])])
    with atomic_file(path) as partial:
        pack(bundle.folder, names, partial)


def _open_folder(folder: Path) -> Bundle:
    file = folder / MANIFEST
    if file.is_symlink() or not file.is_file():
        raise BundleError(f"{folder} is not a bundle: it holds no {MANIFEST}.")
    if file.stat().st_size > MAX_UNLISTED_BYTES:
        raise BundleError(f"{folder} is refused: its {MANIFEST} has {file.stat().st_size} bytes.")
    return Bundle(folder, parse_manifest(file.read_bytes()))


def _walk(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Every file by its path, without manifest and signature; and one sentence for all that a bundle cannot hold."""
    files: dict[str, Path] = {}
    problems: list[str] = []
    for root, folders, names in os.walk(folder):
        for name in sorted(folders + names):
            file = Path(root, name)
            path, mode = file.relative_to(folder).as_posix(), file.lstat().st_mode
            if stat.S_ISLNK(mode):
                problems.append(f"{path} is a link")
            elif stat.S_ISREG(mode) and path not in (MANIFEST, SIGNATURE):
                files[path] = file
                problems += [] if is_plain_path(path) else [f"{path!r} is not a valid file name in a bundle"]
            elif not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                problems.append(f"{path} is not a plain file")
    return files, problems + case_collisions(list(files))


def _dangling(manifest: Manifest) -> list[str]:
    """Artifacts and golden files that the manifest names but does not list."""
    named = [artifact.path for artifact in manifest.artifacts] + list(manifest.golden)
    inside = {parent.as_posix() for path in manifest.files for parent in PurePosixPath(path).parents}
    return [f"{path} is missing" for path in named if path not in manifest.files and path not in inside]


def _refuse(problems: list[str], what: str, fault: type[DmvtonError]) -> None:
    if problems:
        raise fault(f"{what}: {'; '.join(problems)}.")
