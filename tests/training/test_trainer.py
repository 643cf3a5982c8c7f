"""What a run leaves behind, and that its steps are what the recipe says."""

import importlib
import json
import math
import random
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from safetensors.torch import load_file
from typer.testing import CliRunner

from dmvton_mobile.checkpoints.checkpoint import load_checkpoint
from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.utils.files import sha256_file
from tests.conftest import SMALL
from tests.training.toy import CPU, DATA, PAIRS, Toy, recipe
from training.cli import train_command
from training.data.sampler import Batches, SeededSamples, epoch_permutation
from training.runtime.distributed import DistributedContext
from training.runtime.log import read_log
from training.trainer import StepReport, train


class Drawing:
    """Samples that draw random numbers of every kind as they are read. Looks like a dataset."""

    def __init__(self, dataset: TryOnDataset) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> TryOnSample:
        sample = self._dataset[index]
        sample.person.mul_(random.random()).add_(torch.rand(1)).add_(float(np.random.rand()))
        return sample

    def set_epoch(self, epoch: int) -> None:
        self._dataset.set_epoch(epoch)


def weights_of(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "network.safetensors")


def assert_close(one: Path, other: Path) -> None:
    weights, others = weights_of(one), weights_of(other)
    for key in weights:
        torch.testing.assert_close(weights[key], others[key], rtol=1e-4, atol=1e-6)


# What it leaves behind


def test_a_run_folder(train_dataset: TryOnDataset, tmp_path: Path) -> None:
    events = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
    out = tmp_path / "run"
    reports: list[StepReport] = []
    train(Toy(late=2), train_dataset, DATA, recipe(sheet_every=4), out, CPU, on_step=reports.append)
    assert sorted(path.name for path in out.iterdir()) == [
        "log.jsonl", "network.json", "network.safetensors", "recipe.yaml", "run.json", "sheets", "state.pt",
        "tensorboard",
    ]  # fmt: skip
    rows = read_log(out / "log.jsonl")
    assert [report.row for report in reports] == rows and {report.total_steps for report in reports} == {8}
    assert [(row.step, row.epoch) for row in rows] == [(step, 1 + (step > 4)) for step in range(1, 9)]
    assert all(list(row.losses) == ["l1", "squared"] for row in rows)
    assert rows[0].learning_rates == {"warp": 1e-2} and rows[7].learning_rates == {"warp": 1e-2, "generator": 2e-2}
    scalars = events.EventAccumulator(str(out / "tensorboard")).Reload()
    assert sorted(scalars.Tags()["scalars"]) == [
        "learning_rate/generator", "learning_rate/warp", "loss/l1", "loss/squared",
    ]  # fmt: skip
    logged = [(event.step, event.value) for event in scalars.Scalars("loss/l1")]
    assert logged == [(row.step, pytest.approx(row.losses["l1"])) for row in rows]
    sheets = sorted((out / "sheets").iterdir())
    assert [sheet.name for sheet in sheets] == ["step_0000004.png", "step_0000008.png"]
    assert Image.open(sheets[0]).size == (8 + 2 * (SMALL[1] + 8), 26 + 4 * (SMALL[0] + 8))
    first = np.asarray(Image.open(sheets[0]))[26 : 26 + SMALL[0], 8 : 8 + SMALL[1]]
    person = (train_dataset[0].person + 1) * 127.5
    assert np.abs(first.astype(int) - person.permute(1, 2, 0).numpy()).max() <= 1


def test_the_card_says_what_made_the_weights(train_dataset: TryOnDataset, tmp_path: Path) -> None:
    out, start = tmp_path / "run", tmp_path / "start.safetensors"
    start.write_bytes(b"of the stage before")
    train(Toy(), train_dataset, DATA, recipe(start=start), out, CPU)
    card = json.loads((out / "network.json").read_text())
    training, rows = card["training"], read_log(out / "log.jsonl")
    assert card["trained"] and card["network"] == "toy"
    assert training["recipe"] == recipe(start="start.safetensors").model_dump(mode="json")
    assert training["inputs"] == {"start": sha256_file(start)}
    assert training["data"]["digest"] == DATA.digest and training["seed"] == recipe().seed
    assert training["hardware"]["processes"] == 1 and training["hardware"]["device"]
    assert training["hours"] == pytest.approx(math.fsum(row.seconds for row in rows) / 3600)
    assert training["perceptual"] == "structural"
    last = [row.losses["l1"] for row in rows if row.epoch == 2]
    assert training["last_epoch_losses"]["l1"] == pytest.approx(sum(last) / 4)


# What a step is


def test_accumulated_parts_are_the_whole_batch(train_dataset: TryOnDataset, tmp_path: Path) -> None:
    for parts in (1, 2, 4):
        stage = Toy(norm=False, noise=False)
        train(stage, train_dataset, DATA, recipe(batch_size=4, accumulation=parts), tmp_path / str(parts), CPU)
        assert stage.calls == 4 * parts
    rows = [read_log(tmp_path / str(parts) / "log.jsonl") for parts in (1, 2, 4)]
    for whole, *accumulated in zip(*rows, strict=True):
        assert all(row.losses == pytest.approx(whole.losses, rel=1e-4) for row in accumulated)
    assert_close(tmp_path / "1", tmp_path / "2")
    assert_close(tmp_path / "1", tmp_path / "4")


