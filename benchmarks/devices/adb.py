"""A Linux board over adb: the agent runs there under the board's own Python, with the board's own runtimes."""

import math
import tempfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from benchmarks.devices.adb_link import DeviceRefused, Link
from benchmarks.devices.board_files import BoardFiles
from benchmarks.devices.device import AgentDevice, DeviceLost
from benchmarks.devices.job import AgentTask
from benchmarks.devices.outputs import output_parity
from benchmarks.measure.client import AGENT_FILE, JOB_FILE, agent_archive
from benchmarks.measure.collector import EventCollector
from benchmarks.run_record import Device, DeviceKind, Run
from dmvton_mobile.bundles.manifest import ParityFigure
from dmvton_mobile.contract import TensorContract
from dmvton_mobile.errors import CheckFailed, DmvtonError
from dmvton_mobile.targets import Target
from dmvton_mobile.utils.files import sha256_file

RUNTIMES = {  # the package to install, and its modules that the agent can use, the first that loads
    Target.TFLITE: ("ai-edge-litert", ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")),
    Target.ONNX: ("onnxruntime", ("onnxruntime",)),
}
MAX_HEADER = 256  # bytes of a .npy file before its numbers; NumPy writes 128


class Adb(AgentDevice):
    """A board that adb knows.

    Args:
        link: The connection to it.

    Raises:
        DmvtonError: The board cannot run the agent.
        DeviceLost: The board went away meanwhile.
    """

    kind = DeviceKind.LINUX

    def __init__(self, link: Link):
        super().__init__()
        self._link = link
        self.name = f"adb:{self._link.serial}"
        try:
            Device(kind=self.kind, name=self.name)
        except ValidationError as error:
            raise DmvtonError(
                f"No record can hold the serial {self._link.serial!r}: it is too long, or has other characters than "
                "letters, digits and . _ : -"
            ) from error
        self._files = BoardFiles(link)
        self._runtime_problems: dict[Target, str | None] = {}  # None: the runtime loads
        self._lost: str | None = None
        self._check_python()

    def runs(self, target: Target) -> bool:
        """Whether the agent can use the target's runtime on a board."""
        return target in RUNTIMES

    def measure(self, task: AgentTask) -> Run:
        """Pushes what the task needs, runs the agent and pulls its outputs; see `AgentDevice.measure`."""
        if self._lost is not None:
            raise DeviceLost(self._lost)
        events, failure, parity = EventCollector(), None, None
        try:
            self._check_runtime(task.target)
            try:
                folder = self._prepare(task)
                failure = self._follow(folder, task, events)
                if events.outputs_written:
                    parity = self._parity(folder, task)
            finally:
                with suppress(DeviceLost):
                    self._end_run()
        except DeviceLost as error:
            left = f" {self._files.folder} may be left on it." if self._files.folder else ""
            self._lost = failure = f"{error}{left}"
            if events.facts is None:
                raise DeviceLost(self._lost) from error
        except CheckFailed as error:
            failure = failure or str(error)
        self._note(events)
        return task.run(events, failure).model_copy(update={"parity": parity})

    def close(self) -> None:
        """Stops an agent that still runs and removes everything; on a board that is lost, everything stays."""
        with suppress(DeviceLost):
            self._end_run()
            self._files.remove()
        self._files.forget()

    def _check_python(self) -> None:
        serial = self._link.serial
        if self._link.shell("command -v python3").code:
            raise DmvtonError(f"{serial} has no python3: install Python 3.9 or later there, and NumPy.")
        answer = self._link.shell("python3 -c 'import sys; print(\"python\", sys.version_info >= (3, 9))' </dev/null")
        if answer.last_line == "python False":
            raise DmvtonError(f"The python3 of {serial} is too old: the agent needs 3.9 or later.")
        if answer.last_line != "python True":
            raise DmvtonError(
                f"The python3 of {serial} does not run ({answer.last_line}): is it for its processor, {self._abi()}?"
            )
        if (problem := self._import_problem("numpy", ("numpy",))) is not None:
            raise DmvtonError(problem)

    def _check_runtime(self, target: Target) -> None:
        if target not in self._runtime_problems:
            self._runtime_problems[target] = self._import_problem(*RUNTIMES[target])
        if (problem := self._runtime_problems[target]) is not None:
            raise DeviceRefused(problem)

    def _import_problem(self, package: str, modules: tuple[str, ...]) -> str | None:
        """Why none of the modules can be imported; None if one can."""
        answers = [self._link.shell(f"python3 -c 'import {module}' </dev/null") for module in modules]
        if any(each.code == 0 for each in answers):
            return None
        broken = next((each for each in answers if "ModuleNotFoundError" not in each.last_line), None)
        if broken is None:
            return (
                f"{self._link.serial} has no {package} for its python3 ({answers[0].last_line}): "
                f"`python3 -m pip install {package}` there."
            )
        return (
            f"{package} does not load on {self._link.serial} ({broken.last_line}, status {broken.code}): "
            f"install the build for its processor, {self._abi()}, and its Python."
        )

    def _abi(self) -> str:
        return self._link.shell("uname -m").last_line[:40]

    def _prepare(self, task: AgentTask) -> str:
        """Pushes everything that a run needs; returns its folder. Artifacts and the agent stay for later runs."""
        session = self._files.session_folder()
        folder = f"{session}/run"
        self._files.make_folder(f"{folder}/outputs")
        artifacts = {}
        for name, file in task.files():
            artifacts[name] = f"{session}/{sha256_file(file)}{file.suffix}"
            self._files.put(file, artifacts[name])
        self._files.put(agent_archive(), f"{session}/{AGENT_FILE}")
        for name, value in task.tensors():
            array = BytesIO()
            np.save(array, value)
            self._files.put(array.getvalue(), f"{folder}/{name}")
        job = task.job(lambda name: artifacts.get(name, f"{folder}/{name}"), f"{folder}/outputs")
        self._files.put(job.model_dump_json().encode(), f"{folder}/{JOB_FILE}")
        return folder

    def _follow(self, folder: str, task: AgentTask, events: EventCollector) -> str | None:
        """Runs the agent to its end, or to the suite's timeout; returns how its process failed."""
        threads = f"OMP_NUM_THREADS={task.threads}"
        agent = f"{threads} exec python3 {self._files.session_folder()}/{AGENT_FILE} {folder}/{JOB_FILE}"
        command = f"sh -c 'echo $$ >{folder}/pid; {agent}' </dev/null 2>{folder}/stderr"
        try:
            code = self._link.follow(command, task.suite.timeout_seconds, events.add)
        except TimeoutError:
            return f"It had not ended after {task.suite.timeout_seconds:g} seconds, and was stopped."
        if code == 0:
            return None
        return f"Its process ended with {code}: {self._link.shell(f'tail -c 2000 {folder}/stderr').last_line}"

    def _parity(self, folder: str, task: AgentTask) -> tuple[ParityFigure, ...]:
        with tempfile.TemporaryDirectory(prefix="dmvton-bench-") as outputs:
            for tensor in task.frame.outputs:
                max_bytes = MAX_HEADER + 4 * math.prod(tensor.shape)
                content = self._link.pull(f"{folder}/outputs/{tensor.name}.npy", max_bytes)
                np.save(Path(outputs, f"{tensor.name}.npy"), _read_npy(content, tensor))
            return output_parity(task, Path(outputs))

    def _end_run(self) -> None:
        """Stops the agent, if it still runs, and removes its run."""
        if self._files.folder is None:
            return
        folder = f"{self._files.folder}/run"
        # the number may be another process's by now: only one that names our folder is ended
        ours = f"tr '\\0' ' ' </proc/$p/cmdline | grep -q {self._files.folder}"
        self._link.shell(f"p=$(cat {folder}/pid) && {ours} && kill -9 $p")
        self._files.clear(folder)


def _read_npy(content: bytes, tensor: TensorContract) -> np.ndarray:
    """The numbers of a .npy file from a board.

    The shape in its header is not used: it could ask for more memory than there is.
    """
    start = len(content) - 4 * math.prod(tensor.shape)
    if start <= 0 or b"'descr': '<f4', 'fortran_order': False" not in content[:start]:
        raise DeviceRefused(f"The device's output {tensor.name} is no file of {tensor.shape} float32 numbers.")
    return np.frombuffer(content, "<f4", offset=start).reshape(tensor.shape)
