"""Section 5: golden replay."""

import base64
import json

import numpy as np
from pydantic import JsonValue
from safetensors.numpy import save

from dmvton_mobile.bundles.parity import compare
from dmvton_mobile.errors import CheckFailed
from tests.app_vectors.cases import Arrays, Case
from tests.bundles.made import CONTRACT


def replays(arrays: Arrays) -> list[Case]:
    """psnr_db: null where equal, and where nothing can be compared."""
    random = np.random.default_rng(4)
    cases: list[Case] = []
    tensor = CONTRACT.outputs[0]
    reference = random.random(tensor.nchw_shape).astype(np.float32)
    spoilt = reference.copy()
    spoilt[0, 0, 0, 0] = np.nan
    asked: list[tuple[str, str, np.ndarray, float]] = [
        ("equal", "rgb", reference, 60.0),
        ("near", "rgb", reference + np.float32(1e-4), 60.0),
        ("far", "rgb", reference + np.float32(0.02), 60.0),
        ("int8", "rgb", reference + np.float32(0.02), 20.0),
        ("flow", "flow", reference + np.float32(0.015), 40.0),
        ("features", "features", 4 * reference + np.float32(0.002), 60.0),
        ("not_finite", "rgb", spoilt, 20.0),
        ("other_shape", "rgb", reference[:, :, :32], 20.0),
    ]
    for name, kind, candidate, bound_db in asked:
        held = reference if name != "features" else 4 * reference
        arrays[f"replay.{name}.reference"], arrays[f"replay.{name}.candidate"] = held, np.ascontiguousarray(candidate)
        of_kind = tensor.model_copy(update={"kind": kind})
        passes, psnr_db = True, None
        try:
            (figure,) = compare(
                {tensor.name: held},
                {tensor.name: candidate},
                contracts=(of_kind,),
                bound_db=-1000.0,
                inputs="example",
                what=name,
            )
            psnr_db = figure.psnr_db
            passes = psnr_db is None or psnr_db >= bound_db
        except CheckFailed:
            passes = False
        cases.append({"name": name, "kind": kind, "bound_db": bound_db, "passes": passes, "psnr_db": psnr_db})
    return cases


def tensor_files() -> list[Case]:
    """values: of the file's float32 tensor `a`, and shape; null where it holds no such tensor, or is no such file."""
    values = np.array([[0.5, -1.5, 6e4], [1e-3, -0.0, 7.0]], np.float32)
    good = save({"0": np.ones(3, np.float32), "a": values}, {"made": "here"})
    asked: list[tuple[str, bytes, bool]] = [
        ("good", good, True),
        ("empty", b"", False),
        ("header_cut_short", good[:20], False),
        ("values_cut_short", good[:-1], False),
        ("header_beyond_the_file", (2**63 - 1).to_bytes(8, "little") + good[8:], False),
        ("header_beyond_numbers", (2**64 - 1).to_bytes(8, "little") + good[8:], False),
        ("no_json", good[:8] + b"x" + good[9:], False),
        ("a_list", _tensors_file([]), False),
        ("half", save({"a": values.astype(np.float16)}), False),
        ("other_name", save({"c": values}), False),
        ("more_than_it_holds", _tensors_file({"a": _entry([3], [0, 8])}), False),
        ("less_than_it_holds", _tensors_file({"a": _entry([1], [0, 8])}), False),
        ("below_nothing", _tensors_file({"a": _entry([-2], [0, 8])}), False),
        ("backwards", _tensors_file({"a": _entry([2], [8, 0])}), False),
        ("before_the_values", _tensors_file({"a": _entry([2], [-8, 0])}), False),
        ("behind_the_values", _tensors_file({"a": _entry([2], [8, 16])}), False),
        ("shape_beyond_numbers", _tensors_file({"a": _entry([2**21] * 6, [0, 8])}), False),
        ("shape_in_quotes", _tensors_file({"a": _entry(["2"], [0, 8])}), False),
    ]
    return [
        {
            "name": name,
            "base64": base64.b64encode(content).decode(),
            "shape": list(values.shape) if holds else None,
            "values": [float(value) for value in values.ravel()] if holds else None,
        }
        for name, content, holds in asked
    ]


def _entry(shape: list[JsonValue], offsets: list[JsonValue]) -> JsonValue:
    return {"dtype": "F32", "shape": shape, "data_offsets": offsets}


def _tensors_file(header: JsonValue) -> bytes:
    """With eight bytes of values."""
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(8)