def test_the_average_is_what_is_saved(train_dataset: TryOnDataset, tmp_path: Path) -> None:
    stage, plain = Toy(), Toy()
    train(stage, train_dataset, DATA, recipe(ema_decay=0.9), tmp_path / "average", CPU)
    train(plain, train_dataset, DATA, recipe(), tmp_path / "plain", CPU)
    state = torch.load(tmp_path / "average/state.pt", weights_only=True)
    saved, last = weights_of(tmp_path / "average"), weights_of(tmp_path / "plain")
    assert all(torch.equal(saved[key], state["ema"][f"module.{key}"]) for key in saved)
    assert all(torch.equal(state["stage"][f"network.{key}"], value) for key, value in last.items())
    assert any(not torch.equal(saved[key], last[key]) for key in saved)


def test_a_group_is_stepped_in_its_epochs_alone(train_dataset: TryOnDataset, tmp_path: Path) -> None:
    stage = Toy(late=2)
    before = {key: value.clone() for key, value in stage.named_parameters()}
    changed: dict[int, set[str]] = {}

    def compare(report: StepReport) -> None:
        changed[report.row.step] = {
            key.split(".")[1] for key, value in stage.named_parameters() if not torch.equal(value, before[key])
        }

    train(stage, train_dataset, DATA, recipe(), tmp_path / "run", CPU, on_step=compare)
    assert changed[4] == {"warp"} and changed[5] == {"warp", "generator"}


def test_what_is_in_no_group_is_frozen(train_dataset: TryOnDataset, tmp_path: Path) -> None:
    class WarpAlone(Toy):
        def optimiser_groups(self):  # type: ignore[no-untyped-def]
            return super().optimiser_groups()[:1]

    stage = WarpAlone()
    before = [value.clone() for value in stage.network.generator.parameters()]
    train(stage, train_dataset, DATA, recipe(), tmp_path / "run", CPU)
    after = list(stage.network.generator.parameters())
    assert not any(value.requires_grad for value in after)
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


# What is read, in what order


def test_every_epoch_has_an_order_of_its_own() -> None:
    orders = {(seed, epoch): tuple(epoch_permutation(50, seed, epoch)) for seed in (0, 1) for epoch in (1, 2)}
    assert all(sorted(order) == list(range(50)) for order in orders.values())
    assert len(set(orders.values())) == 4
    torch.rand(3)
    assert tuple(epoch_permutation(50, 0, 1)) == orders[0, 1]


def test_the_processes_share_every_batch(train_dataset: TryOnDataset) -> None:
    chosen = recipe(batch_size=4, accumulation=2)

    def names(context: DistributedContext, first: int = 0) -> list[list[str]]:
        epoch = Batches(train_dataset, chosen, context).epoch(3, first)
        return [[name for part in parts for name in part.person_name] for parts in epoch]

    alone = names(CPU)
    shares = [names(DistributedContext(torch.device("cpu"), rank, 2)) for rank in (0, 1)]
    everyone = [train_dataset[index].person_name for index in epoch_permutation(PAIRS, chosen.seed, 3)]
    assert [name for step in alone for name in step] == everyone
    assert [sorted(one + other) for one, other in zip(*shares, strict=True)] == [sorted(step) for step in alone]
    assert names(CPU, first=1) == alone[1:]


def test_a_sample_is_drawn_by_its_place_alone(train_dataset: TryOnDataset) -> None:
    drawing = SeededSamples(Drawing(train_dataset), 3)
    first = drawing[2, 5]
    other_epoch, again = drawing[3, 5], drawing[2, 5]
    assert torch.equal(first.person, again.person) and not torch.equal(first.person, other_epoch.person)
    assert first.unpaired is not None and again.unpaired is not None
    assert first.unpaired.garment_name == again.unpaired.garment_name


@pytest.mark.usefixtures("one_thread")
def test_workers_change_no_number(train_dataset: TryOnDataset, tmp_path: Path) -> None:
    train(Toy(), Drawing(train_dataset), DATA, recipe(), tmp_path / "alone", CPU)
    train(Toy(), Drawing(train_dataset), DATA, recipe(workers=2), tmp_path / "helped", CPU)
    losses = [[row.losses for row in read_log(tmp_path / name / "log.jsonl")] for name in ("alone", "helped")]
    assert losses[0] == losses[1]
    assert all(
        torch.equal(value, weights_of(tmp_path / "helped")[key])
        for key, value in weights_of(tmp_path / "alone").items()
    )


# What cannot go on


