"""What this machine can convert, run and measure, and the exact command for what is missing.

What should be here is read from the metadata of the installed `dmvton-mobile`, that is from setup.cfg. What is here is
imported in a process of its own, because an exporter's native code may crash or hang.

`python -m dmvton_mobile.cli.doctor` does the same where the command line does not start, because torch is broken.
"""

import importlib.metadata
import json
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import typer
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dmvton_mobile.bundles.signing import signing_tool
from dmvton_mobile.errors import CheckFailed, DmvtonError

DISTRIBUTION = "dmvton-mobile"
EXTRAS = ("coreml", "tflite", "executorch", "onnx", "nncf", "data", "evaluate", "train", "bench")
IMPORT_SECONDS = 180.0  # per module; the slowest takes a few seconds, from a cold disk a minute

# What proves that a package works, where that is not the package's own name
_MODULES = {
    "Pillow": ("PIL.Image",),
    "PyYAML": ("yaml",),
    "scikit-learn": ("sklearn",),
    "opencv-python-headless": ("cv2",),
    "ai-edge-litert": ("ai_edge_litert.interpreter",),
    "executorch": ("executorch.exir", "executorch.runtime"),
}
_RUNTIMES = {
    ".onnx": ("onnxruntime", "onnxruntime"),
    ".tflite": ("ai-edge-litert", "ai_edge_litert.interpreter"),
    ".pte": ("executorch", "executorch.runtime"),
    ".mlpackage": ("coremltools", "coremltools"),
}
# Each module leaves one line: its name, what went wrong or null, a remark. The watchdog ends the process even where
# native code holds the interpreter. -P keeps the folder that doctor is started in out of the imports. Where nncf finds
# openvino_telemetry, it writes an identifier into the home folder.
_PROBE = """
import faulthandler, importlib, json, sys
sys.modules["openvino_telemetry"] = None
for module in sys.argv[3:]:
    faulthandler.dump_traceback_later(float(sys.argv[2]), exit=True)
    error = remark = None
    try:
        found = importlib.import_module(module)
        if module == "torch":
            remark = f"CUDA {found.version.cuda} build" if found.version.cuda else "CPU build"
            if found.cuda.is_available():
                remark += f", {found.cuda.get_device_name()}"
    except BaseException as caught:
        error = f"{type(caught).__name__}: {caught}"
    with open(sys.argv[1], "a") as results:
        results.write(json.dumps([module, error, remark]) + "\\n")
"""


