"""A run that was killed goes on as if it never was; another run is not gone on with."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.errors import DmvtonError
from tests.training.toy import CPU, DATA, KILLED, Toy, recipe
from training.runtime.log import LogRow, read_log
from training.runtime.run_folder import RunFolder
from training.runtime.state import load_state
from training.trainer import StepReport, train

ROOT = Path(__file__).parents[2]


class Stopped(Exception):
    """What stops a run in this process."""


def stop_after(step: int, dataset: TryOnDataset, out: Path, **changes: object) -> None:
    def stop(report: StepReport) -> None:
        if report.row.step == step:
            raise Stopped

    with pytest.raises(Stopped):
        train(Toy(), dataset, DATA, recipe(**changes), out, CPU, on_step=stop)


def timeless(rows: list[LogRow]) -> list[LogRow]:
    return [row.model_copy(update={"seconds": 0.0}) for row in rows]


def assert_same_run(one: Path, other: Path) -> None:
    """Losses, learning rates and weights, bit for bit."""
    rows, others = (timeless(read_log(folder / "log.jsonl")) for folder in (one, other))
    assert rows and rows == others
    weights, other_weights = (load_file(folder / "network.safetensors") for folder in (one, other))
    assert weights.keys() == other_weights.keys()
    assert all(torch.equal(weights[key], other_weights[key]) for key in weights)


@pytest.mark.usefixtures("one_thread")
def test_kill_9_in_mid_epoch_changes_nothing(train_people: Path, train_dataset: TryOnDataset, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train(Toy(), train_dataset, DATA, recipe(**KILLED), whole, CPU)
    command = [sys.executable, "-m", "tests.training.toy", str(train_people), str(cut), "5"]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    # step 5 lies in the second epoch, two steps after the last checkpoint: the log is ahead of the state
    assert [row.step for row in read_log(cut / "log.jsonl")] == [1, 2, 3, 4, 5]
    steps: list[int] = []
    train(
        Toy(),
        train_dataset,
        DATA,
        recipe(**KILLED),
        cut,
        CPU,
        resume=True,
        on_step=lambda report: steps.append(report.row.step),
    )
    assert steps == [4, 5, 6, 7, 8]
    assert_same_run(whole, cut)
    assert (cut / "sheets/step_0000004.png").read_bytes() == (whole / "sheets/step_0000004.png").read_bytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"accumulation": 2},
        {"optimiser": {"name": "adamw", "weight_decay": 0.01}},
        {"precision": "fp16"},
        {"precision": "bf16", "channels_last": True},
        {"steps_per_epoch": 3},
    ],
)
@pytest.mark.parametrize("late", [1, 2])
@pytest.mark.usefixtures("one_thread")
def test_whatever_the_recipe_a_stop_changes_nothing(
    train_dataset: TryOnDataset, tmp_path: Path, changes: dict[str, object], late: int
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train(Toy(late=late), train_dataset, DATA, recipe(**changes), whole, CPU)

    def stop(report: StepReport) -> None:
        if report.row.step == 5:
            raise Stopped

    with pytest.raises(Stopped):
        train(Toy(late=late), train_dataset, DATA, recipe(**changes), cut, CPU, on_step=stop)
    train(Toy(late=late), train_dataset, DATA, recipe(**changes), cut, CPU, resume=True)
    assert_same_run(whole, cut)


@pytest.mark.usefixtures("one_thread")
def test_a_run_killed_before_its_first_checkpoint_starts_over(train_dataset: TryOnDataset, tmp_path: Path) -> None:
    stop_after(1, train_dataset, tmp_path / "cut")
    assert not (tmp_path / "cut/state.pt").exists()
    train(Toy(), train_dataset, DATA, recipe(), tmp_path / "cut", CPU, resume=True)
    train(Toy(), train_dataset, DATA, recipe(), tmp_path / "whole", CPU)
    assert_same_run(tmp_path / "whole", tmp_path / "cut")


def test_a_log_line_that_was_cut_short_is_written_anew(train_dataset: TryOnDataset, tmp_path: Path) -> None:
    out = tmp_path / "run"
    stop_after(2, train_dataset, out)
    with (out / "log.jsonl").open("a") as log:
        log.write('{"step": 3, "epo')
    assert [row.step for row in read_log(out / "log.jsonl")] == [1, 2]
    train(Toy(), train_dataset, DATA, recipe(), out, CPU, resume=True)
    assert [row.step for row in read_log(out / "log.jsonl")] == list(range(1, 9))


def test_another_recipe_is_refused_by_name(train_dataset: TryOnDataset, tmp_path: Path) -> None:
    out = tmp_path / "run"
    stop_after(2, train_dataset, out)
    other = recipe(seed=8, learning_rates={"warp": 0.5})
    with pytest.raises(DmvtonError, match="learning_rates.warp was 0.01, and is 0.5 now; seed was 7, and is 8 now"):
        train(Toy(), train_dataset, DATA, other, out, CPU, resume=True)
    with pytest.raises(DmvtonError, match="data.digest was 0000"):
        changed = DATA.model_copy(update={"digest": "1" * 64})
        train(Toy(), train_dataset, changed, recipe(), out, CPU, resume=True)


def test_a_file_that_is_another_is_refused(train_dataset: TryOnDataset, tmp_path: Path) -> None:
    out, start = tmp_path / "run", tmp_path / "start.safetensors"
    start.write_bytes(b"before")
    stop_after(2, train_dataset, out, start=start)
    start.write_bytes(b"after")
    with pytest.raises(DmvtonError, match="the file of start is another"):
        train(Toy(), train_dataset, DATA, recipe(start=start), out, CPU, resume=True)
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(b"before")  # the same content in another place is the same input
    train(Toy(), train_dataset, DATA, recipe(start=moved), shutil.copytree(out, tmp_path / "copy"), CPU, resume=True)
    start.unlink()
    with pytest.raises(DmvtonError, match="There is no file .*start.safetensors"):
        train(Toy(), train_dataset, DATA, recipe(start=start), out, CPU, resume=True)


def test_where_there_is_nothing_to_resume(train_dataset: TryOnDataset, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(DmvtonError, match="no run in .* to resume"):
        train(Toy(), train_dataset, DATA, recipe(), out, CPU, resume=True)
    assert not out.exists()
    train(Toy(), train_dataset, DATA, recipe(), out, CPU)
    with pytest.raises(DmvtonError, match="has ended"):
        train(Toy(), train_dataset, DATA, recipe(), out, CPU, resume=True)
    with pytest.raises(DmvtonError, match="holds a run already"):
        train(Toy(), train_dataset, DATA, recipe(), out, CPU)


def test_a_folder_of_something_else_is_left_alone(train_dataset: TryOnDataset, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DmvtonError, match="no run's folder"):
        train(Toy(), train_dataset, DATA, recipe(), tmp_path, CPU)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("damage", ["cut", "other"])
def test_a_damaged_state_is_refused(train_dataset: TryOnDataset, tmp_path: Path, damage: str) -> None:
    out = tmp_path / "run"
    stop_after(2, train_dataset, out)
    if damage == "cut":
        (out / "state.pt").write_bytes((out / "state.pt").read_bytes()[:500])
    with pytest.raises(DmvtonError, match="state.pt is damaged, or the state of another network"):
        train(Toy(width=4 if damage == "cut" else 5), train_dataset, DATA, recipe(), out, CPU, resume=True)


def test_a_full_disk_keeps_the_checkpoint_before(train_dataset: TryOnDataset, small_disk: Path) -> None:
    out, every = small_disk / "run", {"checkpoint_every": 1}
    states: list[bytes] = []
    with pytest.raises(DmvtonError, match="No space left on the disk while writing state.pt"):
        train(  # a state of 0.6 MB: one has room, a second one beside it has not
            Toy(width=900), train_dataset, DATA, recipe(**every), out, CPU,
            on_step=lambda report: states.append((out / "state.pt").read_bytes()),
        )  # fmt: skip
    assert len(states) == 1 and (out / "state.pt").read_bytes() == states[0]
    assert load_state(RunFolder(out).state, {}).step == 1
    assert not list(out.glob(".*partial*"))
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    train(Toy(width=900), train_dataset, DATA, recipe(**every), out, CPU, resume=True)
    assert [row.step for row in read_log(out / "log.jsonl")] == list(range(1, 9))