def test_a_loss_that_is_nan_stops_the_run(train_dataset: TryOnDataset, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(
        DmvtonError, match="The loss squared is nan at step 6, in epoch 2.*nonfinite_step_0000006_rank_0"
    ):
        train(Toy(spoilt=("squared", 6)), train_dataset, DATA, recipe(), out, CPU)
    batch = torch.load(out / "nonfinite_step_0000006_rank_0.pt", weights_only=True)
    fourth = epoch_permutation(PAIRS, recipe().seed, 2)[2:4]
    assert list(batch["person_name"]) == [train_dataset[index].person_name for index in fourth]
    assert torch.equal(batch["person"][0], train_dataset[fourth[0]].person)
    assert [row.step for row in read_log(out / "log.jsonl")] == [1, 2, 3, 4, 5]
    assert not (out / "network.safetensors").exists()
    state = torch.load(out / "state.pt", weights_only=True)
    assert state["progress"]["step"] == 4
    assert all(value.isfinite().all() for value in state["stage"].values())


@pytest.mark.parametrize(
    ("changes", "context", "sentence"),
    [
        ({"batch_size": 9}, CPU, "has 8 pairs, fewer than the batch_size of 9"),
        ({"batch_size": 4, "accumulation": 3}, CPU, "cannot be shared evenly by 1 processes .* multiple of 3"),
        (
            {"batch_size": 6, "accumulation": 2},
            DistributedContext(CPU.device, 0, 2),
            "shared evenly by 2 processes .* multiple of 4",
        ),
    ],
)
def test_a_batch_that_cannot_be_made(
    train_dataset: TryOnDataset, tmp_path: Path, changes: dict[str, int], context: DistributedContext, sentence: str
) -> None:
    with pytest.raises(DmvtonError, match=sentence):
        train(Toy(), train_dataset, DATA, recipe(**changes), tmp_path / "run", context)
    assert not (tmp_path / "run").exists()


def test_without_tensorboard_nothing_is_begun(
    train_dataset: TryOnDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(DmvtonError, match="need tensorboard, which is not installed: pip install .*train"):
        train(Toy(), train_dataset, DATA, recipe(), tmp_path / "run", CPU)
    assert not (tmp_path / "run").exists()


def test_data_that_cannot_be_read_claims_no_folder(train_dataset: TryOnDataset, tmp_path: Path) -> None:
    class Unreadable(Drawing):
        def __getitem__(self, index: int) -> TryOnSample:
            raise DmvtonError("spoilt")

    with pytest.raises(DmvtonError, match="spoilt"):
        train(Toy(), Unreadable(train_dataset), DATA, recipe(sheet_every=1), tmp_path / "run", CPU)
    assert not (tmp_path / "run").exists()


# The command


APP = typer.Typer()
APP.command()(train_command)


def test_the_command_trains_a_teacher(train_people: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    arguments = [
        "--recipe", "cpu-teacher-warp", "--data", str(train_people), "--out", str(out), "--device", "cpu",
        *("--set", "epochs={constant: 1, decaying: 0}", "--set", "steps_per_epoch=2", "--set", "batch_size=2"),
        *("--set", "size=[128, 96]", "--set", "sheet_every=2"),
    ]  # fmt: skip
    result = CliRunner().invoke(APP, arguments)
    assert result.exit_code == 0, result.output
    assert "network.safetensors and its card" in result.output
    network, card = load_checkpoint(out / "network.safetensors")
    assert network.config.name == "dmvton-teacher" and card.trained
    assert card.training is not None and card.training["steps"] == 2
    assert (out / "sheets/step_0000002.png").is_file()
    resumed = CliRunner().invoke(APP, [*arguments, "--resume"])
    assert isinstance(resumed.exception, DmvtonError) and "has ended" in str(resumed.exception)
    other = CliRunner().invoke(APP, [*arguments, "--set", "seeds=3"])
    assert isinstance(other.exception, DmvtonError) and "there is no key seeds" in str(other.exception)


def test_a_gpu_that_is_not_there(train_people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    result = CliRunner().invoke(
        APP,
        [
            "--recipe",
            "cpu-teacher-warp",
            "--data",
            str(train_people),
            "--out",
            str(tmp_path / "run"),
            "--device",
            "cuda",
        ],
    )
    assert isinstance(result.exception, DmvtonError) and "choose --device cpu" in str(result.exception)


@pytest.mark.cuda
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_mixed_precision_on_a_gpu(train_dataset: TryOnDataset, tmp_path: Path, precision: str) -> None:
    context, chosen = (
        DistributedContext(torch.device("cuda")),
        recipe(epochs={"constant": 20, "decaying": 0}, precision=precision),
    )
    train(Toy(), train_dataset, DATA, chosen.model_copy(update={"channels_last": True}), tmp_path / "run", context)
    rows = read_log(tmp_path / "run/log.jsonl")
    early, late = (math.fsum(row.losses["l1"] for row in part) for part in (rows[:8], rows[-8:]))
    assert late < 0.8 * early
    state = torch.load(tmp_path / "run/state.pt", weights_only=True)
    assert state["stage"]["network.warp.weight"].dtype == torch.float32
    assert bool(state["scaler"]) == (precision == "fp16")
