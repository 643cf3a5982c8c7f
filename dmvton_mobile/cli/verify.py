"""`dmvton verify`: a bundle's files against their hashes, its artifacts against their golden outputs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from dmvton_mobile.cli.options import BundleArgument, Threads
from dmvton_mobile.errors import CheckFailed

if TYPE_CHECKING:
    from dmvton_mobile.bundles.golden import Replay


def verify_command(
    bundle: BundleArgument,
    public_key: Annotated[
        Path | None, typer.Option(help="Public key, PEM. Checks the signature as well. Default: no check.")
    ] = None,
    threads: Threads = 2,
) -> None:
    """Verify a bundle: files against their hashes, artifacts against their golden outputs.

    An artifact that cannot run on this machine is reported so, and is no failure. If no artifact can run, the command
    fails.

    Example: dmvton verify student.dmvton --public-key release.pem
    """
    from dmvton_mobile.bundles.bundle import read_bundle, verify_files
    from dmvton_mobile.bundles.golden import ReplayStatus, replay
    from dmvton_mobile.bundles.signing import verify_signature
    from dmvton_mobile.runtimes.bundled import bundled_targets

    console = Console()
    opened = read_bundle(bundle)
    verify_files(opened)
    console.print(f"Files: all {len(opened.manifest.files)} match their hashes.", highlight=False)
    if public_key is not None:
        verify_signature(opened.folder, public_key)
        typer.echo(f"Signature: valid for {public_key.name}.")
    elif opened.signed:
        typer.echo("Signature: present, but it was not checked; pass --public-key to check it.")
    results = []
    for target, precision in bundled_targets(opened):
        with console.status(f"Replaying {target} {precision}"):
            results.append(replay(opened, target, precision, threads))
    console.print(_table(results))
    for result in results:
        if result.problem:
            typer.echo(f"{result.target} {result.precision}, {result.status}: {result.problem}")
    failed = [f"{result.target} {result.precision}" for result in results if result.status is ReplayStatus.FAILED]
    if failed:
        raise CheckFailed(f"{bundle.name} does not compute what was trained: {', '.join(failed)} failed.")
    if not any(result.status is ReplayStatus.VERIFIED for result in results):
        raise CheckFailed(f"No artifact of {bundle.name} can run on this machine, so nothing is verified.")


def _table(results: list["Replay"]) -> Table:
    table = Table("runtime", "precision", "verdict", "run by", "worst output", "PSNR", "bound")
    for result in results:
        # None means bit for bit equal: no output with a figure is better
        worst = min(
            result.figures, key=lambda figure: float("inf") if figure.psnr_db is None else figure.psnr_db, default=None
        )
        row = [result.target, result.precision, result.status, result.evaluator or ""]
        if worst is not None:
            psnr = "equal" if worst.psnr_db is None else f"{worst.psnr_db:.1f} dB"
            row += [worst.output, psnr, f"{worst.bound_db:g} dB"]
        table.add_row(*row)
    return table
