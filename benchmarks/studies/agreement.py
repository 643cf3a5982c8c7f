"""Do our times agree with the runtimes' own? LiteRT's benchmark and ONNX Runtime's profile beside our agent.

    python -m benchmarks.studies.agreement --bundle lite.dmvton --rounds 7

LiteRT's comes with its wheel; it runs the artifact through CompiledModel in a process of its own, in turns with our
agent: the ratio is the median over rounds of that round's. ONNX Runtime's profile slows down what it profiles, so the
agent's clock and the profile's `model_run` time the very same runs, in a session with a profile.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import onnxruntime

from benchmarks.devices.host import Host
from benchmarks.devices.job import Work
from benchmarks.measure.agent import OnnxRuntime, Timed
from benchmarks.measure.machine import machine
from benchmarks.measure.parts import bundle_parts
from benchmarks.measure.process import Part
from benchmarks.statistics import median
from benchmarks.suite import Suite, Until
from dmvton_mobile.bundles.bundle import read_bundle
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.targets import Precision, Target

RUNS, WARMUP_RUNS = 200, 20
SUITE = Suite(
    name="agreement",
    description="Frames alone.",
    warmup_runs=WARMUP_RUNS,
    garment=Until(min_runs=1),
    frame=Until(min_runs=RUNS),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    bundle = read_bundle(given.bundle)
    print(f"{machine()}, {given.threads} threads, {given.rounds} rounds of {RUNS} frames")
    part = bundle_parts(bundle, Target.TFLITE, Precision.FP32)[-1]
    pairs = []
    for number in range(1, given.rounds + 1):
        run = Host().measure(Work(bundle, Target.TFLITE, Precision.FP32, given.threads, number, SUITE))
        if run.frame is None:
            raise DmvtonError(f"{run.title}: {run.failure}")
        pairs.append((run.frame.summary.median_ms, litert_ms(part, given.threads)))
    print(_said("tflite", "LiteRT's benchmark", pairs), flush=True)
    part = bundle_parts(bundle, Target.ONNX, Precision.FP32)[-1]
    pairs = [profiled_ms(part, given.threads) for _ in range(given.rounds)]
    print(_said("onnx", "ONNX Runtime's profile", pairs))


def litert_ms(part: Part, threads: int) -> float:
    """The median, by LiteRT's benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "ai_edge_litert.tools.benchmark_litert_model"]
        options = {"model": part.path, "num_runs": RUNS, "warmup_runs": WARMUP_RUNS, "num_threads": threads}
        command += [f"--{name}={value}" for name, value in {**options, "result_json": result}.items()]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise DmvtonError(f"LiteRT's benchmark failed: {done.stderr.strip()[-500:]}")
        return float(json.loads(result.read_text())["latency"]["median_ms"])


def profiled_ms(part: Part, threads: int) -> tuple[float, float]:
    """(by our clock, by the profile): medians of the same runs."""
    with tempfile.TemporaryDirectory() as folder:
        asked: dict[str, object] = {
            "component": part.contract.component,
            "artifact": str(part.path),
            "inputs": part.contract.input_names,
            "outputs": part.contract.output_names,
        }
        artifact = Profiled(asked, threads, f"{folder}/profile")
        artifact.set(part.inputs)
        frame = Timed(artifact, slow_down=0.0)
        taken = [frame.milliseconds() for _ in range(WARMUP_RUNS + RUNS)]
        events = json.loads(Path(artifact.session.end_profiling()).read_text())
    told = [event["dur"] / 1e3 for event in events if event["name"] == "model_run"]
    return median(taken[WARMUP_RUNS:]), median(told[WARMUP_RUNS:])


class Profiled(OnnxRuntime):
    """As the agent opens it, with a profile."""

    def __init__(self, part: dict[str, object], threads: int, prefix: str):
        self._prefix = prefix
        super().__init__(part, threads)

    def options(self) -> onnxruntime.SessionOptions:
        made = super().options()
        made.enable_profiling, made.profile_file_prefix = True, self._prefix
        return made


def _said(target: str, tool: str, pairs: list[tuple[float, float]]) -> str:
    ours, theirs = (median(list(times)) for times in zip(*pairs, strict=True))
    ratio = median([own / other for own, other in pairs])
    return f"{target}: ours {ours:.2f} ms, {tool} {theirs:.2f} ms, ratio {ratio:.3f}"


if __name__ == "__main__":
    main()
