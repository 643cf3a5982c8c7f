"""Section 1: bundles packed well and badly."""

import io
import stat
import struct
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from unittest.mock import patch

from tests.app_vectors.cases import Case


def zips(bundle: Path, folder: Path) -> list[Case]:
    """kind: why the zip, or what is in it, is refused; null where it is good. may: an app may refuse this good one."""
    folder.mkdir()
    files = {
        path.relative_to(bundle).as_posix(): path.read_bytes() for path in sorted(bundle.rglob("*")) if path.is_file()
    }
    tflite = "tflite/whole_fp16.tflite"
    other = {name: content for name, content in files.items() if name != tflite}
    link = zipfile.ZipInfo("tflite/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    asked: list[tuple[str, bytes, str | None]] = [
        ("good", _zip(files), None),
        ("deflated", _zip(files, method=zipfile.ZIP_DEFLATED), None),
        ("in_a_folder", _zip({f"good.dmvton/{name}": content for name, content in files.items()}), None),
        ("outside", _zip(files | {"../evil": b"x"}), "unsafe"),
        ("absolute", _zip(files | {"/evil": b"x"}), "unsafe"),
        ("backslash", _zip(files | {"tflite\\evil": b"x"}), "unsafe"),
        ("case_twins", _zip(files | {tflite.upper(): b"x"}), "unsafe"),
        ("twice", _zip(files, again=tflite), "unsafe"),
        ("link", _zip(files, more=[(link, b"../../evil")]), "unsafe"),
        ("encrypted", _zip(files, flags=1), "unsafe"),
        ("bzip2", _zip(files, method=zipfile.ZIP_BZIP2), "unsafe"),
        ("bomb", _zip(files | {"tflite/zeros": bytes(2**22)}, method=zipfile.ZIP_DEFLATED), "unsafe"),
        ("unlisted", _zip(files | {"tflite/other": b"x"}), "unlisted"),
        ("other_size", _zip(other | {tflite: files[tflite] + b"x"}), "changed"),
        ("one_bit", _zip(other | {tflite: bytes([files[tflite][0] ^ 1]) + files[tflite][1:]}), "changed"),
        ("one_is_missing", _zip(other), "missing"),
        ("no_manifest", _zip({tflite: files[tflite]}), "no_manifest"),
        ("cut_short", _zip(files)[:-30], "damaged"),
        ("no_zip", b"not a zip" * 9, "damaged"),
        ("spoilt", _spoilt(_zip(files), files[tflite]), "damaged"),
        ("zip64", _zip64(files), None),
        ("bytes_before_it", b"before" + _zip(files), None),
        ("a_comment", _commented(_zip(files), b"made by hand"), None),
        ("directory_beyond_it", _end(_zip(files), 16, "<L", 2**31), "damaged"),
        ("more_than_it_holds", _end(_zip(files), 10, "<H", len(files) + 1), None),
        ("two_folders", _zip({f"{name[0]}/{name}": content for name, content in files.items()}), "no_manifest"),
    ]
    for name, content, _ in asked:
        (folder / f"{name}.zip").write_bytes(content)
    may = ("zip64", "bytes_before_it", "more_than_it_holds")
    return [{"name": name, "kind": kind, "may": name in may} for name, _, kind in asked]


def _zip(
    files: Mapping[str, bytes],
    *,
    method: int = zipfile.ZIP_STORED,
    again: str | None = None,
    more: list[tuple[zipfile.ZipInfo, bytes]] | None = None,
    flags: int = 0,
) -> bytes:
    made = io.BytesIO()
    entries = [(_entry(name), content) for name, content in files.items()]
    entries += [(_entry(again), files[again])] if again else []
    with zipfile.ZipFile(made, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of names that are there twice
        for entry, content in [*entries, *(more or [])]:
            archive.writestr(entry, content, compress_type=method, compresslevel=9)
    packed = bytearray(made.getvalue())
    place = -1
    while flags and (place := packed.find(b"PK\x01\x02", place + 1)) >= 0:
        packed[place + 8] |= flags
    return bytes(packed)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo("x")
    entry.filename, entry.create_system = name, 3  # as it is: the constructor would mend it
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    return entry


def _spoilt(packed: bytes, content: bytes) -> bytes:
    """A byte of a stored file is another; its CRC-32 is not."""
    place = packed.index(content)
    return packed[:place] + bytes([packed[place] ^ 1]) + packed[place + 1 :]


def _zip64(files: Mapping[str, bytes]) -> bytes:
    """With sizes and places in the directory's zip64 fields, as if they were large."""
    with patch.object(zipfile, "ZIP64_LIMIT", 0):
        return _zip(files)


def _commented(packed: bytes, comment: bytes) -> bytes:
    return _end(packed, 20, "<H", len(comment)) + comment


def _end(packed: bytes, place: int, form: str, value: int) -> bytes:
    """The record that ends the zip says another number at that place."""
    changed = bytearray(packed)
    struct.pack_into(form, changed, packed.rindex(b"PK\5\6") + place, value)
    return bytes(changed)
