"""Build information for records: the commit of the source tree, package versions, the processor.

A fact that cannot be found is None, or absent, never a guess.
"""

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

DISTRIBUTION = "dmvton-mobile"  # the name that pip knows this project by
_CHANGES = "+changes"


@dataclass(frozen=True)
class SourceCommit:
    """The git commit of the source tree; as text, `COMMIT` or `COMMIT+changes`.

    Attributes:
        commit: 40 hexadecimal digits.
        changed: Whether tracked files differ from the commit.
    """

    commit: str
    changed: bool

    def __str__(self) -> str:
        return f"{self.commit}{_CHANGES if self.changed else ''}"


def source_commit(file: Path = Path(__file__)) -> SourceCommit | None:
    """The commit that a source file was checked out at.

    Args:
        file: A source file; by default, one of this project.

    Returns:
        None where git is missing or does not track the file, as for a package that is installed inside somebody
        else's repository.
    """
    if _git(file.parent, "ls-files", "--error-unmatch", file.name) is None:
        return None
    described = _git(file.parent, "describe", "--always", "--abbrev=40", f"--dirty={_CHANGES}", "--exclude=*")
    if described is None:
        return None
    return SourceCommit(commit=described.removesuffix(_CHANGES), changed=described.endswith(_CHANGES))


def package_version(package: str) -> str | None:
    """The version of an installed package, by its name on the package index; None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def package_versions(packages: Iterable[str]) -> dict[str, str]:
    """Package name to version, of those that are installed."""
    versions = {package: package_version(package) for package in packages}
    return {package: version for package, version in versions.items() if version is not None}


def processor_name() -> str:
    """The model name of the CPU, like `Intel(R) Xeon(R) CPU`; its architecture where the system gives no name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []  # not Linux
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def machine_description() -> str:
    """This machine in a line for tables, like `Intel(R) Xeon(R) CPU, 2 cores, Linux x86_64`."""
    return f"{processor_name()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return None  # git is not installed
    return None if done.returncode else done.stdout.strip()
