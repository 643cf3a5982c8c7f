"""Build information: what records say of the code, the packages and the machine."""

import importlib.metadata
import subprocess
from pathlib import Path

import pytest

from dmvton_mobile.utils.build import DISTRIBUTION, package_version, package_versions, processor_name, source_commit


def test_the_code_is_named_by_its_commit(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
        done = subprocess.run(
            ["git", "-C", tmp_path, *identity, *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    file = tmp_path / "code.py"
    file.write_text("one")
    assert source_commit(file) is None
    git("init")
    assert source_commit(file) is None  # installed inside somebody else's repository
    git("add", "code.py")
    assert source_commit(file) is None  # no commit yet
    git("commit", "-m", "One")
    git("tag", "v1")
    source = source_commit(file)
    assert source is not None and (source.commit, source.changed) == (git("rev-parse", "HEAD"), False)
    assert str(source) == source.commit
    file.write_text("two")
    source = source_commit(file)
    assert source is not None and (source.commit, source.changed) == (git("rev-parse", "HEAD"), True)
    assert str(source) == f"{source.commit}+changes"


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert source_commit() is not None
    monkeypatch.setenv("PATH", "")
    assert source_commit() is None


def test_versions_of_what_is_installed() -> None:
    found = package_versions((DISTRIBUTION, "torch", "no-such-package"))
    assert found == {name: importlib.metadata.version(name) for name in (DISTRIBUTION, "torch")}
    assert package_version("no-such-package") is None


def test_the_processor_has_a_name() -> None:
    assert processor_name()