class Status(StrEnum):
    OK = "ok"
    MISSING = "missing"
    BROKEN = "broken"
    DIFFERS = "version differs"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    group: `core`, one of EXTRAS, `runtime` or `tool`; remedy: the exact command, where one helps.
    """

    group: str
    name: str
    version: str | None
    status: Status
    note: str = ""
    remedy: str | None = None


class Imported(NamedTuple):
    problem: str | None
    remark: str | None


def doctor_command() -> None:
    """Show what this machine can convert, run and measure, and how to install the rest.

    If a core package is missing, or an installed one does not import, the command fails.

    Example: dmvton doctor
    """
    if not print_report(Console()):
        raise typer.Exit(CheckFailed.exit_code)


def report() -> list[Check]:
    """Every check, in the order of the table. Imports all that is installed: ten seconds, from a cold disk a minute."""
    here = Check("core", "platform", platform.release(), Status.OK, f"{platform.system()} {platform.machine()}")
    try:
        metadata = importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        note = "this code runs uninstalled, so what belongs to it is unknown"
        return [here, Check("core", DISTRIBUTION, None, Status.MISSING, note, f"{_pip()} install -e .")]
    requirements = _requirements(metadata.requires or [])
    versions = {name: _version(name) for name in {required.name for _, required in requirements}}
    modules = [module for name, version in versions.items() if version for module in _modules(name)]
    imported = import_all(sorted(modules), IMPORT_SECONDS)
    return [
        _check_python(metadata.metadata["Requires-Python"]),
        here,
        *(_check_package(group, required, versions[required.name], imported) for group, required in requirements),
        *(_check_runtime(suffix, versions, imported) for suffix in _RUNTIMES),
        *_check_tools(),
    ]


def print_report(console: Console) -> bool:
    """Prints the table and the commands that help; True where nothing is broken and the core is whole."""
    with console.status("Importing every exporter and runtime"):
        checks = report()
    table = Table("for", "what", "version", "status", "note")
    styles = {Status.OK: "green", Status.MISSING: "yellow", Status.BROKEN: "red", Status.DIFFERS: "yellow"}
    for before, check in zip([None, *checks], checks, strict=False):
        if before and before.group != check.group:
            table.add_section()
        group = "" if before and before.group == check.group else check.group
        status = f"[{styles[check.status]}]{check.status}[/]"
        table.add_row(group, check.name, check.version or "", status, escape(check.note))
    console.print(table)
    for command, helps in remedies(checks).items():
        console.print(f"\nFor {helps}:", highlight=False)
        # whole, on one line, to be copied
        console.print(command, markup=False, highlight=False, soft_wrap=True)
    return not any(failing(check) for check in checks)


def failing(check: Check) -> bool:
    """A missing extra is a choice; a missing core package, or a broken anything, is not."""
    return check.status is Status.BROKEN or (check.status is Status.MISSING and check.group == "core")


def remedies(checks: list[Check]) -> dict[str, str]:
    """command -> the groups that it helps, in order, each command once; all missing extras in one command."""
    missing = [extra for extra in EXTRAS if any(_lacks(check, extra) for check in checks)]
    found: dict[str, list[str]] = {}
    for check in checks:
        if check.group in missing and check.status is Status.MISSING:
            found[_install(*missing)] = missing
        elif check.remedy:
            found.setdefault(check.remedy, []).append(check.name)
    return {command: ", ".join(dict.fromkeys(helps)) for command, helps in found.items()}


def import_all(modules: list[str], seconds: float) -> dict[str, Imported]:
    """Imports modules together in another process; one that crashes it, or takes longer, is named and left out.

    The rest then starts afresh.
    """
    results: dict[str, Imported] = {}
    while remaining := [module for module in modules if module not in results]:
        with tempfile.TemporaryDirectory(prefix="dmvton-doctor-") as scratch:
            lines = Path(scratch, "results")
            lines.touch()
            command = [sys.executable, "-P", "-c", _PROBE, str(lines), str(seconds), *remaining]
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
            for line in lines.read_text(encoding="utf-8").splitlines():
                module, problem, remark = json.loads(line)
                results[module] = Imported(problem, remark)
        # one at a time: the first without a line ended the process
        ended = next((module for module in remaining if module not in results), None)
        if ended:
            results[ended] = Imported(_ending(done, seconds), None)
    return results


def _requirements(lines: list[str]) -> list[tuple[str, Requirement]]:
    """(`core` or the extra, what it asks for on this platform), in the order of setup.cfg"""
    found = []
    for required in map(Requirement, lines):
        groups = ("core",) if _applies(required, "") else (extra for extra in EXTRAS if _applies(required, extra))
        found += [(group, required) for group in groups]
    return found


def _applies(required: Requirement, extra: str) -> bool:
    return required.marker is None or required.marker.evaluate({"extra": extra})


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _modules(name: str) -> tuple[str, ...]:
    return _MODULES.get(name, (name.lower().replace("-", "_"),))


def _check_python(wanted: str) -> Check:
    version = platform.python_version()
    if SpecifierSet(wanted).contains(version, prereleases=True):
        return Check("core", "Python", version, Status.OK, sys.executable)
    return Check("core", "Python", version, Status.DIFFERS, f"wanted {wanted}", "python3.11 -m venv .venv")


def _check_package(group: str, required: Requirement, version: str | None, imported: dict[str, Imported]) -> Check:
    name, wanted = required.name, f"{required.name}{required.specifier}"
    if version is None:
        remedy = f'{_pip()} install "{wanted}"' if group == "core" else _install(group)
        return Check(group, name, None, Status.MISSING, "", remedy)
    tried = [imported[module] for module in _modules(name)]
    if problem := next((each.problem for each in tried if each.problem), None):
        remedy = f'{_pip()} install --force-reinstall --no-deps "{wanted}"'
        return Check(group, name, version, Status.BROKEN, _one_line(problem), remedy)
    if not required.specifier.contains(version, prereleases=True):
        return Check(group, name, version, Status.DIFFERS, f"tested with {wanted}", f'{_pip()} install "{wanted}"')
    return Check(group, name, version, Status.OK, next((each.remark for each in tried if each.remark), ""))


def _check_runtime(suffix: str, versions: dict[str, str | None], imported: dict[str, Imported]) -> Check:
    name, module = _RUNTIMES[suffix]
    version = versions.get(name)
    if version is None:
        return Check("runtime", suffix, None, Status.MISSING, f"run by {name}")
    status = Status.BROKEN if imported[module].problem else Status.OK
    if suffix != ".mlpackage":
        return Check("runtime", suffix, version, status, f"run by {name}")
    runner = "Core ML" if platform.system() == "Darwin" else "our evaluator; Core ML runs on macOS only"
    return Check("runtime", suffix, version, status, f"run by {runner}")


def _check_tools() -> list[Check]:
    checks = [_check_signing()]
    if platform.system() == "Darwin":
        if path := shutil.which("xcrun"):
            checks.append(Check("tool", "xcrun", None, Status.OK, path))
        else:
            checks.append(Check("tool", "xcrun", None, Status.MISSING, "reaches iPhones", "xcode-select --install"))
    return checks


def _check_signing() -> Check:
    name = "model_signing"
    try:
        tool = signing_tool()
    except DmvtonError as error:
        commands = [line.strip() for line in str(error).splitlines() if line.startswith("  ")]
        return Check("tool", name, None, Status.MISSING, "signs bundles", " && ".join(commands) or None)
    try:
        done = subprocess.run([tool, "--version"], capture_output=True, text=True, timeout=IMPORT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check("tool", name, None, Status.BROKEN, _one_line(str(error)))
    said = _one_line(done.stdout.strip() or done.stderr.strip())
    if done.returncode:
        return Check("tool", name, None, Status.BROKEN, f"{tool}: {said}")
    return Check("tool", name, said.rpartition(" ")[2] or None, Status.OK, str(tool))


def _lacks(check: Check, extra: str) -> bool:
    return check.group == extra and check.status is Status.MISSING


def _install(*extras: str) -> str:
    return f'{_pip()} install "{DISTRIBUTION}[{",".join(extras)}]"'


def _pip() -> str:
    return f"{shlex.quote(sys.executable)} -m pip"


def _one_line(text: str) -> str:
    """The last line: in a traceback, the one that says what happened."""
    return text.strip().splitlines()[-1].strip() if text.strip() else ""


def _ending(done: subprocess.CompletedProcess[bytes], seconds: float) -> str:
    if b"Timeout (" in done.stderr:  # what the watchdog says
        return f"its import takes over {seconds:g} s"
    code = done.returncode
    return f"its import ends Python with {f'signal {-code}' if code < 0 else f'exit code {code}'}"


if __name__ == "__main__":
    sys.exit(0 if print_report(Console()) else 1)
