"""Do our times agree with the runtimes' own? Our agent against LiteRT's benchmark and ONNX Runtime's profile.

    python -m benchmarks.studies.agreement --bundle lite.dmvton --rounds 7

LiteRT's benchmark comes with its wheel. It runs the artifact through CompiledModel in a process of its own, in rounds
interleaved with our agent's: the ratio is the median over the rounds of that round's ratio. ONNX Runtime's profile
slows down what it profiles, so our clock and the profile's `model_run` time the very same runs, in one session.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import onnxruntime
import typer

from benchmarks.devices.host import Host
from benchmarks.devices.job import AgentTask
from benchmarks.measure.agent.runtimes import OnnxArtifact
from benchmarks.measure.agent.series import timed_ms
from benchmarks.measure.components import MeasuredComponent, bundle_components
from benchmarks.statistics import median
from benchmarks.suite import Suite, Until
from dmvton_mobile.bundles.bundle import Bundle, read_bundle
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.targets import Precision, Target
from dmvton_mobile.utils.build import machine_description

RUNS, WARMUP_RUNS = 200, 20
SUITE = Suite(
    name="agreement",
    description="Frames alone.",
    warmup_runs=WARMUP_RUNS,
    garment=Until(min_runs=1),
    frame=Until(min_runs=RUNS),
)
Times = tuple[float, float]  # ours and the runtime's, milliseconds


def main(
    bundle: Annotated[Path, typer.Option(help="Bundle with fp32 artifacts for tflite and onnx.")],
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each comparison.")] = 7,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of the runtimes.")] = 2,
) -> None:
    """Compare our times with the runtimes' own."""
    opened = read_bundle(bundle)
    print(f"{machine_description()}, {threads} threads, {rounds} rounds of {RUNS} frames")
    component = bundle_components(opened, Target.TFLITE, Precision.FP32)[-1]
    times = [(agent_ms(opened, threads, number), litert_ms(component, threads)) for number in range(1, rounds + 1)]
    print(_line("tflite", "LiteRT's benchmark", times), flush=True)
    component = bundle_components(opened, Target.ONNX, Precision.FP32)[-1]
    times = [profiled_ms(component, threads) for _ in range(rounds)]
    print(_line("onnx", "ONNX Runtime's profile", times))


def agent_ms(bundle: Bundle, threads: int, number: int) -> float:
    """Median latency of the tflite frame, measured by our agent in a round."""
    run = Host().measure(AgentTask(bundle, Target.TFLITE, Precision.FP32, threads, number, SUITE))
    if run.frame is None:
        raise DmvtonError(f"{run.title}: {run.failure}")
    return run.frame.summary.median_ms


def litert_ms(component: MeasuredComponent, threads: int) -> float:
    """Median latency, measured by LiteRT's benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "ai_edge_litert.tools.benchmark_litert_model"]
        options = {"model": component.path, "num_runs": RUNS, "warmup_runs": WARMUP_RUNS, "num_threads": threads}
        command += [f"--{name}={value}" for name, value in {**options, "result_json": result}.items()]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise DmvtonError(f"LiteRT's benchmark failed: {done.stderr.strip()[-500:]}")
        return float(json.loads(result.read_text())["latency"]["median_ms"])


def profiled_ms(component: MeasuredComponent, threads: int) -> Times:
    """Median latency of the same runs, by our clock and by ONNX Runtime's profile."""
    spec: dict[str, object] = {
        "artifact": str(component.path),
        "inputs": component.contract.input_names,
        "outputs": component.contract.output_names,
    }
    with tempfile.TemporaryDirectory() as folder:
        artifact = ProfiledOnnxArtifact(spec, threads, f"{folder}/profile")
        artifact.set_inputs(list(component.inputs.values()))
        ours = [timed_ms(artifact.run) for _ in range(WARMUP_RUNS + RUNS)]
        events = json.loads(Path(artifact.session.end_profiling()).read_text())
    profiled = [event["dur"] / 1e3 for event in events if event["name"] == "model_run"]
    return median(ours[WARMUP_RUNS:]), median(profiled[WARMUP_RUNS:])


class ProfiledOnnxArtifact(OnnxArtifact):
    """An artifact as the agent opens it, with a profile.

    Args:
        spec: See `Artifact`.
        threads: CPU threads of the runtime.
        prefix: Path of the profile's file, without its end.
    """

    def __init__(self, spec: dict[str, object], threads: int, prefix: str):
        self._prefix = prefix
        super().__init__(spec, threads)

    def options(self) -> onnxruntime.SessionOptions:
        """The agent's options, with profiling."""
        options = super().options()
        options.enable_profiling, options.profile_file_prefix = True, self._prefix
        return options


def _line(target: str, tool: str, times: list[Times]) -> str:
    ours, theirs = (median(list(column)) for column in zip(*times, strict=True))
    ratio = median([own / other for own, other in times])
    return f"{target}: ours {ours:.2f} ms, {tool} {theirs:.2f} ms, ratio {ratio:.3f}"


if __name__ == "__main__":
    typer.run(main)
