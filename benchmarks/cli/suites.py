"""`dmvton bench run | accept | devices | footprint | schema`: suites on devices, and the records that they leave."""

import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.budget import NUMBERS, numbers
from benchmarks.devices.choose import choose_device, found_devices
from benchmarks.devices.device import AgentDevice, BenchmarkDevice
from benchmarks.devices.phone import Returned
from benchmarks.record import BenchmarkRecord, Validity, write_record
from benchmarks.report.cells import megabytes, number, share
from benchmarks.report.figures import figures
from benchmarks.run import measure, measure_beside
from benchmarks.suite import Budget, Suite, load_suite, parse_bytes
from dmvton_mobile.bundles.bundle import Bundle as OpenedBundle
from dmvton_mobile.bundles.bundle import read_bundle
from dmvton_mobile.errors import CheckFailed, DmvtonError
from dmvton_mobile.targets import Precision
from dmvton_mobile.utils.progress import progress_bar

Bundle = Annotated[Path, typer.Option(help="The bundle, NAME.dmvton or a .zip of it.")]
OnDevice = Annotated[str, typer.Option(help="host, adb:SERIAL or ios:UDID; `dmvton bench devices` lists them.")]


class Failed(CheckFailed):
    """What was measured is not good enough, or not to be believed; it is written down all the same."""


def run_verb(
    bundle: Bundle,
    suite: Annotated[Path, typer.Option(help="A suite's YAML file, or one of ours: quick, gate, phone.")],
    out: Annotated[Path, typer.Option(help="The record, a .json file; of several devices, a folder for them.")],
    device: Annotated[
        list[str] | None,
        typer.Option(help="host, adb:SERIAL, ios:UDID or farm:NAME; several are measured at the same time."),
    ] = None,
    beside: Annotated[Path | None, typer.Option(help="A bundle to take turns with, for `bench compare`.")] = None,
    beside_out: Annotated[Path | None, typer.Option(help="The record of that one.")] = None,
) -> None:
    """Run a suite on a device: the record says what was measured, whether to believe it, and whether it is good enough.

    Example: dmvton bench run --bundle lite.dmvton --suite quick --device host --out record.json
    """
    asked, digest = load_suite(suite)
    names = device or ["host"]
    if (beside is None) != (beside_out is None):
        raise DmvtonError("--beside and --beside-out belong together: a bundle, and where its record goes.")
    if beside is not None and len(names) > 1:
        raise DmvtonError("--beside is for one device: its turns would not be those of another.")
    outs = [path for path in (out, beside_out) if path is not None]
    for path in outs:
        if path.exists():
            raise DmvtonError(f"{path} exists already. Remove it, or choose another name.")
    bundles = [read_bundle(path) for path in (bundle, beside) if path is not None]
    devices = [choose_device(name) for name in names]
    if len(devices) > 1:
        _run_at_once(bundles[0], asked, digest, devices, out)
        return
    (on,) = devices
    with progress_bar("Measuring") as bar:
        if beside is None:
            records = [measure(bundles[0], asked, digest, on, on_step=lambda what: bar.show(what=what))]
        elif isinstance(on, AgentDevice):
            records = measure_beside(bundles, asked, digest, on, on_step=lambda what: bar.show(what=what))
        else:
            raise DmvtonError(f"{on.name} measures one bundle after the other: run it twice, without --beside.")
    _keep(list(zip(records, outs, strict=True)))


def _run_at_once(
    bundle: OpenedBundle, suite: Suite, digest: str, devices: Sequence[BenchmarkDevice], folder: Path
) -> None:
    """A record of each device in the folder, NAME.json. What one device refuses is told after the others' records."""
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
        raise Failed(f"{len(problems)} of {len(devices)} devices gave no record.")


