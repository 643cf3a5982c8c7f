"""A Linux board over adb: the agent runs there under the board's own Python, with the board's own runtimes."""

import json
import math
import secrets
import shlex
import tempfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from benchmarks.devices.adb_link import DeviceRefused, Link
from benchmarks.devices.device import AgentDevice, DeviceLost
from benchmarks.devices.events import Collected
from benchmarks.devices.job import AGENT, Work
from benchmarks.devices.outputs import output_parity
from benchmarks.record import Device, DeviceKind, Run
from dmvton_mobile.bundles.manifest import ParityFigure
from dmvton_mobile.contract import TensorContract
from dmvton_mobile.errors import CheckFailed, DmvtonError
from dmvton_mobile.targets import Target
from dmvton_mobile.utils.files import sha256_file

PLACES = ("/data/local/tmp", "/tmp")  # of the device
RUNTIMES = {  # the package to install; the modules of it that the agent takes, the first that loads
    Target.TFLITE: ("ai-edge-litert", ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")),
    Target.ONNX: ("onnxruntime", ("onnxruntime",)),
}
HEADER = 256  # bytes of a .npy file before its numbers, at most; NumPy writes 128
ABSENT = 127  # a shell's word for a command that is not there


class Adb(AgentDevice):
    """Raises DmvtonError where the board cannot run the agent; DeviceLost where it goes away meanwhile."""

    kind = DeviceKind.LINUX

    def __init__(self, link: Link):
        super().__init__()
        self._link = link
        self.name = f"adb:{self._link.serial}"
        try:
            Device(kind=self.kind, name=self.name)
        except ValidationError as error:
            raise DmvtonError(
                f"No record can hold the serial {self._link.serial!r}: it is long, or not plain."
            ) from error
        self._folder: str | None = None  # of this session, on the device
        self._there: set[str] = set()  # what of it holds a file that arrived whole
        self._loadable: dict[Target, str | None] = {}  # what is wrong with a runtime, None where nothing is
        self._lost: str | None = None
        self._check_python()

    def runs(self, target: Target) -> bool:
        return target in RUNTIMES

    def measure(self, work: Work) -> Run:
        if self._lost is not None:
            raise DeviceLost(self._lost)
        collected, failure, parity = Collected(), None, None
        try:
            self._check_runtime(work.target)
            try:
                job = self._prepared(work)
                failure = self._follow(job, work, collected)
                if collected.given_outputs:
                    parity = self._parity(job, work)
            finally:
                with suppress(DeviceLost):
                    self._clear()
        except DeviceLost as error:
            left = f" {self._folder} may be left on it." if self._folder else ""
            self._lost = failure = f"{error}{left}"
            if collected.facts is None:
                raise DeviceLost(self._lost) from error
        except CheckFailed as error:
            failure = failure or str(error)
        self._note(collected)
        return collected.run(work, failure).model_copy(update={"parity": parity})

    def close(self) -> None:
        """Stops what still runs and removes everything; a device that is lost keeps it."""
        if self._folder is not None:
            with suppress(DeviceLost):
                self._clear()
                self._link.remove(self._folder)
        self._folder, self._there = None, set()

    def _check_python(self) -> None:
        serial = self._link.serial
        if self._link.shell("command -v python3").code:
            raise DmvtonError(f"{serial} has no python3: install Python 3.9 or later there, and NumPy.")
        said = self._link.shell("python3 -c 'import sys; print(\"python\", sys.version_info >= (3, 9))' </dev/null")
        if said.last_line == "python False":
            raise DmvtonError(f"The python3 of {serial} is too old: the agent needs 3.9 or later.")
        if said.last_line != "python True":
            raise DmvtonError(
                f"The python3 of {serial} does not run ({said.last_line}): is it for its processor, {self._abi()}?"
            )
        if (problem := self._module_problem("numpy", ("numpy",))) is not None:
            raise DmvtonError(problem)

    def _check_runtime(self, target: Target) -> None:
        """Once for each. Raises DeviceRefused."""
        if target not in self._loadable:
            self._loadable[target] = self._module_problem(*RUNTIMES[target])
        if (problem := self._loadable[target]) is not None:
            raise DeviceRefused(problem)

    def _module_problem(self, package: str, modules: tuple[str, ...]) -> str | None:
        """Why none of the modules can be imported; None where one can."""
        said = [self._link.shell(f"python3 -c 'import {module}' </dev/null") for module in modules]
        if any(each.code == 0 for each in said):
            return None
        found = next((each for each in said if "ModuleNotFoundError" not in each.last_line), None)
        if found is None:
            return (
                f"{self._link.serial} has no {package} for its python3 ({said[0].last_line}): "
                f"`python3 -m pip install {package}` there."
            )
        return (
            f"{package} does not load on {self._link.serial} ({found.last_line}, status {found.code}): "
            f"install the build for its processor, {self._abi()}, and its Python."
        )

    def _abi(self) -> str:
        return self._link.shell("uname -m").last_line[:40]

    def _prepared(self, work: Work) -> str:
        """Everything there that a run needs; its folder. Raises DeviceRefused."""
        session = self._session()
        job = f"{session}/run"
        self._made(f"{job}/outputs")
        places = {}
        for name, file in work.files():
            places[name] = f"{session}/{sha256_file(file)}{file.suffix}"
            self._put(file, places[name])
        self._put(AGENT, f"{session}/agent.py")
        for name, value in work.tensors():
            array = BytesIO()
            np.save(array, value)
            self._put(array.getvalue(), f"{job}/{name}")
        described = work.job(lambda name: places.get(name, f"{job}/{name}"), f"{job}/outputs")
        self._put(json.dumps(described).encode(), f"{job}/job.json")
        return job

    def _session(self) -> str:
        """A fresh folder of this session, made with the first run."""
        if self._folder is None:
            name = f"dmvton-bench-{secrets.token_hex(8)}"
            for place in PLACES:
                if self._link.shell(f"test -d {place} && mkdir -m 700 {place}/{name}").code == 0:
                    self._folder = f"{place}/{name}"
                    break
            else:
                raise DeviceRefused(f"{self._link.serial} lets nothing be written in {' or '.join(PLACES)}.")
        return self._folder

    def _made(self, folder: str) -> None:
        said = self._link.shell(f"mkdir -p {shlex.quote(folder)}")
        if said.code:
            raise DeviceRefused(f"{self._link.serial} did not make a folder: {said.last_line}.")

    def _put(self, source: Path | bytes, place: str) -> None:
        """Once for each place. What does not arrive whole is removed."""
        if place in self._there:
            return
        try:
            self._link.push(source, place)
            self._check_whole(source, place)
        except DeviceRefused as error:
            self._link.remove(place)
            free = self._link.shell(f"df -k {shlex.quote(self._session())}").last_line
            raise DeviceRefused(f"{error} Its disk, by df: {free}.") from error
        self._there.add(place)

    def _check_whole(self, source: Path | bytes, place: str) -> None:
        """By SHA-256; by size where the device cannot count that."""
        digest = sha256_file(source) if isinstance(source, Path) else None
        size = source.stat().st_size if isinstance(source, Path) else len(source)
        said = self._link.shell(f"sha256sum {shlex.quote(place)}") if digest else None
        if said is not None and said.code != ABSENT:
            whole = said.text.startswith(digest or "")
        else:
            whole = self._link.shell(f"wc -c <{shlex.quote(place)}").text.strip() == str(size)
        if not whole:
            raise DeviceRefused(f"{Path(place).name} did not arrive whole on {self._link.serial}: try again.")

    def _follow(self, job: str, work: Work, collected: Collected) -> str | None:
        """Runs the agent to its end, or to the suite's timeout; why it failed, where it did not say so itself."""
        agent = f"OMP_NUM_THREADS={work.threads} exec python3 {self._session()}/agent.py {job}/job.json"
        command = f"sh -c 'echo $$ >{job}/pid; {agent}' </dev/null 2>{job}/said"
        try:
            code = self._link.follow(command, work.suite.timeout_seconds, collected.add)
        except TimeoutError:
            return f"It had not ended after {work.suite.timeout_seconds:g} seconds, and was stopped."
        return (
            f"Its process ended with {code}: {self._link.shell(f'tail -c 2000 {job}/said').last_line}" if code else None
        )

    def _parity(self, job: str, work: Work) -> tuple[ParityFigure, ...]:
        with tempfile.TemporaryDirectory(prefix="dmvton-bench-") as made:
            for tensor in work.last.outputs:
                most = HEADER + 4 * math.prod(tensor.shape)
                content = self._link.pull(f"{job}/outputs/{tensor.name}.npy", most)
                np.save(Path(made, f"{tensor.name}.npy"), _numbers(content, tensor))
            return output_parity(work, Path(made))

    def _clear(self) -> None:
        """Stops the agent, if it still runs, and removes its run."""
        if self._folder is None:
            return
        job = f"{self._folder}/run"
        # A number may long be another process's: only one that names our folder is ended
        self._link.shell(f"p=$(cat {job}/pid) && tr '\\0' ' ' </proc/$p/cmdline | grep -q {self._folder} && kill -9 $p")
        self._there = {place for place in self._there if not place.startswith(f"{job}/")}
        self._link.remove(job)


def _numbers(content: bytes, tensor: TensorContract) -> np.ndarray:
    """Of a .npy file whose header is believed nothing: one could ask for more memory than there is. Raises
    DeviceRefused."""
    start = len(content) - 4 * math.prod(tensor.shape)
    if start <= 0 or b"'descr': '<f4', 'fortran_order': False" not in content[:start]:
        raise DeviceRefused(f"The device's output {tensor.name} is no file of {tensor.shape} float32 numbers.")
    return np.frombuffer(content, "<f4", offset=start).reshape(tensor.shape)
