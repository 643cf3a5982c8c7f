"""This machine: every artifact in its real runtime, each in a process of its own."""

import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

from benchmarks.devices.device import AgentDevice
from benchmarks.devices.events import AgentFailed, Collected
from benchmarks.devices.job import AGENT, Work
from benchmarks.devices.outputs import output_parity
from benchmarks.measure.kernels import operations
from benchmarks.measure.parts import bundle_parts
from benchmarks.record import DeviceKind, Operation, Run
from dmvton_mobile.errors import CheckFailed, plain
from dmvton_mobile.targets import Target


class Host(AgentDevice):
    kind = DeviceKind.HOST
    name = "host"

    def runs(self, target: Target) -> bool:
        """Core ML on a Mac only: elsewhere its programs are evaluated, which proves them and says nothing of speed."""
        return target is not Target.COREML or platform.system() == "Darwin"

    def measure(self, work: Work) -> Run:
        with tempfile.TemporaryDirectory(prefix="dmvton-bench-") as made:
            folder = Path(made)
            outputs = folder / "outputs"
            outputs.mkdir()
            for name, value in work.tensors():
                np.save(folder / name, value)
            places = {name: str(file.resolve()) for name, file in work.files()}
            job = work.job(lambda name: places.get(name, str(folder / name)), str(outputs))
            (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
            collected = Collected()
            failure = _follow(folder, work, collected)
            self._note(collected)
            run = collected.run(work, failure)
            if work.suite.operations and work.round == 1 and run.failure is None:
                run = run.model_copy(update={"operations": _operations(work)})
            if not collected.given_outputs:
                return run
            try:
                return run.model_copy(update={"parity": output_parity(work, outputs)})
            except CheckFailed as error:
                return run.model_copy(update={"failure": run.failure or plain(str(error))})

    def close(self) -> None:
        """Nothing is left behind by a run."""


def _operations(work: Work) -> tuple[Operation, ...] | None:
    """Of a frame, profiled after it was measured: a profile costs time."""
    part = bundle_parts(work.bundle, work.target, work.precision)[-1]
    found = operations(work.target, part, work.threads)
    return None if found is None else tuple(found)


def _follow(folder: Path, work: Work, collected: Collected) -> str | None:
    """Runs the agent to its end, or to the suite's timeout; why it failed, where it did not say so itself."""
    # -P: the folder that it lies in is no place to import from
    command = [sys.executable, "-P", str(AGENT), str(folder / "job.json")]
    environment = {**os.environ, "OMP_NUM_THREADS": str(work.threads)}
    with (folder / "said").open("w+b") as said:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, env=environment, cwd=folder)
        hung = threading.Event()

        def give_up() -> None:
            hung.set()
            process.kill()

        timer = threading.Timer(work.suite.timeout_seconds, give_up)
        timer.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                collected.add(line)
        except AgentFailed as error:
            return str(error)
        finally:
            timer.cancel()
            if process.poll() is None and not hung.is_set():
                _end(process)
            process.wait()
        if hung.is_set():
            return f"It had not ended after {work.suite.timeout_seconds:g} seconds, and was stopped."
        said.seek(0)
        words = said.read().decode(errors="replace").strip().splitlines()
        return (
            f"Its process ended with {process.returncode}: {words[-1] if words else 'it said nothing'}"
            if process.returncode
            else None
        )


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Waits for one that has closed its output; stops one that has not."""
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
