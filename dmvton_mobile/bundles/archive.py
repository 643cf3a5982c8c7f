"""Packs a bundle into a zip, the same bytes every time, and unpacks it safely.

An unsafe zip is refused before anything is written: paths that lead outside, links, names that occur twice or differ
only in case, encrypted entries, files that the manifest does not list or lists at another size, zip bombs.
"""

import errno
import shutil
import stat
import struct
import zipfile
import zlib
from collections import Counter
from pathlib import Path

from dmvton_mobile.bundles.manifest import (
    MANIFEST,
    SIGNATURE,
    BundleError,
    case_collisions,
    parse_manifest,
)
from dmvton_mobile.records.base import is_plain_path

MAX_ENTRIES = 10_000
MAX_UNLISTED_BYTES = 16 * 2**20  # of the manifest, and of the signature
MAX_RATIO = 100  # bytes unpacked per byte of zip; weights and index tables stay far below
_ZIP_FAULTS = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, ValueError)


def pack(folder: Path, names: list[str], path: Path) -> None:
    """Writes files of a folder into a zip, in the order of their names and dated 1980.

    They are stored, not deflated: weights hardly shrink, and deflate's bytes differ between zlib versions.

    Args:
        folder: the bundle.
        names: paths in the folder.
        path: the zip to write.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in names:
            entry = zipfile.ZipInfo(name)
            entry.create_system, entry.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            entry.file_size = (folder / name).stat().st_size
            with (folder / name).open("rb") as source, archive.open(entry, "w") as sink:
                shutil.copyfileobj(source, sink)


def unpack(path: Path, folder: Path) -> None:
    """Unpacks a bundle into an existing folder. A top folder in the zip, as zips by hand have, is removed.

    Args:
        path: the zip.
        folder: where to.

    Raises:
        BundleError: the zip is damaged, unsafe, or holds no bundle; see the module.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for name, entry in _safe_entries(archive, path).items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as source, (folder / name).open("xb") as sink:
                    shutil.copyfileobj(source, sink)
    except (*_ZIP_FAULTS, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # of the disk, not of a place outside the zip
            raise
        raise BundleError(f"{path} is damaged, cut short, or not a zip: {error}.") from error


def _safe_entries(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """The zip's files by their path in the bundle."""
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if len(entries) > MAX_ENTRIES:
        raise BundleError(f"{path} is refused: it holds {len(entries)} files; a bundle has at most {MAX_ENTRIES}.")
    problems = [problem for entry in entries if (problem := _problem(entry))]
    problems += [f"{name} occurs {times} times" for name, times in Counter(names).items() if times > 1]
    problems += case_collisions(names)
    total = sum(entry.file_size for entry in entries)
    if total > MAX_RATIO * path.stat().st_size:
        problems.append(f"it would unpack to {total} bytes, more than {MAX_RATIO} times its own size")
    _refuse(path, problems)
    files = {entry.filename: entry for entry in entries if not entry.is_dir()}
    top = next(iter(files), "").partition("/")[0] + "/"
    if MANIFEST not in files and all(name.startswith(top) for name in files):
        files = {name.removeprefix(top): entry for name, entry in files.items()}
    if MANIFEST not in files:
        raise BundleError(f"{path} is not a bundle: it holds no {MANIFEST}.")
    unlisted = {name: files[name] for name in (MANIFEST, SIGNATURE) if name in files}
    too_big = [name for name, entry in unlisted.items() if entry.file_size > MAX_UNLISTED_BYTES]
    _refuse(path, [f"its {name} has {unlisted[name].file_size} bytes" for name in too_big])
    sizes = {name: record.bytes for name, record in parse_manifest(archive.read(files[MANIFEST])).files.items()}
    listed = {name: entry for name, entry in files.items() if name not in unlisted}
    _refuse(
        path,
        [f"{name} is not listed in the manifest" for name in listed.keys() - sizes.keys()]
        + [
            f"{name} has {entry.file_size} bytes, the manifest says {sizes[name]}"
            for name, entry in listed.items()
            if name in sizes and entry.file_size != sizes[name]
        ],
    )
    return files


def _problem(entry: zipfile.ZipInfo) -> str | None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if not is_plain_path(entry.filename.removesuffix("/")) or entry.filename != entry.orig_filename:
        return f"{entry.orig_filename!r} is not a valid file name in a bundle"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return f"{entry.filename} is a link or a special file"
    if entry.flag_bits & 0x1:
        return f"{entry.filename} is encrypted"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"{entry.filename} is packed in a way that phones do not unpack"
    return None


def _refuse(path: Path, problems: list[str]) -> None:
    if problems:
        raise BundleError(f"{path} is refused: {'; '.join(sorted(problems))}.")
