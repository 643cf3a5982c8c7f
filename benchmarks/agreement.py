"""Do our times agree with the runtimes' own? LiteRT's benchmark and ONNX Runtime's profile beside our agent, in turns.

    python -m benchmarks.agreement --bundle lite.dmvton --rounds 5

LiteRT's comes with its wheel (`litert-benchmark`; it runs the model through CompiledModel, on its own inputs). ONNX
Runtime's profile says how long each `model_run` took. A ratio is the median over rounds of that round's ratio.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.devices.host import Host
from benchmarks.devices.job import Work
from benchmarks.machine import machine
from benchmarks.parts import bundle_parts
from benchmarks.process import Part
from benchmarks.statistics import median
from benchmarks.suite import Suite, Until
from dmvton_mobile.bundle import read_bundle
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.targets import Precision, Target

RUNS, WARMUP_RUNS = 200, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    bundle = read_bundle(given.bundle)
    suite = Suite(
        name="agreement",
        description="Frames alone.",
        warmup_runs=WARMUP_RUNS,
        garment=Until(min_runs=1),
        frame=Until(min_runs=RUNS),
    )
    print(f"{machine()}, {given.threads} threads, {given.rounds} rounds of {RUNS} frames")
    theirs: dict[Target, Callable[[Part, int], float]] = {Target.TFLITE: of_litert, Target.ONNX: of_onnxruntime}
    for target, own_tool in theirs.items():
        part = bundle_parts(bundle, target, Precision.FP32)[-1]
        pairs = []
        for number in range(1, given.rounds + 1):
            run = Host().measure(Work(bundle, target, Precision.FP32, given.threads, number, suite))
            if run.frame is None:
                raise DmvtonError(f"{run.title}: {run.failure}")
            pairs.append((run.frame.summary.median_ms, own_tool(part, given.threads)))
        ratio = median([ours / other for ours, other in pairs])
        ours, other = (median(list(times)) for times in zip(*pairs, strict=True))
        print(f"{target}: ours {ours:.2f} ms, its own {other:.2f} ms, ratio {ratio:.3f}", flush=True)


def of_litert(part: Part, threads: int) -> float:
    """The median in milliseconds, by LiteRT's benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "ai_edge_litert.tools.benchmark_litert_model"]
        options = {"model": part.path, "num_runs": RUNS, "warmup_runs": WARMUP_RUNS, "num_threads": threads}
        command += [f"--{name}={value}" for name, value in {**options, "result_json": result}.items()]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise DmvtonError(f"LiteRT's benchmark failed: {done.stderr.strip()[-500:]}")
        return float(json.loads(result.read_text())["latency"]["median_ms"])


def of_onnxruntime(part: Part, threads: int) -> float:
    """The median in milliseconds of `model_run` in its profile."""
    program = (
        "import json, sys, onnxruntime, numpy\n"
        "path, threads, prefix = sys.argv[1], int(sys.argv[2]), sys.argv[3]\n"
        "options = onnxruntime.SessionOptions()\n"
        "options.intra_op_num_threads, options.enable_profiling = threads, True\n"
        "options.enable_mem_pattern, options.profile_file_prefix = False, prefix\n"
        "session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])\n"
        "fed = {each.name: numpy.random.rand(*each.shape).astype('float32') for each in session.get_inputs()}\n"
        f"[session.run(None, fed) for _ in range({WARMUP_RUNS + RUNS})]\n"
        "print(session.end_profiling())\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", program, str(part.path), str(threads), str(Path(folder) / "profile")]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise DmvtonError(f"ONNX Runtime's profile failed: {done.stderr.strip()[-500:]}")
        events = json.loads(Path(done.stdout.splitlines()[-1]).read_text())
    taken = [event["dur"] / 1e3 for event in events if event["name"] == "model_run"]
    return median(taken[WARMUP_RUNS:])


if __name__ == "__main__":
    main()
