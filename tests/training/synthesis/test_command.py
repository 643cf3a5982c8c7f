"""Programs of the user's: what is refused before the first call, and what a call that goes wrong says."""

import os
import sys
import time
from pathlib import Path

import pytest

from dmvton_mobile.errors import DmvtonError
from training.synthesis.command import CommandFailed, ExternalCommand, parse_command

PYTHON = sys.executable


def python(code: str, timeout_s: float = 30, *arguments: str) -> ExternalCommand:
    return ExternalCommand((PYTHON, "-c", code, *arguments), timeout_s, "--generator")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "make {person} {pose} {out} {colour}",
            r"unknown placeholder \{colour\}. Known: \{person\}, \{pose\}, \{out\}",
        ),
        ("make {person} {out}", r"lacks the placeholder \{pose\}"),
        ("make {person} {pose} {out} {}", r"unknown placeholder \{\}"),
        ("make '{person} {pose} {out}", "no command line"),
        ("  ", "is empty"),
    ],
)
def test_a_template_that_cannot_be_filled_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(DmvtonError, match=f"--generator .*{sentence}"):
        parse_command(text, ("person", "pose", "out"), 1.0, "--generator")


def test_paths_are_handed_over_whole_and_no_shell_sees_them(tmp_path: Path) -> None:
    source, target = tmp_path / "a b; touch c.txt", tmp_path / "out file.txt"
    source.write_text("hello")
    text = f"{PYTHON} -c 'import shutil, sys; shutil.copy(*sys.argv[1:])' {{person}} {{out}}"
    parse_command(text, ("person", "out"), 30, "--generator").run({"person": source, "out": target})
    assert target.read_text() == "hello" and sorted(os.listdir(tmp_path)) == [source.name, target.name]


def test_a_failure_says_how_it_ended_and_what_it_said_last() -> None:
    code = "import sys; print('loading'); print('no checkpoint', file=sys.stderr); sys.exit(3)"
    with pytest.raises(CommandFailed, match=r"--generator failed with status 3: .*: no checkpoint"):
        python(code).run({})
    with pytest.raises(CommandFailed, match=r"failed with signal 9: .*\.$"):
        python("import os; os.kill(os.getpid(), 9)").run({})


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(CommandFailed, match="cannot be started: no_such_program: No such file"):
        ExternalCommand(("no_such_program",), 1.0, "--parser").run({})


def test_one_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    """The child writes on and on; after the timeout it no longer does."""
    beat = tmp_path / "beat"
    child = f"import time\nfor n in range(10**6):\n open({str(beat)!r}, 'w').write(str(n)); time.sleep(0.02)"
    parent = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(600)"
    with pytest.raises(CommandFailed, match=r"took longer than 2 s .*--timeout"):
        python(parent, timeout_s=2).run({})
    time.sleep(0.1)
    before = beat.read_text()
    time.sleep(0.3)
    assert beat.read_text() == before
