"""Does the gate catch a slow-down of ten per cent, and nothing where nothing changed? Repeated with a real bundle.

    python -m benchmarks.studies.gate_sensitivity --bundle lite.dmvton --repeats 20

Each repeat measures the frame of one artifact three times in interleaved rounds: as it is, as it is again, and slowed
down by a tenth. The second must pass the gate, the third must not.
"""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.compare import Comparison, Outcome, compare
from benchmarks.devices.host import Host
from benchmarks.report.tables import number, share
from benchmarks.run import measure_beside
from benchmarks.suite import load_suite
from dmvton_mobile.bundles.bundle import read_bundle
from dmvton_mobile.targets import Precision, Target
from dmvton_mobile.utils.build import machine_description

SLOW_DOWN = 0.10
BOUND = 0.05


def main(
    bundle: Annotated[Path, typer.Option(help="Bundle that holds the artifact.")],
    repeats: Annotated[int, typer.Option(min=1, help="How often all three are measured.")] = 20,
    target: Annotated[Target, typer.Option(help="Target of the artifact.")] = Target.TFLITE,
    precision: Annotated[Precision, typer.Option(help="Precision of the artifact.")] = Precision.FP32,
) -> None:
    """Count how often the gate passes an unchanged artifact and catches a slower one."""
    opened = read_bundle(bundle)
    suite, digest = load_suite(Path("gate"))
    suite = suite.model_copy(update={"targets": (target,), "precisions": (precision,)})
    print(f"{machine_description()}; {target} {precision}, {suite.rounds} rounds, bound {BOUND:.0%}")
    passed = caught = 0
    for repeat in range(1, repeats + 1):
        base, same, slower = measure_beside(
            [opened] * 3, suite, digest, Host(), lambda step: None, slow_downs=[0.0, 0.0, SLOW_DOWN]
        )
        unchanged, changed = (_frame(compare(base, new, BOUND)) for new in (same, slower))
        passed += unchanged.outcome is Outcome.SAME
        caught += changed.outcome is Outcome.WORSE
        print(f"{repeat}: no change {_words(unchanged)}; slowed by {SLOW_DOWN:.0%} {_words(changed)}", flush=True)
    print(f"no change passed {passed} of {repeats}; {SLOW_DOWN:.0%} caught {caught} of {repeats}")


def _frame(comparisons: list[Comparison]) -> Comparison:
    return next(each for each in comparisons if each.figure == "frame")


def _words(comparison: Comparison) -> str:
    return f"{number(comparison.ratio, 3)} (noise {share(comparison.noise, 1)}) {comparison.outcome}"


if __name__ == "__main__":
    typer.run(main)
