"""Records: what is written is read, and what a hostile device sends is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from benchmarks.record import (
    MAX_BYTES,
    BenchmarkRecord,
    RecordError,
    parse_app_record,
    parse_benchmark,
    read_record,
    write_record,
)
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.records.base import record_json
from tests.benchmarks.records import record, rounds, run

COMMITTED = sorted((Path(__file__).parents[2] / "docs").rglob("*.record.json"))


def changed(change: Callable[[dict[str, Any]], None]) -> bytes:
    values = json.loads(record_json(record([run()])))
    change(values)
    return json.dumps(values).encode()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    made = rounds([10, 11, 12, 13])
    write_record(made, tmp_path / "record.json")
    assert read_record(tmp_path / "record.json") == made
    with pytest.raises(DmvtonError, match="exists already"):
        write_record(made, tmp_path / "record.json")


def test_the_published_schema_takes_it_and_no_other() -> None:
    schema = BenchmarkRecord.model_json_schema()
    jsonschema.validate(json.loads(record_json(record([run()]))), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"schema_version": 1}, schema)


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.name)
def test_every_committed_record_is_read(path: Path) -> None:
    assert read_record(path).runs


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda values: values["runs"][0]["series"][0]["samples_ms"].__setitem__(0, -1.0), "samples_ms.0"),
        (lambda values: values["runs"][0]["series"][0]["samples_ms"].__setitem__(0, "10"), "samples_ms.0"),
        (lambda values: values["runs"][0]["series"][0]["samples_ms"].append(1.0), "8 starts for 9 samples"),
        (lambda values: values["runs"][0]["series"][0]["started_ms"].reverse(), "goes back in time"),
        (lambda values: values["runs"][0]["memory"].__setitem__("peak_bytes", 1.5), "peak_bytes"),
        (lambda values: values["runs"][0].__setitem__("threads", True), "threads"),
        (lambda values: values["device"].__setitem__("name", "../../etc/passwd"), "device.name"),
        (lambda values: values["bundle"].__setitem__("name", "a/b"), "bundle.name"),
        (lambda values: values["device"].__setitem__("model", "x" * 5000), "device.model"),
        (lambda values: values["device"].__setitem__("model", "\x1b[2J"), "device.model: .*control characters"),
        (lambda values: values.__setitem__("seconds", "12"), "seconds: Input should be a valid number"),
        (lambda values: values["suite"]["budget"].__setitem__("rss_delta_bytes", 10**400), "rss_delta_bytes"),
        (lambda values: values["suite"].__setitem__("sha256", "short"), "suite.sha256"),
        (lambda values: values.__setitem__("more", 1), "more"),
        (lambda values: values.__setitem__("\x1b[2J", 1), "Extra inputs"),
        (lambda values: values.__setitem__("x" * 10_000, 1), "record.json is not a valid benchmark record: x{200}: "),
        (lambda values: values["verdict"].update(passed=True, validity="invalid"), "cannot pass"),
        (lambda values: values.__setitem__("runs", values["runs"] * 1001), "runs"),
        (lambda values: values.__setitem__("schema_version", 2), "schema version 2; this version reads 1"),
    ],
)
def test_what_no_device_measures_is_refused(change: Callable[[dict[str, Any]], None], place: str) -> None:
    with pytest.raises(RecordError, match=place) as refused:
        parse_benchmark(changed(change), "record.json")
    assert str(refused.value).isprintable()


def test_only_an_app_leaves_no_verdict() -> None:
    text = changed(lambda values: values.pop("verdict"))
    assert parse_app_record(text, "record.json").verdict is None
    assert parse_app_record(changed(lambda values: None), "record.json").verdict  # of version 0.1
    with pytest.raises(RecordError, match="record.json is not a valid benchmark record: verdict: Field required"):
        parse_benchmark(text, "record.json")


def test_not_a_number_is_no_time() -> None:
    text = record_json(record([run()])).replace("10.0", "NaN", 1).encode()
    with pytest.raises(RecordError):
        parse_benchmark(text, "record.json")


def test_a_deep_one_is_no_record() -> None:
    with pytest.raises(RecordError):
        parse_benchmark(b"[" * 100_000 + b"]" * 100_000, "record.json")


def test_a_message_names_ten_faults_at_most() -> None:
    def spoil(values: dict[str, Any]) -> None:
        values["runs"][0]["series"][0]["samples_ms"] = ["x"] * 5000

    with pytest.raises(RecordError, match="and 4991 more") as caught:
        parse_benchmark(changed(spoil), "record.json")
    assert len(str(caught.value)) < 3000


def test_a_huge_one_is_not_read(tmp_path: Path) -> None:
    huge = tmp_path / "record.json"
    with huge.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(RecordError, match="more than 64 MiB"):
        read_record(huge)
    with pytest.raises(DmvtonError, match="cannot be read"):
        read_record(tmp_path / "none.json")
