"""`dmvton`, the command line: one subcommand per verb, each a few lines that call a wing or the core.

Exit codes: 0 done and every check held; 1 a check failed; 2 something to change in the request; 130 interrupted.
"""

import logging
import time
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from benchmarks.cli.bench import bench
from converters.cli import convert_command as convert
from dmvton_mobile.bundles.bundle import read_bundle, verify_files, zip_bundle
from dmvton_mobile.bundles.golden import Replay, Verdict, replay
from dmvton_mobile.bundles.install import Platform, install
from dmvton_mobile.bundles.signing import sign_bundle, verify_signature
from dmvton_mobile.checkpoints.checkpoint import ImportReport, read_official, save_checkpoint
from dmvton_mobile.cli.data import data
from dmvton_mobile.cli.doctor import print_report
from dmvton_mobile.cli.evaluate import command as evaluate
from dmvton_mobile.errors import CheckFailed, DmvtonError
from dmvton_mobile.imaging.composite import stamp
from dmvton_mobile.imaging.garment_mask import find_garment_mask, mask_problem, warning_sheet
from dmvton_mobile.imaging.decode import read_picture, write_picture
from dmvton_mobile.imaging.window import person_window
from dmvton_mobile.networks import network_names
from dmvton_mobile.targets import Precision, Target
from dmvton_mobile.tryon import TryOn, held_pairs
from training.cli import command as train
from training.compression.cli import command as compress

INTERRUPTED = 130  # what a shell reports for a program ended by Ctrl-C
# at every import one says that its CUDA kernels do not load beside torch's CPU build, the other how it was registered
CHATTY = ("torchao", "torch.utils._pytree")


