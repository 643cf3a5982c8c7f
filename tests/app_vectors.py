"""What the apps must do as Python does, as cases with answers: `tests/golden/apps`, made by

    python -m tests.app_vectors

The rules are in docs/app-contract.md. `vectors.json` holds the cases, `arrays.safetensors` their arrays, by name;
`bundle` is a good bundle, which the cases of refusals change; `zips` are bundles packed well and badly.
"""

import base64
import hashlib
import io
import json
import shutil
import stat
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from pydantic import JsonValue
from safetensors.numpy import save_file

from benchmarks.devices.phone import AppJob, Pair
from benchmarks.record import Artifacts, Device, DeviceKind, MemoryKind, Mode, Run
from benchmarks.suite import Band, Budget, Conditions, Suite, Until
from benchmarks.summary import summarise
from benchmarks.verdict import judge
from dmvton_mobile.camera import Plane, bgra_to_rgb, upright, yuv_to_rgb
from dmvton_mobile.composite import composite
from dmvton_mobile.contract import Component
from dmvton_mobile.errors import CheckFailed
from dmvton_mobile.files import record_json
from dmvton_mobile.images import Window, garment_canvas, network_input, person_window
from dmvton_mobile.manifest import MANIFEST
from dmvton_mobile.parity import compare
from dmvton_mobile.targets import Precision, Target
from tests.benchmarks import records
from tests.bundles import CONTRACT, make_bundle

FOLDER = Path(__file__).parent / "golden" / "apps"
NETWORK = (64, 48)  # height, width
Arrays = dict[str, np.ndarray]
Case = dict[str, JsonValue]


