"""The tree of commands: every one is mounted by name, and `--help` of a group imports none of them."""

import subprocess
import sys
from collections.abc import Iterable, Iterator

import pytest
from typer.core import TyperGroup
from typer.testing import CliRunner

from benchmarks.cli.main import bench
from dmvton_mobile.cli.lazy import LazyCommand
from dmvton_mobile.cli.main import COMMANDS, app


def lazy_commands(
    commands: Iterable[object], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], LazyCommand]]:
    """Every command that is mounted, by the words that call it."""
    for command in commands:
        if isinstance(command, TyperGroup):
            assert command.name is not None
            yield from lazy_commands(command.commands.values(), (*path, command.name))
        else:
            assert isinstance(command, LazyCommand) and command.name is not None
            yield (*path, command.name), command


def commands() -> dict[tuple[str, ...], LazyCommand]:
    mounted = dict(lazy_commands([command for command in COMMANDS if command.name != "bench"]))
    return {**mounted, **dict(lazy_commands([bench]))}


def test_every_verb_is_mounted() -> None:
    assert {" ".join(words) for words in commands()} == {
        "data render", "data check", "data poses", "data synthesise", "data shard", "train", "compress", "evaluate",
        "import-checkpoint", "convert", "verify", "bundle zip", "bundle sign", "bundle install", "tryon", "doctor",
        "bench run", "bench accept", "bench devices", "bench footprint", "bench report", "bench overlay",
        "bench compare", "bench recommend", "bench compression", "bench peers", "bench reference", "bench schema",
    }  # fmt: skip


@pytest.mark.parametrize("group", [(), ("data",), ("bundle",), ("bench",)], ids=" ".join)
def test_the_help_of_a_group_imports_no_command(group: tuple[str, ...]) -> None:
    code = (
        "import sys\n"
        "from dmvton_mobile.cli.main import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "finally:\n"
        "    print({'torch', 'numpy', 'training', 'converters'} & sys.modules.keys(), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *group, "--help"], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "set()"
    listed = {words[len(group)] for words in commands() if words[: len(group)] == group}
    assert listed <= set(done.stdout.replace("│", " ").split())


def test_the_line_in_the_list_is_the_first_of_the_help() -> None:
    for words, command in commands().items():
        assert command.load().help.splitlines()[0] == command.help, words
    (mounted,) = (command for command in COMMANDS if command.name == "bench")
    assert mounted.help == bench.help


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_shows_an_example(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert f"dmvton {' '.join(words)}" in result.output.partition("Example")[2]
