"""`dmvton bench recommend`: which precision of a bundle to ship for each target."""

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.cli.tables import COST_COLUMNS, cost_cells
from benchmarks.studies.recommend import recommend
from dmvton_mobile.bundles.bundle import read_bundle, reseal
from dmvton_mobile.bundles.recommendation import Recommendations
from dmvton_mobile.cli.options import BundleFolder, Rounds, Runs, Threads
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.utils.progress import progress_bar


def recommend_command(bundle: BundleFolder, threads: Threads = 2, rounds: Rounds = 3, runs: Runs = 50) -> None:
    """Measure every precision of a bundle and write a recommendation for each target into its manifest.

    Example: dmvton bench recommend lite.dmvton
    """
    opened = read_bundle(bundle)
    if not bundle.is_dir():
        raise DmvtonError(f"{bundle} is an archive: give the bundle's folder, whose manifest takes the advice.")
    with progress_bar("Measuring") as bar:
        found = recommend(
            opened, threads=threads, rounds=rounds, runs=runs, on_step=lambda what: bar.show(what=f"Measuring {what}")
        )
    reseal(opened, opened.manifest.model_copy(update={"recommendations": found}))
    console = Console()
    console.print(_advice_table(found))
    for advice in found.by_target:
        console.print(f"{advice.target}: ship {advice.precision}. {advice.reason}", soft_wrap=True, highlight=False)
    typer.echo(f"Noted in {bundle}'s manifest, with what is still to be measured on a phone.")


def _advice_table(found: Recommendations) -> Table:
    table = Table("target", "precision", *COST_COLUMNS, box=None)
    for advice in found.by_target:
        for each in advice.figures:
            table.add_row(advice.target, each.precision, *cost_cells(each))
    return table
