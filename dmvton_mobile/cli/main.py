"""`dmvton`, the command line: every command by name, imported when it is asked for.

Each wing has its commands in its own room (`converters/cli.py`, `training/cli.py`, `benchmarks/cli/`); the core's stand
beside this file. Nothing here imports torch, so `dmvton --help` answers at once.

Exit codes: 0 done and every check passed; 1 a check failed; 2 the request must change; 130 interrupted.
"""

import logging
import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from dmvton_mobile.cli.lazy import LazyCommand
from dmvton_mobile.errors import DmvtonError

INTERRUPTED = 130  # what a shell reports for a program that Ctrl-C ended
# at import, torchao reports that its CUDA kernels do not load beside torch's CPU build, pytree how it was registered
CHATTY_LOGGERS = ("torchao", "torch.utils._pytree")

COMMANDS = (
    TyperGroup(
        name="data",
        help="Render, check, extend and pack datasets.",
        no_args_is_help=True,
        commands=[
            LazyCommand(
                "render",
                "dmvton_mobile.cli.data:render_command",
                "Render people in garments with exact labels, poses and flow, in the layout of VITON.",
            ),
            LazyCommand(
                "check",
                "dmvton_mobile.cli.data:check_command",
                "Read every file of a dataset and list its problems, one per line.",
            ),
            LazyCommand(
                "poses",
                "training.synthesis.cli:poses_command",
                "Show which poses a dataset lacks, compared with a reference dataset.",
            ),
            LazyCommand(
                "synthesise",
                "training.synthesis.cli:synthesise_command",
                "Make people in the poses that a dataset lacks, and keep those that the teacher confirms.",
            ),
            LazyCommand(
                "shard",
                "dmvton_mobile.cli.data:shard_command",
                "Pack one phase of a dataset into tar files, which many workers can read at once.",
            ),
        ],
    ),
    LazyCommand("train", "training.cli:train_command", "Train a teacher or a student by a recipe."),
    LazyCommand("compress", "training.cli:compress_command", "Prune, quantize and fine-tune a checkpoint by a recipe."),
    LazyCommand(
        "evaluate",
        "dmvton_mobile.cli.evaluate:evaluate_command",
        "Measure the quality of try-ons on a dataset.",
    ),
    LazyCommand(
        "import-checkpoint",
        "dmvton_mobile.cli.import_checkpoint:import_checkpoint_command",
        "Make a checkpoint of the weight files that the papers' authors publish.",
    ),
    LazyCommand(
        "convert",
        "converters.cli:convert_command",
        "Convert a network for phones and verify every artifact against PyTorch.",
    ),
    LazyCommand(
        "verify",
        "dmvton_mobile.cli.verify:verify_command",
        "Verify a bundle: files against their hashes, artifacts against their golden outputs.",
    ),
    TyperGroup(
        name="bundle",
        help="Pack, sign and install bundles.",
        no_args_is_help=True,
        commands=[
            LazyCommand(
                "zip", "dmvton_mobile.cli.bundle:zip_command", "Pack a bundle into a .zip, after checking its hashes."
            ),
            LazyCommand("sign", "dmvton_mobile.cli.bundle:sign_command", "Sign a bundle, after checking its hashes."),
            LazyCommand(
                "install",
                "dmvton_mobile.cli.bundle:install_command",
                "Copy the artifacts that an app needs from a bundle into the app's project.",
            ),
        ],
    ),
    LazyCommand("tryon", "dmvton_mobile.cli.tryon:tryon_command", "Put a garment on a person in a photo."),
    LazyCommand("bench", "benchmarks.cli.main:bench", "Measure latency, memory and footprint of bundles."),
    LazyCommand(
        "doctor",
        "dmvton_mobile.cli.doctor:doctor_command",
        "Show what this machine can convert, run and measure, and how to install the rest.",
    ),
)


class DmvtonGroup(TyperGroup):
    """The root: mounts COMMANDS, and turns the errors of each into one sentence and an exit code."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for command in COMMANDS:
            self.add_command(command)

    def invoke(self, ctx: Any) -> Any:
        """Runs the command that the arguments name."""
        try:
            return super().invoke(ctx)
        except (DmvtonError, OSError) as error:
            if isinstance(error, BrokenPipeError):
                raise  # `dmvton ... | head`: typer ends quietly
            if ctx.params["debug"]:
                traceback.print_exc()
            typer.echo(f"Error: {_sentence(error)}", err=True)
            raise typer.Exit(error.exit_code if isinstance(error, DmvtonError) else DmvtonError.exit_code) from error
        except KeyboardInterrupt as interrupt:
            typer.echo("Interrupted.", err=True)
            raise typer.Exit(INTERRUPTED) from interrupt


app = typer.Typer(cls=DmvtonGroup, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def options(debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False) -> None:
    """Virtual try-on for phones: train a network, convert it, verify the result, measure it.

    `dmvton COMMAND --help` shows the options of a command, with an example.
    """


def main(arguments: list[str] | None = None) -> None:
    """The console script.

    Args:
        arguments: In place of the process's own.
    """
    for logger in CHATTY_LOGGERS:
        logging.getLogger(logger).setLevel(logging.ERROR)
    app(arguments, prog_name="dmvton")


def _sentence(error: DmvtonError | OSError) -> str:
    if isinstance(error, DmvtonError) or not error.filename:
        return str(error)
    return f"{error.filename}: {error.strerror}."


if __name__ == "__main__":
    main()
