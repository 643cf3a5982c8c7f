"""This machine: every artifact in its real runtime, in a process of its own."""

import platform
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.devices.device import AgentDevice
from benchmarks.devices.job import AgentTask
from benchmarks.devices.outputs import output_parity
from benchmarks.measure.client import run_agent
from benchmarks.measure.collector import EventCollector
from benchmarks.measure.components import bundle_components
from benchmarks.measure.kernels import operations
from benchmarks.run_record import DeviceKind, Operation, Run
from dmvton_mobile.errors import CheckFailed, printable
from dmvton_mobile.targets import Target


class Host(AgentDevice):
    """The machine that this process runs on."""

    kind = DeviceKind.HOST
    name = "host"

    def runs(self, target: Target) -> bool:
        """Whether the target's runtime is native here: Core ML on a Mac only, elsewhere its programs are evaluated."""
        return target is not Target.COREML or platform.system() == "Darwin"

    def measure(self, task: AgentTask) -> Run:
        """Runs the agent, compares the frame's outputs and, if the suite asks for it, profiles a frame."""
        with tempfile.TemporaryDirectory(prefix="dmvton-bench-") as temporary:
            folder = Path(temporary)
            outputs = folder / "outputs"
            outputs.mkdir()
            for name, value in task.tensors():
                np.save(folder / name, value)
            artifacts = {name: str(file.resolve()) for name, file in task.files()}
            job = task.job(lambda name: artifacts.get(name, str(folder / name)), str(outputs))
            events = EventCollector()
            run = task.run(events, run_agent(job, folder, events, timeout_seconds=task.suite.timeout_seconds))
            self._note(events)
            if task.suite.operations and task.round == 1 and run.failure is None:
                run = run.model_copy(update={"operations": _frame_operations(task)})
            if not events.outputs_written:
                return run
            try:
                return run.model_copy(update={"parity": output_parity(task, outputs)})
            except CheckFailed as error:
                return run.model_copy(update={"failure": run.failure or printable(str(error))})

    def close(self) -> None:
        """A run leaves nothing behind."""


def _frame_operations(task: AgentTask) -> tuple[Operation, ...] | None:
    """Operations of a frame, profiled after the measurement: profiling costs time."""
    frame = bundle_components(task.bundle, task.target, task.precision)[-1]
    found = operations(task.target, frame, task.threads)
    return None if found is None else tuple(found)
