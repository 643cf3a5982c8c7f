"""`dmvton doctor`: what this machine can convert, run and measure, and the commands that install the rest.

What should be installed comes from the metadata of the installed `dmvton-mobile`, which setup.cfg wrote. Whether it
works is tried by importing it in another process.

Imports no torch, so it also answers where torch is broken.
"""

import importlib.metadata
import platform
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from enum import StrEnum

import typer
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dmvton_mobile.bundles.signing_tool import TOOL, signing_tool
from dmvton_mobile.cli.import_probe import ImportResult, import_all
from dmvton_mobile.errors import CheckFailed, DmvtonError
from dmvton_mobile.utils.build import DISTRIBUTION, package_version

EXTRAS = ("coreml", "tflite", "executorch", "onnx", "nncf", "data", "evaluate", "train", "bench")
IMPORT_SECONDS = 180.0  # per module; the slowest takes a few seconds, from a cold disk a minute

# package -> the modules that prove that it works, where not simply the package's name
_MODULES = {
    "Pillow": ("PIL.Image",),
    "PyYAML": ("yaml",),
    "scikit-learn": ("sklearn",),
    "opencv-python-headless": ("cv2",),
    "ai-edge-litert": ("ai_edge_litert.interpreter",),
    "executorch": ("executorch.exir", "executorch.runtime"),
}
# suffix of an artifact -> the package that runs it, and the module that proves that it works
_RUNTIMES = {
    ".onnx": ("onnxruntime", "onnxruntime"),
    ".tflite": ("ai-edge-litert", "ai_edge_litert.interpreter"),
    ".pte": ("executorch", "executorch.runtime"),
    ".mlpackage": ("coremltools", "coremltools"),
}


class Status(StrEnum):
    """How an item stands. Only a broken one, or a missing one of the core, is a failure."""

    OK = "ok"
    MISSING = "missing"
    BROKEN = "broken"
    DIFFERS = "version differs"


_STYLES = {Status.OK: "green", Status.MISSING: "yellow", Status.BROKEN: "red", Status.DIFFERS: "yellow"}


@dataclass(frozen=True)
class Finding:
    """One row of the report.

    Attributes:
        group: `core`, one of EXTRAS, `runtime` or `tool`.
        name: A package, the suffix of an artifact, or a program.
        version: None where it is not installed, or tells no version.
        status: How it stands.
        note: More about it, or what is wrong.
        remedy: The exact command that helps; None where none does.
    """

    group: str
    name: str
    version: str | None
    status: Status
    note: str = ""
    remedy: str | None = None

    @property
    def is_failure(self) -> bool:
        """Whether the machine needs mending. A missing extra is a choice; a missing core package is not."""
        return self.status is Status.BROKEN or (self.status is Status.MISSING and self.group == "core")


def doctor_command() -> None:
    """Show what this machine can convert, run and measure, and how to install the rest.

    Every installed package is imported, which takes ten seconds, from a cold disk a minute. If a core package is
    missing, or an installed package is broken, the command fails.

    Example: dmvton doctor
    """
    if not print_report(Console()):
        raise typer.Exit(CheckFailed.exit_code)


def print_report(console: Console) -> bool:
    """Prints the table of findings and the commands that help.

    Returns:
        Whether nothing is a failure.
    """
    with console.status("Importing every exporter and runtime"):
        findings = examine()
    console.print(_table(findings))
    for command, beneficiaries in remedies(findings).items():
        console.print(f"\nFor {beneficiaries}:", highlight=False)
        # one unbroken line, to be copied
        console.print(command, markup=False, highlight=False, soft_wrap=True)
    return not any(finding.is_failure for finding in findings)


def examine() -> list[Finding]:
    """Every finding, in the order of the table: Python, the packages of the core and of each extra, runtimes, tools."""
    system = Finding("core", "platform", platform.release(), Status.OK, f"{platform.system()} {platform.machine()}")
    try:
        metadata = importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        note = "this code runs uninstalled, so the packages that it needs are unknown"
        return [system, Finding("core", DISTRIBUTION, None, Status.MISSING, note, f"{_pip()} install -e .")]
    requirements = _requirements(metadata.requires or [])
    versions = {name: package_version(name) for name in {required.name for _, required in requirements}}
    modules = [module for name, version in versions.items() if version for module in _modules(name)]
    imported = import_all(sorted(modules), IMPORT_SECONDS)
    return [
        _examine_python(metadata.metadata["Requires-Python"]),
        system,
        *(_examine_package(group, required, versions[required.name], imported) for group, required in requirements),
        *(_examine_runtime(suffix, versions, imported) for suffix in _RUNTIMES),
        *_examine_tools(),
    ]


def remedies(findings: list[Finding]) -> dict[str, str]:
    """The commands that help, each once, and what each is for; one command installs all missing extras."""
    missing = [extra for extra in EXTRAS if any(_is_missing(finding, extra) for finding in findings)]
    helped: dict[str, list[str]] = {}
    for finding in findings:
        if finding.group in missing and finding.status is Status.MISSING:
            helped[_install(*missing)] = missing
        elif finding.remedy:
            helped.setdefault(finding.remedy, []).append(finding.name)
    return {command: ", ".join(dict.fromkeys(names)) for command, names in helped.items()}


