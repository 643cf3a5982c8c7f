"""Section 1: bundles that are changed, and why they are refused."""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from pydantic import JsonValue

from dmvton_mobile.bundles.manifest import MANIFEST
from tests.app_vectors.cases import Case

Manifest = dict[str, JsonValue]


def refusals(bundle: Path) -> list[Case]:
    """changes: of a copy of `bundle`, in order: files written (base64) or removed, links made, files that
    grow by that many spaces. kind: why it is refused; null where it is good."""
    text = (bundle / MANIFEST).read_text()
    tflite = "tflite/whole_fp16.tflite"
    content = (bundle / tflite).read_bytes()
    listed = json.loads(text)["files"][tflite]

    def manifest(change: Callable[[Manifest], None]) -> JsonValue:
        """Sealed again after the change."""
        values = json.loads(text)
        change(values)
        values["digest"] = "0" * 64
        unsealed = json.dumps(values, sort_keys=True, indent=2, ensure_ascii=False) + "\n"
        digest = hashlib.sha256(unsealed.encode()).hexdigest()
        return _written(MANIFEST, unsealed.replace("0" * 64, digest).encode())

    def with_file(path: str) -> JsonValue:
        return manifest(lambda values: values["files"].update({path: listed}))  # type: ignore[union-attr]

    flipped = bytes([content[0] ^ 1]) + content[1:]
    asked: list[tuple[str, list[JsonValue], str | None]] = [
        ("good", [], None),
        ("signed", [_written("signature", b"{}")], None),
        ("more_than_is_needed", [manifest(lambda values: values.update(tool_versions={"torch": "9"}))], None),
        ("one_bit", [_written(tflite, flipped)], "changed"),
        ("cut_short", [_written(tflite, content[:-1])], "changed"),
        ("longer", [_written(tflite, content + b"\0")], "changed"),
        ("missing", [{"op": "remove", "path": tflite}], "missing"),
        ("unlisted", [_written("tflite/other.tflite", b"x")], "unlisted"),
        ("hidden", [_written(".hidden", b"x")], "unlisted"),
        (
            "a_link",
            [{"op": "remove", "path": tflite}, {"op": "link", "path": tflite, "to": "../manifest.json"}],
            "link",
        ),
        ("a_linked_folder", [{"op": "link", "path": "more", "to": "tflite"}], "link"),
        ("no_manifest", [{"op": "remove", "path": MANIFEST}], "no_manifest"),
        ("manifest_changed", [_written(MANIFEST, text.replace("dmvton-student", "dmvton-teacher").encode())], "digest"),
        ("manifest_upper_case", [_written(MANIFEST, _upper_digest(text))], "invalid"),
        ("manifest_cut_short", [_written(MANIFEST, text[:-3].encode())], "invalid"),
        ("manifest_is_a_list", [_written(MANIFEST, b"[]")], "invalid"),
        ("no_json", [_written(MANIFEST, b"\xff\xfe{")], "invalid"),
        ("without_network", [manifest(lambda values: values.pop("network"))], "invalid"),  # type: ignore[arg-type]
        ("without_schema", [manifest(lambda values: values.pop("schema_version"))], "invalid"),  # type: ignore[arg-type]
        ("newer", [manifest(lambda values: values.update(schema_version=2))], "schema"),
        ("newer_by_text", [manifest(lambda values: values.update(schema_version="1"))], "schema"),
        ("size_of_words", [manifest(lambda values: values.update(size=["a", "b"]))], "invalid"),
        ("size_in_quotes", [manifest(lambda values: values.update(size=["64", "64"]))], "invalid"),
        ("size_of_one", [manifest(lambda values: values.update(size=[64]))], "invalid"),
        ("size_of_nothing", [manifest(lambda values: values.update(size=[0, 64]))], "invalid"),
        ("size_of_too_much", [manifest(lambda values: values.update(size=[2**15 + 1, 64]))], "invalid"),
        ("size_at_the_most", [manifest(lambda values: values.update(size=[2**15, 1]))], None),
        ("shape_of_nothing", [manifest(_shape([1, 3, 0, 64]))], "invalid"),
        ("trained_by_number", [manifest(lambda values: values.update(trained=1))], "invalid"),
        ("bytes_below_nothing", [manifest(_listed(tflite, {"bytes": -1}))], "invalid"),
        ("bytes_in_quotes", [manifest(_listed(tflite, {"bytes": "256"}))], "invalid"),
        ("bytes_of_too_much", [manifest(_listed(tflite, {"bytes": 2**50 + 1}))], "invalid"),
        ("bytes_beyond_numbers", [manifest(_listed(tflite, {"bytes": 10**30}))], "invalid"),
        ("sha256_upper_case", [manifest(_listed(tflite, {"sha256": listed["sha256"].upper()}))], "invalid"),
        ("nested", [manifest(_nested(100))], None),
        ("nested_without_end", [_written(MANIFEST, b'{"training": ' + b"[" * 100_000)], "invalid"),
        ("path_outside", [with_file("../evil")], "path"),
        ("path_absolute", [with_file("/etc/passwd")], "path"),
        ("path_backslash", [with_file("tflite\\evil")], "path"),
        ("path_empty_part", [with_file("tflite//evil")], "path"),
        ("path_hidden", [with_file("tflite/.evil")], "path"),
        ("path_ends_with_a_dot", [with_file("tflite/evil.")], "path"),
        ("path_with_nul", [with_file("tflite/e\0vil")], "path"),
        ("path_not_ascii", [with_file("tflite/\u00e9vil")], "path"),
        ("artifact_path", [manifest(_artifact_path("../../x"))], "path"),
        ("case_twins", [with_file("TFLITE/whole_fp16.tflite")], "case"),
        ("artifact_not_listed", [manifest(_artifact_path("tflite/other.tflite"))], "missing"),
        ("golden_not_listed", [manifest(lambda values: values.update(golden=["golden/other.safetensors"]))], "missing"),
        ("too_large", [{"op": "grow", "path": MANIFEST, "bytes": 16 * 2**20}], "too_large"),
    ]
    return [{"name": name, "changes": changes, "kind": kind} for name, changes, kind in asked]


def _artifact_path(path: str) -> Callable[[Manifest], None]:
    def change(values: Manifest) -> None:
        values["artifacts"][1]["path"] = path  # type: ignore[index,call-overload]

    return change


def _shape(shape: list[int]) -> Callable[[Manifest], None]:
    def change(values: Manifest) -> None:
        values["artifacts"][1]["contract"]["inputs"][0]["shape"] = list(shape)  # type: ignore[index,call-overload]

    return change


def _listed(path: str, says: dict[str, JsonValue]) -> Callable[[Manifest], None]:
    def change(values: Manifest) -> None:
        values["files"][path].update(says)  # type: ignore[index,call-overload,union-attr]

    return change


def _nested(depth: int) -> Callable[[Manifest], None]:
    """In what an app does not look at."""

    def change(values: Manifest) -> None:
        nested: JsonValue = []
        for _ in range(depth):
            nested = [nested]
        values["training"] = {"nested": nested}

    return change


def _upper_digest(text: str) -> bytes:
    digest = json.loads(text)["digest"]
    return text.replace(digest, digest.upper()).encode()


def _written(path: str, content: bytes) -> JsonValue:
    return {"op": "write", "path": path, "base64": base64.b64encode(content).decode()}
