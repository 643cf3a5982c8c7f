"""Runs the agent on this machine, in a process of its own, and collects its events."""

import io
import os
import subprocess
import sys
import threading
import zipfile
from functools import cache
from pathlib import Path

from benchmarks.measure.collector import EventCollector
from benchmarks.measure.events import AgentFailed
from benchmarks.measure.job import AgentJob

AGENT_FILE = "agent.pyz"
JOB_FILE = "job.json"
_PACKAGE = Path(__file__).parent / "agent"
_MAIN = "from agent.main import main\n\nmain()\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date that a zip can hold
_SECONDS_TO_EXIT = 5.0  # for an agent that has closed its output


@cache
def agent_archive() -> bytes:
    """The agent as one file that Python runs: a zip of the package `agent`, with the same bytes every time.

    Files are stored, not deflated: a board's Python may lack zlib.
    """
    archive = io.BytesIO()
    sources = {f"agent/{path.name}": path.read_text(encoding="utf-8") for path in sorted(_PACKAGE.glob("*.py"))}
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for name, source in {"__main__.py": _MAIN, **sources}.items():
            file.writestr(zipfile.ZipInfo(name, _EPOCH), source)
    return archive.getvalue()


def run_agent(
    job: AgentJob, folder: Path, events: EventCollector, *, timeout_seconds: float | None = None
) -> str | None:
    """Runs the agent to its end.

    Args:
        job: What it measures.
        folder: A temporary folder, for the agent, its job and what it prints on standard error.
        events: Takes every event as soon as it comes.
        timeout_seconds: After that time the agent is killed; None waits for ever.

    Returns:
        How the process failed, for `EventCollector.failure`; None where it ended well.
    """
    (folder / AGENT_FILE).write_bytes(agent_archive())
    (folder / JOB_FILE).write_text(job.model_dump_json(), encoding="utf-8")
    command = [sys.executable, str(folder / AGENT_FILE), str(folder / JOB_FILE)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(job.threads)}
    with (folder / "stderr").open("w+b") as stderr:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, env=environment, cwd=folder)
        try:
            timed_out = _collect(process, events, timeout_seconds)
        except AgentFailed as error:
            return str(error)
        if timed_out:
            return f"It had not ended after {timeout_seconds:g} seconds, and was stopped."
        if process.returncode == 0:
            return None
        stderr.seek(0)
        lines = stderr.read().decode(errors="replace").strip().splitlines()
        return f"Its process ended with {process.returncode}: {lines[-1] if lines else 'it printed no error'}"


def _collect(process: "subprocess.Popen[bytes]", events: EventCollector, timeout_seconds: float | None) -> bool:
    """Reads events until the process closes its output; returns whether it was killed at the timeout."""
    timed_out = threading.Event()

    def kill() -> None:
        timed_out.set()
        process.kill()

    timer = None if timeout_seconds is None else threading.Timer(timeout_seconds, kill)
    if timer is not None:
        timer.start()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            events.add(line)
    finally:
        if timer is not None:
            timer.cancel()
        _end(process)
    return timed_out.is_set()


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Waits for a process that has closed its output; kills one that goes on."""
    try:
        process.wait(timeout=_SECONDS_TO_EXIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