def accept_verb(
    record: Annotated[Path, typer.Argument(help="The record.json that a phone's app left.")],
    bundle: Bundle,
    suite: Annotated[Path, typer.Option(help="The suite that it was given.")],
    out: Annotated[Path, typer.Option(help="The judged record, a .json file.")],
) -> None:
    """Judge a record that was brought from a phone by hand: it must be of this very bundle and suite.

    Example: dmvton bench accept record.json --bundle lite.dmvton --suite phone --out iphone.json
    """
    if out.exists():
        raise DmvtonError(f"{out} exists already. Remove it, or choose another name.")
    asked, digest = load_suite(suite)
    _keep([(measure(read_bundle(bundle), asked, digest, Returned(record), on_step=lambda _: None), out)])


def _keep(records: Sequence[tuple[BenchmarkRecord, Path]]) -> None:
    """Writes and shows them. Raises Failed where a verdict is no pass."""
    for record, path in records:
        write_record(record, path)
        typer.echo(_first_line(record))
        Console(width=132).print(_table(record))
        for reason in record.verdict.reasons:
            typer.echo(f"{record.verdict.validity}: {reason}")
        for check in record.verdict.checks:
            if not check.held:
                typer.echo(f"{'failed' if check.held is False else 'not known'}: {check.what}")
        typer.echo(f"Wrote {path}.")
    if not all(record.verdict.passed for record, _ in records):
        raise Failed("The verdict is not a pass; the records are written.")


def devices_verb() -> None:
    """List what can be measured on now, and what is missing for the rest.

    Example: dmvton bench devices
    """
    table = Table("device", "what it is", "state", box=None)
    for found in found_devices():
        table.add_row(found.name, found.what, found.state)
    Console(width=132).print(table)


def footprint_verb(
    bundle: Bundle,
    budget: Annotated[str, typer.Option(help="For each number, like 37MB or 36MiB.")],
    device: OnDevice = "host",
    precision: Annotated[
        list[Precision] | None,
        typer.Option(help="Only these; else what the manifest recommends, or all where it does not."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The record, a .json file.")] = None,
) -> None:
    """Hold what a bundle ships to a budget: parameters, files, download, arena and RSS delta, each.

    Example: dmvton bench footprint --bundle lite.dmvton --budget 37MB
    """
    most = parse_bytes(budget)
    suite, digest = load_suite(Path("footprint"))
    suite = suite.model_copy(
        update={
            "budget": Budget(
                parameters_bytes=most, file_bytes=most, download_bytes=most, arena_bytes=most, rss_delta_bytes=most
            )
        }
    )
    opened = read_bundle(bundle)
    if precision:
        suite = suite.model_copy(update={"precisions": tuple(precision), "recommended": False})
    with progress_bar("Measuring") as bar:
        record = measure(opened, suite, digest, choose_device(device), on_step=lambda what: bar.show(what=what))
    if out is not None:
        write_record(record, out)
    broken = [check.what for check in record.verdict.checks if not check.held]
    what = f"{record.bundle.name} on {record.device.name}"
    typer.echo(f"FAIL: {what}: {broken[0]}" if broken else f"PASS: {what} is within {budget}.")
    Console(width=132).print(_footprint_table(record, suite.budget))
    if broken or record.verdict.validity is Validity.INVALID:
        raise Failed(" ".join([*broken[1:], *record.verdict.reasons]) or "It is not within its budget.")


def schema_verb() -> None:
    """Print the JSON Schema of a record.

    Example: dmvton bench schema > record.schema.json
    """
    typer.echo(json.dumps(BenchmarkRecord.model_json_schema(), indent=2, sort_keys=True))


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
    for each in figures(record):
        times = (each.load, each.first, each.garment, each.frame, each.p90, each.p99, each.camera)
        table.add_row(
            each.title, *(number(value, 1) for value in times), share(each.late), megabytes(each.rss_delta_bytes, 0)
        )
    return table


def _footprint_table(record: BenchmarkRecord, budget: Budget) -> Table:
    table = Table("artifacts", *NUMBERS, box=None)
    for artifacts in record.artifacts:
        held = numbers(budget, artifacts, record.runs)
        marks = {True: "", False: " over", None: ""}
        cells = [f"{megabytes(each.spent, 1)}{marks[each.held]}" for each in held]
        table.add_row(f"{artifacts.target} {artifacts.precision}", *cells)
    return table
