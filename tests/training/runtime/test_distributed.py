"""Two processes under torchrun, over gloo, do what one does. As a script, this is one of the two: DATA OUT WHAT."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.errors import DmvtonError
from tests.training.toy import CPU, DATA, Toy, dataset_of, recipe
from training.data.sampler import Batches
from training.runtime.distributed import DistributedContext, distributed_context
from training.runtime.gradients import Gradients
from training.runtime.log import read_log
from training.trainer import train

ROOT = Path(__file__).parents[3]
BATCH = 4


def gradients(
    stage: Toy, dataset: TryOnDataset, context: DistributedContext, accumulation: int = 1
) -> dict[str, torch.Tensor]:
    """The gradients and losses of the first batch of epoch 1."""
    chosen = recipe(batch_size=BATCH, accumulation=accumulation)
    micro_batches = next(iter(Batches(dataset, chosen, context).epoch(1)))
    losses = Gradients(stage, chosen, context).compute(micro_batches, 1, 0)
    found = {key: value.grad.clone() for key, value in stage.named_parameters() if value.grad is not None}
    return found | {f"loss {name}": torch.tensor(loss) for name, loss in losses.items()}


def torchrun(people: Path, out: Path, what: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    return subprocess.run(
        [*command, "tests.training.runtime.test_distributed", str(people), str(out), what],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def run_process(people: Path, out: Path, what: str) -> None:
    dataset = dataset_of(people)
    with distributed_context("cpu") as context:
        if what == "gradients":
            for accumulation in (1, 2):
                found = gradients(Toy(norm=False, noise=False), dataset, context, accumulation)
                torch.save(found, out / f"rank{context.rank}_of_{accumulation}.pt")
            torch.save(gradients(Toy(norm=False), dataset, context), out / f"noisy{context.rank}.pt")
        else:
            (out / f"refusal{context.rank}.txt").write_text(refusal(dataset, out / "taken", context))
        spoilt = ("l1", 2) if what == "errors" and context.rank == 1 else None
        train(Toy(norm=False, spoilt=spoilt), dataset, DATA, recipe(), out / "run", context)


def refusal(dataset: TryOnDataset, taken: Path, context: DistributedContext) -> str:
    try:
        train(Toy(), dataset, DATA, recipe(), taken, context)
    except DmvtonError as error:
        return str(error)
    return "none"


def test_two_processes_have_the_gradients_of_one(
    train_people: Path, train_dataset: TryOnDataset, tmp_path: Path
) -> None:
    done = torchrun(train_people, tmp_path, "gradients")
    assert done.returncode == 0, done.stderr
    alone = gradients(Toy(norm=False, noise=False), train_dataset, CPU)
    assert len(alone) == 6 and all(value.abs().max() > 1e-4 for value in alone.values())
    for name in ("rank0_of_1", "rank1_of_1", "rank0_of_2", "rank1_of_2"):
        found = torch.load(tmp_path / f"{name}.pt", weights_only=True)
        assert found.keys() == alone.keys()
        for key, value in alone.items():
            torch.testing.assert_close(found[key], value, rtol=1e-5, atol=1e-5 * float(value.abs().max()))
    # with random numbers in the forward pass: as one process that accumulates two micro-batches
    noisy, expected = (
        torch.load(tmp_path / "noisy0.pt", weights_only=True),
        gradients(Toy(norm=False), train_dataset, CPU, 2),
    )
    for key, value in expected.items():
        torch.testing.assert_close(noisy[key], value, rtol=1e-5, atol=1e-5 * float(value.abs().max()))
    # and a whole run
    train(Toy(norm=False), train_dataset, DATA, recipe(accumulation=2), tmp_path / "alone", CPU)
    rows, others = (read_log(tmp_path / folder / "log.jsonl") for folder in ("run", "alone"))
    assert [row.losses for row in rows] == [pytest.approx(row.losses, rel=1e-4) for row in others]
    weights, other_weights = (load_file(tmp_path / folder / "network.safetensors") for folder in ("run", "alone"))
    for key, value in weights.items():
        torch.testing.assert_close(value, other_weights[key], rtol=1e-3, atol=1e-5)


def test_what_stops_one_process_stops_both(train_people: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/notes.txt").write_text("mine")
    done = torchrun(train_people, tmp_path, "errors")
    for rank in (0, 1):
        assert "is not empty, and no run's folder" in (tmp_path / f"refusal{rank}.txt").read_text()
    # then a loss that is NaN in the second process alone
    assert done.returncode != 0
    assert "The loss l1 is nan at step 2, in epoch 1" in done.stderr
    assert [path.name for path in (tmp_path / "run").glob("nonfinite*")] == ["nonfinite_step_0000002_rank_1.pt"]


def test_more_processes_than_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(DmvtonError, match="one process per GPU"), distributed_context("cuda"):
        pass


if __name__ == "__main__":
    run_process(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