def _table(findings: list[Finding]) -> Table:
    table = Table("for", "what", "version", "status", "note")
    previous = None
    for finding in findings:
        if previous not in (None, finding.group):
            table.add_section()
        group = "" if previous == finding.group else finding.group
        status = f"[{_STYLES[finding.status]}]{finding.status}[/]"
        table.add_row(group, finding.name, finding.version or "", status, escape(finding.note))
        previous = finding.group
    return table


def _requirements(lines: list[str]) -> list[tuple[str, Requirement]]:
    """Pairs of a group (`core` or an extra) and a package that it needs on this platform, in the order of setup.cfg."""
    found = []
    for required in map(Requirement, lines):
        groups = ("core",) if _applies(required, "") else (extra for extra in EXTRAS if _applies(required, extra))
        found += [(group, required) for group in groups]
    return found


def _applies(required: Requirement, extra: str) -> bool:
    return required.marker is None or required.marker.evaluate({"extra": extra})


def _modules(package: str) -> tuple[str, ...]:
    return _MODULES.get(package, (package.lower().replace("-", "_"),))


def _examine_python(wanted: str) -> Finding:
    version = platform.python_version()
    if SpecifierSet(wanted).contains(version, prereleases=True):
        return Finding("core", "Python", version, Status.OK, sys.executable)
    return Finding("core", "Python", version, Status.DIFFERS, f"wanted {wanted}", "python3.11 -m venv .venv")


def _examine_package(
    group: str, required: Requirement, version: str | None, imported: dict[str, ImportResult]
) -> Finding:
    name, pinned = required.name, f"{required.name}{required.specifier}"
    if version is None:
        remedy = f'{_pip()} install "{pinned}"' if group == "core" else _install(group)
        return Finding(group, name, None, Status.MISSING, "", remedy)
    results = [imported[module] for module in _modules(name)]
    if error := next((result.error for result in results if result.error), None):
        remedy = f'{_pip()} install --force-reinstall --no-deps "{pinned}"'
        return Finding(group, name, version, Status.BROKEN, _last_line(error), remedy)
    if not required.specifier.contains(version, prereleases=True):
        return Finding(group, name, version, Status.DIFFERS, f"tested with {pinned}", f'{_pip()} install "{pinned}"')
    remark = next((result.remark for result in results if result.remark), "")
    return Finding(group, name, version, Status.OK, remark)


def _examine_runtime(suffix: str, versions: dict[str, str | None], imported: dict[str, ImportResult]) -> Finding:
    package, module = _RUNTIMES[suffix]
    version = versions.get(package)
    if version is None:
        return Finding("runtime", suffix, None, Status.MISSING, f"run by {package}")
    status = Status.BROKEN if imported[module].error else Status.OK
    runner = package
    if suffix == ".mlpackage":
        runner = "Core ML" if platform.system() == "Darwin" else "our evaluator; Core ML runs on macOS only"
    return Finding("runtime", suffix, version, status, f"run by {runner}")


def _examine_tools() -> list[Finding]:
    findings = [_examine_signing()]
    if platform.system() == "Darwin":
        if path := shutil.which("xcrun"):
            findings.append(Finding("tool", "xcrun", None, Status.OK, path))
        else:
            findings.append(Finding("tool", "xcrun", None, Status.MISSING, "reaches iPhones", "xcode-select --install"))
    return findings


def _examine_signing() -> Finding:
    try:
        tool = signing_tool()
    except DmvtonError as error:
        commands = [line.strip() for line in str(error).splitlines() if line.startswith("  ")]
        return Finding("tool", TOOL, None, Status.MISSING, "signs bundles", " && ".join(commands) or None)
    try:
        process = subprocess.run(
            [tool, "--version"], capture_output=True, text=True, timeout=IMPORT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("tool", TOOL, None, Status.BROKEN, _last_line(str(error)))
    answer = _last_line(process.stdout.strip() or process.stderr.strip())
    if process.returncode:
        return Finding("tool", TOOL, None, Status.BROKEN, f"{tool}: {answer}")
    return Finding("tool", TOOL, answer.rpartition(" ")[2] or None, Status.OK, str(tool))


def _is_missing(finding: Finding, extra: str) -> bool:
    return finding.group == extra and finding.status is Status.MISSING


def _install(*extras: str) -> str:
    return f'{_pip()} install "{DISTRIBUTION}[{",".join(extras)}]"'


def _pip() -> str:
    return f"{shlex.quote(sys.executable)} -m pip"


def _last_line(text: str) -> str:
    """The last line of a message: in a traceback, the error itself."""
    return text.strip().splitlines()[-1].strip() if text.strip() else ""


if __name__ == "__main__":
    sys.exit(0 if print_report(Console()) else CheckFailed.exit_code)