def make(folder: Path) -> None:
    """Writes all of it into the folder, which is empty."""
    arrays: Arrays = {}
    bundle = make_bundle(folder / "good.dmvton")
    bundle.rename(folder / "bundle")
    job = _job()
    cases = {
        "windows": _windows(),
        "resizes": _resizes(arrays),
        "cameras": _cameras(arrays),
        "composites": _composites(arrays),
        "replays": _replays(arrays),
        "statistics": _statistics(),
        "verdicts": _verdicts(),
        "refusals": _refusals(folder / "bundle"),
        "zips": _zips(folder / "bundle", folder / "zips"),
    }
    save_file(dict(sorted(arrays.items())), folder / "arrays.safetensors")
    (folder / "vectors.json").write_text(json.dumps(cases, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    (folder / "job.json").write_text(record_json(job), encoding="utf-8")
    (folder / "record.json").write_text(record_json(_record(job)), encoding="utf-8")


def _windows() -> list[Case]:
    sizes = [
        (400, 300),
        (300, 400),
        (401, 301),
        (33, 1000),
        (1000, 33),
        (256, 192),
        (255, 192),
        (257, 191),
        (4032, 3024),
    ]
    return [
        {
            "height": height,
            "width": width,
            "person": _sides(person_window(height, width)),
            "garment": _sides(garment_canvas(height, width)),
        }
        for height, width in sizes
    ]


def _sides(window: Window) -> JsonValue:
    return [window.left, window.top, window.width, window.height]


def _resizes(arrays: Arrays) -> list[Case]:
    """answer: uint8, before the division by 255."""
    random = np.random.default_rng(1)
    asked = [
        ("smaller", (97, 61, 3), person_window(97, 61), NETWORK),
        ("larger", (32, 40, 3), person_window(32, 40), NETWORK),
        ("same", (64, 48, 3), Window(0, 0, 48, 64), NETWORK),
        ("one_axis", (64, 96, 3), Window(0, 0, 96, 64), NETWORK),
        ("padded", (50, 90, 3), garment_canvas(50, 90), NETWORK),
        ("mask", (90, 50), garment_canvas(90, 50), (96, 64)),
    ]
    cases: list[Case] = []
    for name, shape, window, size in asked:
        pixels = random.integers(0, 256, shape, np.uint8)
        if name == "mask":
            pixels = np.where(pixels > 127, 255, 0).astype(np.uint8)
        arrays[f"resize.{name}.pixels"] = pixels
        planes = network_input(pixels, window, size)[0]
        arrays[f"resize.{name}.answer"] = np.ascontiguousarray(
            np.rint(planes * 255).astype(np.uint8).transpose(1, 2, 0)
        )
        cases.append({"name": name, "window": _sides(window), "size": list(size)})
    return cases


def _cameras(arrays: Arrays) -> list[Case]:
    random = np.random.default_rng(2)
    cases: list[Case] = []
    height, width = 10, 7
    for number, (degrees, mirrored, interleaved) in enumerate(
        [(0, False, False), (90, False, True), (180, True, True), (270, True, False), (90, True, False)]
    ):
        name = f"camera.{number}"
        rows, columns = (height + 1) // 2, (width + 1) // 2
        y = Plane(random.integers(0, 256, height * 9, np.uint8), 9, 1)
        if interleaved:  # V, U, V, U, ...: each plane begins at its own first sample
            both = random.integers(0, 256, rows * 10, np.uint8)
            u, v = Plane(both[1:].copy(), 10, 2), Plane(both[:-1].copy(), 10, 2)
        else:
            u, v = (Plane(random.integers(0, 256, rows * (columns + 1), np.uint8), columns + 1, 1) for _ in range(2))
        for letter, plane in (("y", y), ("u", u), ("v", v)):
            arrays[f"{name}.{letter}"] = plane.data
        arrays[f"{name}.answer"] = upright(yuv_to_rgb(y, u, v, height, width), degrees, mirrored=mirrored)
        cases.append(
            {
                "name": name,
                "kind": "yuv",
                "height": height,
                "width": width,
                "row_strides": [y.row_stride, u.row_stride, v.row_stride],
                "pixel_strides": [y.pixel_stride, u.pixel_stride, v.pixel_stride],
                "degrees": degrees,
                "mirrored": mirrored,
            }
        )
    arrays["camera.bgra"] = random.integers(0, 256, height * 36, np.uint8)
    arrays["camera.bgra.answer"] = upright(bgra_to_rgb(arrays["camera.bgra"], 36, height, width), 90, mirrored=True)
    cases.append(
        {
            "name": "camera.bgra",
            "kind": "bgra",
            "height": height,
            "width": width,
            "row_strides": [36],
            "pixel_strides": [4],
            "degrees": 90,
            "mirrored": True,
        }
    )
    return cases


def _smooth(random: np.random.Generator, channels: int, cells: int = 5) -> np.ndarray:
    """In [0, 1], float32 [1, channels, *NETWORK]: noise of few cells, bilinear between them."""
    height, width = NETWORK
    noise = random.random((channels, cells, cells))
    down, across = np.linspace(0, cells - 1, height), np.linspace(0, cells - 1, width)
    rows = np.stack([[np.interp(down, range(cells), plane[:, column]) for column in range(cells)] for plane in noise])
    found = np.stack([[np.interp(across, range(cells), plane[:, row]) for row in range(height)] for plane in rows])
    return found[None].astype(np.float32)


def _composites(arrays: Arrays) -> list[Case]:
    random = np.random.default_rng(3)
    cases: list[Case] = []
    asked = [
        # name, photo, garment, align_corners, how far the garment moves, share of the garment that shows
        ("large_garment", (150, 131), (400, 320), True, 0.2, 1.4),
        ("small_garment", (211, 140), (50, 61), False, 0.3, 1.4),
        ("out_of_sight", (128, 96), (96, 72), True, 3.0, 1.4),
        ("nothing_shown", (120, 90), (90, 80), True, 0.2, 0.0),
    ]
    for name, photo, garment, align_corners, moved, shown in asked:
        blocks = random.integers(0, 256, (photo[0] // 4 + 1, photo[1] // 4 + 1, 3), np.uint8)
        person_rgb = blocks.repeat(4, 0).repeat(4, 1)[: photo[0], : photo[1]]
        garment_rgb = random.integers(0, 256, (*garment, 3), np.uint8)
        mask = np.zeros(garment, np.uint8)
        mask[garment[0] // 8 : -garment[0] // 8, garment[1] // 6 : -garment[1] // 6] = 255
        window, canvas = person_window(*photo), garment_canvas(*garment)
        seen = network_input(person_rgb, window, NETWORK)
        height, width = NETWORK
        grid = np.stack(np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height)))[None]
        outputs = {
            "flow": (grid + moved * (_smooth(random, 2) - 0.5)).astype(np.float32),
            "composition": np.clip(shown * _smooth(random, 1), 0, 1).astype(np.float32),
            "rendered": np.clip(seen + 0.4 * (_smooth(random, 3) - 0.5), 0, 1).astype(np.float32),
            "person": seen,
        }
        answer = composite(person_rgb, window, garment_rgb, mask, canvas, outputs, align_corners)
        held = {"photo": person_rgb, "garment": garment_rgb, "mask": mask, "answer": answer, **outputs}
        arrays.update({f"composite.{name}.{key}": np.ascontiguousarray(value) for key, value in held.items()})
        cases.append({"name": name, "align_corners": align_corners})
    return cases


def _replays(arrays: Arrays) -> list[Case]:
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


def _statistics() -> list[Case]:
    random = np.random.default_rng(5)
    asked = [[5.0], [1.0, 2.0], [3.0, 1.0, 2.0], [float(value) for value in range(1, 8)]]
    asked += [[round(float(value), 3) for value in random.gamma(9, 1, count)] for count in (8, 11, 100)]
    return [{"samples_ms": list(samples), **summarise(samples).model_dump()} for samples in asked]


def _suite() -> Suite:
    """With every kind of condition and check."""
    return Suite(
        name="phones",
        description="For tests.",
        threads=(2,),
        rounds=2,
        frame=Until(min_runs=8),
        conditions=Conditions(max_temperature_celsius=40, min_battery_percent=40),
        budget=Budget(parameters_bytes=37_000_000, file_bytes=37_000_000, growth_bytes=37_000_000),
        bands=(
            Band(device="Test*", target=Target.TFLITE, precision=Precision.FP16, threads=2, least_ms=5, most_ms=20),
            Band(device="Other*", target=Target.TFLITE, precision=Precision.FP16, threads=2, least_ms=50, most_ms=60),
        ),
    )


def _job() -> AppJob:
    return AppJob(
        suite=_suite(),
        suite_sha256="5" * 64,
        bundle="bundle.dmvton",
        bundle_name="good.dmvton",
        pairs=(Pair(target=Target.TFLITE, precision=Precision.FP16),),
        device="adb:PHONE",
    )


def _device() -> Device:
    return Device(kind=DeviceKind.ANDROID, name="adb:PHONE", model="Test Phone 3", cores=8)


def _run(number: int = 1, frame_ms: float | list[float] = 10.0, **changes: object) -> Run:
    made = records.run(frame_ms, number)
    assert made.memory is not None
    memory = made.memory.model_copy(update={"kind": MemoryKind.PSS})
    update = {"target": Target.TFLITE, "precision": Precision.FP16, "memory": memory, **changes}
    return made.model_copy(update=update)


def _artifacts() -> Artifacts:
    return Artifacts(
        target=Target.TFLITE,
        precision=Precision.FP16,
        parameters_bytes=2_900_000,
        file_bytes=3_000_000,
        download_bytes=2_700_000,
    )


def _verdicts() -> list[Case]:
    """What must be the same: validity, passed, and which checks hold, in order."""
    state = records.CALM
    drifting = [10.0 + number for number in range(16)]
    asked: list[tuple[str, list[Run]]] = [
        ("well", [_run(1), _run(2)]),
        ("nothing", []),
        ("failed", [_run(1), _run(2, failure="The runtime refused it.")]),
        ("throttled", [_run(1), _run(2, after=state.model_copy(update={"throttled": True}))]),
        ("behind", [_run(1, before=state.model_copy(update={"foreground": False})), _run(2)]),
        ("low_power", [_run(1, before=state.model_copy(update={"low_power": True})), _run(2)]),
        ("empty_battery", [_run(1, before=state.model_copy(update={"battery_percent": 39.0})), _run(2)]),
        ("warm_before", [_run(1, before=state.model_copy(update={"temperature_celsius": 41.0})), _run(2)]),
        ("warm_after", [_run(1, after=state.model_copy(update={"temperature_celsius": 41.0})), _run(2)]),
        ("load_unknown", [_run(1, before=state.model_copy(update={"load": None})), _run(2)]),
        ("state_unknown", [_run(1, after=None), _run(2)]),
        ("spread", [_run(1, [10.0] * 7 + [30.0] * 3), _run(2)]),
        ("drifting", [_run(1, drifting), _run(2)]),
        ("too_few", [_run(1, [10.0] * 7), _run(2)]),
        ("no_frames", [_run(1, series=()), _run(2)]),
        ("no_parity", [_run(1, parity=None), _run(2)]),
        ("slow", [_run(1, 21.0), _run(2)]),
        ("too_large", [_run(1, memory=_memory(80_000_000)), _run(2)]),
        ("memory_unknown", [_run(1, memory=None), _run(2, memory=None)]),
    ]
    cases: list[Case] = []
    for name, runs in asked:
        verdict = judge(_suite(), _device(), [_artifacts()], runs)
        cases.append(
            {
                "name": name,
                "runs": [run.model_dump(mode="json") for run in runs],
                "artifacts": [_artifacts().model_dump(mode="json")],
                "device": _device().model_dump(mode="json"),
                "validity": verdict.validity,
                "passed": verdict.passed,
                "held": [check.held for check in verdict.checks],
            }
        )
    return cases


def _memory(peak_bytes: int) -> object:
    memory = _run().memory
    assert memory is not None
    return memory.model_copy(update={"peak_bytes": peak_bytes})


def _record(job: AppJob) -> records.BenchmarkRecord:
    """Whole, with a series in every mode and nulls."""
    camera = records.series([9.0] * 8, Mode.CAMERA).model_copy(update={"period_ms": 33.3})
    garment = records.series([30.0] * 3, Mode.STEADY, Component.GARMENT_ENCODER)
    first = _run(1)
    runs = [first.model_copy(update={"series": (garment, *first.series, camera)}), _run(2, affinity=None, before=None)]
    made = records.record(runs, job.suite)
    return made.model_copy(
        update={
            "suite": made.suite.model_copy(update={"sha256": job.suite_sha256}),
            "device": _device(),
            "agent": "app 1",
            "artifacts": (_artifacts(),),
            "verdict": judge(job.suite, _device(), [_artifacts()], runs),
        }
    )


Manifest = dict[str, JsonValue]


def _refusals(bundle: Path) -> list[Case]:
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
        ("size_of_words", [manifest(lambda values: values.update(size=["a", "b"]))], "invalid"),
        ("newer", [manifest(lambda values: values.update(schema_version=2))], "schema"),
        ("newer_by_text", [manifest(lambda values: values.update(schema_version="1"))], "schema"),
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


def _upper_digest(text: str) -> bytes:
    digest = json.loads(text)["digest"]
    return text.replace(digest, digest.upper()).encode()


def _written(path: str, content: bytes) -> JsonValue:
    return {"op": "write", "path": path, "base64": base64.b64encode(content).decode()}


def _zips(bundle: Path, folder: Path) -> list[Case]:
    """kind: why the zip, or what is in it, is refused; null where it is good."""
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
    ]
    for name, content, _ in asked:
        (folder / f"{name}.zip").write_bytes(content)
    return [{"name": name, "kind": kind} for name, _, kind in asked]


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


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    make(FOLDER)
    print(f"Wrote {FOLDER}.")


if __name__ == "__main__":
    main()