class _Group(TyperGroup):
    """Turns the errors that a person can act on into one paragraph and an exit code, for every command below it."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (DmvtonError, OSError) as error:
            if isinstance(error, BrokenPipeError):
                raise  # `dmvton ... | head`: typer ends quietly
            if ctx.params["debug"]:
                traceback.print_exc()
            typer.echo(f"Error: {_sentence(error)}", err=True)
            raise typer.Exit(error.exit_code if isinstance(error, DmvtonError) else DmvtonError.exit_code) from error
        except KeyboardInterrupt as interrupt:
            typer.echo("Interrupted.", err=True)
            raise typer.Exit(INTERRUPTED) from interrupt


app = typer.Typer(cls=_Group, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
bundles = typer.Typer(no_args_is_help=True, help="Pack and sign bundles.")
app.add_typer(bundles, name="bundle")
app.add_typer(data, name="data")
app.add_typer(bench, name="bench")
app.command("convert")(convert)
app.command("train")(train)
app.command("compress")(compress)
app.command("evaluate")(evaluate)
console = Console()

BundlePath = Annotated[Path, typer.Argument(help="A bundle's folder, NAME.dmvton, or the .zip of one.")]


@app.callback()
def options(debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False) -> None:
    """Virtual try-on for phones: convert a network, prove the result, try garments on."""


@app.command()
def verify(
    bundle: BundlePath,
    public_key: Annotated[Path | None, typer.Option(help="Also check the signature with this key (PEM).")] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads per runtime.")] = 2,
) -> None:
    """Check a bundle: its files against their hashes, then every artifact against the golden outputs.

    What cannot be run here is reported as such; where nothing can, nothing is verified and the command fails.

    Example: dmvton verify student.dmvton --public-key release.pem
    """
    opened = read_bundle(bundle)
    verify_files(opened)
    console.print(f"Files: all {len(opened.manifest.files)} are what was sealed.", highlight=False)
    if public_key is not None:
        verify_signature(opened.folder, public_key)
        typer.echo(f"Signature: holds for {public_key.name}.")
    elif opened.signed:
        typer.echo("Signature: there is one, and it was not checked; pass --public-key.")
    results = []
    for target, precision in held_pairs(opened):
        with console.status(f"Replaying {target} {precision}"):
            results.append(replay(opened, target, precision, threads))
    console.print(_replay_table(results))
    for result in results:
        if result.problem:
            typer.echo(f"{result.target} {result.precision}, {result.verdict}: {result.problem}")
    failed = [f"{result.target} {result.precision}" for result in results if result.verdict is Verdict.FAILED]
    if failed:
        raise CheckFailed(f"{bundle.name} does not compute what was trained: {', '.join(failed)} failed.")
    if not any(result.verdict is Verdict.VERIFIED for result in results):
        raise CheckFailed(f"Nothing of {bundle.name} could be run here, so nothing is verified.")


@app.command()
def tryon(
    person: Annotated[Path, typer.Option(help="The person's photo, JPEG or PNG.")],
    garment: Annotated[Path, typer.Option(help="The garment's flat picture.")],
    out: Annotated[Path, typer.Option(help="The picture to write, .png or .jpg; must be new.")],
    mask: Annotated[Path | None, typer.Option(help="White where the garment is; else found by itself.")] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Run this checkpoint in PyTorch.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="Run this bundle's artifacts.")] = None,
    runtime: Annotated[Target | None, typer.Option(help="One of the bundle's; else the first installed.")] = None,
    precision: Annotated[Precision | None, typer.Option(help="One of the bundle's; else the first.")] = None,
) -> None:
    """Put a garment on a person. With neither checkpoint nor bundle, our own weights.

    Example: dmvton tryon --person anna.jpg --garment shirt.png --bundle student.dmvton --out anna_in_shirt.png
    """
    sheet = out.with_name(f"{out.stem}_mask_warning.png")
    inputs = [path for path in (person, garment, mask, checkpoint, bundle) if path is not None]
    for written in (out, sheet):
        if any(written.resolve().is_relative_to(path.resolve()) for path in inputs):
            raise DmvtonError(f"{written} is an input, or inside one, and would change it: choose another --out.")
    if out.exists():
        raise DmvtonError(f"{out} exists already. Remove it, or choose another name.")
    worn, picture = read_picture(garment), read_picture(person)
    found = find_garment_mask(worn, mask)
    maker = _open_tryon(checkpoint, bundle, runtime, precision)
    started = time.perf_counter()
    prepared = maker.prepare_garment(worn, found)
    between = time.perf_counter()
    result = maker.try_on(picture, prepared)
    ended = time.perf_counter()
    if not maker.trained:
        result = stamp(result, person_window(*picture.size), "untrained weights")
    write_picture(out, result)
    if problem := mask_problem(found.mask):
        write_picture(sheet, warning_sheet(worn, found, problem))
        typer.echo(f"Warning: {problem} See {sheet}.", err=True)
    height, width = picture.size
    typer.echo(f"{out}: {width}x{height}, {maker.runtime}{'' if maker.trained else ', untrained weights'}")
    typer.echo(f"Garment prepared in {_ms(between - started)}, frame in {_ms(ended - between)} (one run, no warm-up).")


@app.command("import-checkpoint")
def import_checkpoint(
    network: Annotated[str, typer.Option(help=f"One of {', '.join(network_names())}.")],
    warp: Annotated[Path, typer.Option(help="The authors' file of the warp module.")],
    generator: Annotated[Path, typer.Option(help="The authors' file of the generator.")],
    out: Annotated[Path, typer.Option(help="The checkpoint to write, NAME.safetensors; must be new.")],
    licence: Annotated[str | None, typer.Option(help="The licence of these weights, for the card.")] = None,
) -> None:
    """Make a checkpoint of the files that the papers' authors publish. Every tensor must fit, or nothing is written.

    Example: dmvton import-checkpoint --network dmvton-student --warp warp.pt --generator gen.pt --out new.safetensors
    """
    loaded, report = read_official(network, warp=warp, generator=generator)
    save_checkpoint(loaded, out, trained=True, licence=licence, source=report.source)
    console.print(_import_table(report))
    typer.echo(f"Wrote {out} and its card {out.with_suffix('.json')}.")
    typer.echo("The authors publish their weights for non-commercial use: mind that before shipping an app with them.")


@app.command()
def doctor() -> None:
    """Say what this machine can convert, run and measure, and what is missing for the rest.

    Example: dmvton doctor
    """
    if not print_report(console):
        raise typer.Exit(CheckFailed.exit_code)


@bundles.command("zip")
def zip_verb(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")],
    out: Annotated[Path, typer.Argument(help="The .zip to write; must be new.")],
) -> None:
    """Pack a bundle, its hashes checked first: the same bytes for the same bundle.

    Example: dmvton bundle zip student.dmvton student.zip
    """
    zip_bundle(bundle, out)
    typer.echo(f"Wrote {out}, {out.stat().st_size} bytes.")


@bundles.command("sign")
def sign_verb(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")],
    private_key: Annotated[Path, typer.Option(help="An elliptic curve key, PEM, without a passphrase.")],
) -> None:
    """Sign a bundle, its hashes checked first; `dmvton verify --public-key` checks the signature.

    Example: dmvton bundle sign student.dmvton --private-key release_private.pem
    """
    typer.echo(f"Wrote {sign_bundle(bundle, private_key)}.")


@bundles.command("install")
def install_verb(
    bundle: BundlePath,
    android: Annotated[Path | None, typer.Option(help="The app's module, like app: into its assets.")] = None,
    ios: Annotated[Path | None, typer.Option(help="The app's folder: into its Resources.")] = None,
    target: Annotated[list[Target] | None, typer.Option(help="Only these; all that the demo app runs without.")] = None,
    precision: Annotated[
        list[Precision] | None, typer.Option(help="Only these; what the manifest recommends without.")
    ] = None,
) -> None:
    """Copy what an app needs of a bundle into its project, sealed anew.

    Example: dmvton bundle install lite.dmvton --android android_demo/app
    """
    projects = [(Platform.ANDROID, android), (Platform.IOS, ios)]
    if android is None and ios is None:
        raise DmvtonError("Say where to: --android DIR, --ios DIR, or both.")
    opened = read_bundle(bundle)
    for platform, project in projects:
        if project is None:
            continue
        installed = read_bundle(install(opened, platform, project, target or (), precision or ()))
        held = ", ".join(dict.fromkeys(f"{item.target} {item.precision}" for item in installed.manifest.artifacts))
        size = sum(record.bytes for record in installed.manifest.files.values())
        typer.echo(f"{installed.folder}: {held}, {size / 1e6:.1f} MB with what is replayed.")
    if opened.signed:
        typer.echo("Not signed: the signature is of the whole bundle. `dmvton bundle sign` what was installed.")
    if not (opened.manifest.licence or "").strip():
        typer.echo("Warning: the bundle has no licence, which an app's release needs.", err=True)


def main(arguments: list[str] | None = None) -> None:
    """The console script; arguments: instead of the process's own."""
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(logging.ERROR)
    app(arguments, prog_name="dmvton")


