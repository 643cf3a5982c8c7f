"""Commands that a group knows by name and imports when they are asked for.

So the core can mount the commands of a wing without importing the wing, and `--help` of a group needs no torch.
"""

import importlib
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


class LazyCommand(TyperCommand):
    """A command, or a group of commands, that is imported when it is called.

    Attributes:
        target: What implements it, as `module:attribute`: a function with typer's annotations, or a group.
    """

    def __init__(self, name: str, target: str, summary: str) -> None:
        """`summary` is the line that the group's `--help` shows: the first line of the command's own help."""
        super().__init__(name, help=summary)
        self.target = target

    def load(self) -> Any:
        """Imports and returns the command or group itself."""
        module, _, attribute = self.target.partition(":")
        implementation = getattr(importlib.import_module(module), attribute)
        if isinstance(implementation, TyperGroup):
            return implementation
        app = typer.Typer(add_completion=False)
        app.command(self.name)(implementation)
        return typer.main.get_command(app)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Hands the arguments to the command itself."""
        return self.load().make_context(info_name, args, parent, **extra)
