"""Does the gate see a slow-down of ten per cent, and none where there is none? Again and again, with a real bundle.

    python -m benchmarks.studies.gate_sensitivity --bundle lite.dmvton --repeats 20

Each repeat measures the frame of one artifact three times in turns: as it is, as it is again, and slowed down by a
tenth. The second must pass the gate, the third must not.
"""

import argparse
from pathlib import Path

from benchmarks.compare import Comparison, Outcome, compare
from benchmarks.devices.host import Host
from benchmarks.measure.machine import machine
from benchmarks.report.cells import number, share
from benchmarks.run import measure_beside
from benchmarks.suite import load_suite
from dmvton_mobile.bundles.bundle import read_bundle
from dmvton_mobile.targets import Precision, Target

SLOW_DOWN = 0.10
BOUND = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--target", type=Target, default=Target.TFLITE)
    parser.add_argument("--precision", type=Precision, default=Precision.FP32)
    given = parser.parse_args()
    bundle = read_bundle(given.bundle)
    suite, digest = load_suite(Path("gate"))
    update = {"targets": (given.target,), "precisions": (given.precision,)}
    suite = suite.model_copy(update=update)
    print(f"{machine()}; {given.target} {given.precision}, {suite.rounds} rounds, bound {BOUND:.0%}")
    passed = caught = 0
    for repeat in range(1, given.repeats + 1):
        base, same, slower = measure_beside(
            [bundle] * 3, suite, digest, Host(), lambda what: None, slow_downs=[0.0, 0.0, SLOW_DOWN]
        )
        unchanged, changed = (_frame(compare(base, new, BOUND)) for new in (same, slower))
        passed += unchanged.outcome is Outcome.SAME
        caught += changed.outcome is Outcome.WORSE
        print(f"{repeat}: no change {_said(unchanged)}; slowed by {SLOW_DOWN:.0%} {_said(changed)}", flush=True)
    print(f"no change passed {passed} of {given.repeats}; {SLOW_DOWN:.0%} caught {caught} of {given.repeats}")


def _frame(found: list[Comparison]) -> Comparison:
    return next(each for each in found if each.figure == "frame")


def _said(found: Comparison) -> str:
    return f"{number(found.ratio, 3)} (noise {share(found.noise, 1)}) {found.outcome}"


if __name__ == "__main__":
    main()