def _open_tryon(
    checkpoint: Path | None, bundle: Path | None, runtime: Target | None, precision: Precision | None
) -> TryOn:
    if checkpoint is not None and bundle is not None:
        raise DmvtonError("Pass --checkpoint or --bundle, not both.")
    if bundle is not None:
        return TryOn.from_bundle(bundle, runtime, precision)
    if runtime or precision:
        raise DmvtonError("--runtime and --precision choose among a bundle's artifacts: pass --bundle too.")
    return TryOn.default() if checkpoint is None else TryOn.from_checkpoint(checkpoint)


def _replay_table(results: list[Replay]) -> Table:
    table = Table("runtime", "precision", "verdict", "run by", "worst output", "PSNR", "bound")
    for result in results:
        # None is equality, bit by bit: no output is worse than one with a figure
        worst = min(
            result.figures, key=lambda figure: float("inf") if figure.psnr_db is None else figure.psnr_db, default=None
        )
        row = [result.target, result.precision, result.verdict, result.evaluator or ""]
        if worst is not None:
            psnr = "equal" if worst.psnr_db is None else f"{worst.psnr_db:.1f} dB"
            row += [worst.output, psnr, f"{worst.bound_db:g} dB"]
        table.add_row(*row)
    return table


def _import_table(report: ImportReport) -> Table:
    columns = ("part", "file", "form", "epoch", "used", "dropped", "missing", "parameters", "bytes")
    table = Table(*columns, title=report.network)
    for file in report.files:
        epoch = "" if file.epoch is None else str(file.epoch)
        keys = (len(file.used), len(file.dropped), len(file.differences.missing))
        sizes = (f"{file.parameters:,}", f"{file.weight_bytes:,}")
        table.add_row(file.part, file.path.name, file.form, epoch, *map(str, keys), *sizes)
    return table


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _sentence(error: DmvtonError | OSError) -> str:
    if isinstance(error, DmvtonError) or not error.filename:
        return str(error)
    return f"{error.filename}: {error.strerror}."


if __name__ == "__main__":
    main()
