"""`dmvton bench run | accept | devices | schema`: suites on devices, and the records of their runs."""

import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from benchmarks.cli.tables import print_table
from benchmarks.devices.choose import choose_device, found_devices
from benchmarks.devices.device import AgentDevice, BenchmarkDevice
from benchmarks.devices.phone import ReturnedRecord
from benchmarks.record import BenchmarkRecord, write_record
from benchmarks.report.figures import artifact_figures
from benchmarks.report.tables import megabytes, number, share
from benchmarks.run import measure, measure_beside
from benchmarks.suite import Suite, load_suite
from dmvton_mobile.bundles.bundle import Bundle, read_bundle
from dmvton_mobile.cli.options import BundleOption
from dmvton_mobile.errors import CheckFailed, DmvtonError
from dmvton_mobile.utils.files import require_new
from dmvton_mobile.utils.progress import progress_bar

SuiteOption = Annotated[Path, typer.Option(help="Suite: a YAML file, or one of ours: quick, gate, phone.")]


class NotPassed(CheckFailed):
    """The verdict of a run is not a pass. Its record is written all the same."""


def run_command(
    bundle: BundleOption,
    suite: SuiteOption,
    out: Annotated[Path, typer.Option(help="Output record, .json. With several devices: a folder of records.")],
    device: Annotated[
        list[str] | None,
        typer.Option(
            help="Device: host, adb:SERIAL, ios:UDID or farm:NAME. Repeatable: all measure at once. Default: host."
        ),
    ] = None,
    beside: Annotated[
        Path | None, typer.Option(help="Second bundle, measured in turns with the first, for `bench compare`.")
    ] = None,
    beside_out: Annotated[Path | None, typer.Option(help="Output record of the second bundle, .json.")] = None,
) -> None:
    """Run a benchmark suite on a device and write its record.

    The record has the figures, the conditions and a verdict. If the verdict is not a pass, the command fails.

    Example: dmvton bench run --bundle lite.dmvton --suite quick --device host --out record.json
    """
    config, digest = load_suite(suite)
    names = device or ["host"]
    if (beside is None) != (beside_out is None):
        raise DmvtonError("--beside and --beside-out belong together: a bundle, and where its record goes.")
    if beside is not None and len(names) > 1:
        raise DmvtonError("--beside is for one device: its turns would not be those of another.")
    outs = [path for path in (out, beside_out) if path is not None]
    for path in outs:
        require_new(path)
    bundles = [read_bundle(path) for path in (bundle, beside) if path is not None]
    devices = [choose_device(name) for name in names]
    if len(devices) > 1:
        _run_at_once(bundles[0], config, digest, devices, out)
        return
    (on,) = devices
    with progress_bar("Measuring") as bar:
        if beside is None:
            records = [measure(bundles[0], config, digest, on, on_step=bar.describe)]
        elif isinstance(on, AgentDevice):
            records = measure_beside(bundles, config, digest, on, on_step=bar.describe)
        else:
            raise DmvtonError(f"{on.name} measures one bundle after the other: run it twice, without --beside.")
    _keep(list(zip(records, outs, strict=True)))


def accept_command(
    record: Annotated[Path, typer.Argument(help="The record.json that the app on the phone wrote.")],
    bundle: BundleOption,
    suite: SuiteOption,
    out: Annotated[Path, typer.Option(help="Output record with its verdict, .json. Must not exist.")],
) -> None:
    """Give the verdict on a record that was copied from a phone by hand.

    The record must be of this bundle and this suite. If the verdict is not a pass, the command fails.

    Example: dmvton bench accept record.json --bundle lite.dmvton --suite phone --out iphone.json
    """
    require_new(out)
    config, digest = load_suite(suite)
    _keep([(measure(read_bundle(bundle), config, digest, ReturnedRecord(record), on_step=lambda _: None), out)])


def devices_command() -> None:
    """List the devices that can be measured on now, and what the others lack.

    Example: dmvton bench devices
    """
    table = Table("device", "what it is", "state", box=None)
    for device in found_devices():
        table.add_row(device.name, device.what, device.state)
    print_table(table)


def schema_command() -> None:
    """Print the JSON Schema of a benchmark record.

    Example: dmvton bench schema > record.schema.json
    """
    typer.echo(json.dumps(BenchmarkRecord.model_json_schema(), indent=2, sort_keys=True))


def _run_at_once(bundle: Bundle, suite: Suite, digest: str, devices: Sequence[BenchmarkDevice], folder: Path) -> None:
    """Measures on several devices at once and writes a record of each, NAME.json, into the folder.

    If a device fails, the others' records are written before the command fails.
    """
    files = [folder / f"{re.sub('[^A-Za-z0-9.]+', '-', each.name)}.json" for each in devices]
    if len(set(files)) < len(files):
        raise DmvtonError("A device is named twice: name each once.")
    folder.mkdir(parents=True)
    with progress_bar("Measuring") as bar, ThreadPoolExecutor(len(devices)) as pool:

        def measured(on: BenchmarkDevice) -> BenchmarkRecord | DmvtonError:
            try:
                return measure(bundle, suite, digest, on, on_step=lambda what: bar.show(what=f"{on.name}: {what}"))
            except DmvtonError as error:
                return error

        found = list(pool.map(measured, devices))
    problems = [f"{on.name}: {each}" for on, each in zip(devices, found, strict=True) if isinstance(each, DmvtonError)]
    for problem in problems:
        typer.echo(problem, err=True)
    _keep([(each, file) for each, file in zip(found, files, strict=True) if isinstance(each, BenchmarkRecord)])
    if problems:
        raise NotPassed(f"{len(problems)} of {len(devices)} devices gave no record.")


def _keep(records: Sequence[tuple[BenchmarkRecord, Path]]) -> None:
    """Writes and prints records. Raises NotPassed where a verdict is not a pass."""
    for record, path in records:
        write_record(record, path)
        typer.echo(_first_line(record))
        print_table(_table(record))
        for reason in record.verdict.reasons:
            typer.echo(f"{record.verdict.validity}: {reason}")
        for check in record.verdict.checks:
            if not check.held:
                typer.echo(f"{'failed' if check.held is False else 'not known'}: {check.what}")
        typer.echo(f"Wrote {path}.")
    if not all(record.verdict.passed for record, _ in records):
        raise NotPassed("The verdict is not a pass; the records are written.")


def _first_line(record: BenchmarkRecord) -> str:
    verdict = "PASS" if record.verdict.passed else "NO PASS"
    named = record.device.model or record.device.processor or record.device.name
    return f"{verdict} ({record.verdict.validity}): {record.bundle.name}, suite {record.suite.name}, on {named}"


def _table(record: BenchmarkRecord) -> Table:
    table = Table(
        "artifacts",
        "cold load",
        "first run",
        "garment ms",
        "frame ms",
        "p90",
        "p99",
        "camera ms",
        "late",
        "RSS delta MB",
        box=None,
    )
    for each in artifact_figures(record):
        times = (
            each.load_ms,
            each.first_run_ms,
            each.garment_ms,
            each.frame_ms,
            each.p90_ms,
            each.p99_ms,
            each.camera_ms,
        )
        table.add_row(
            each.title, *(number(value, 1) for value in times), share(each.late), megabytes(each.rss_delta_bytes, 0)
        )
    return table
