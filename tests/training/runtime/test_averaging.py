"""The moving average against numbers computed by hand, and the state of a run that was started before AveragedModel."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from dmvton_mobile.datasets.dataset import TryOnDataset
from tests.training.toy import CPU, DATA, KILLED, Toy, recipe
from training.runtime.averaging import moving_average
from training.runtime.log import read_log
from training.trainer import train

OLD_RUN = Path(__file__).parent / "before_averaged_model"  # tests.training.toy as of b32feba, killed after step 5


def test_the_average_by_hand() -> None:
    network = nn.BatchNorm1d(1)
    network.weight.data.fill_(0.0)
    average = moving_average(network, 0.5)
    averaged: Any = average.module
    for value, expected in ((1.0, 1 - 2 / 11), (3.0, None), (3.0, None)):
        network.weight.data.fill_(value)
        assert network.running_mean is not None and network.num_batches_tracked is not None
        network.running_mean.fill_(value)
        network.num_batches_tracked.add_(1)
        average.update_parameters(network)
        if expected is not None:
            assert float(averaged.weight) == float(averaged.running_mean) == pytest.approx(expected)
    second = (1 - 2 / 11) * (3 / 12) + 3.0 * (1 - 3 / 12)
    third = second * (4 / 13) + 3.0 * (1 - 4 / 13)
    assert float(averaged.weight) == float(averaged.running_mean) == pytest.approx(third)
    assert int(averaged.num_batches_tracked) == 3  # integers are the newest
    for _ in range(30):
        before = float(averaged.weight)
        network.weight.data.fill_(7.0)
        average.update_parameters(network)
    assert float(averaged.weight) == pytest.approx(0.5 * before + 0.5 * 7.0)  # the decay that was asked for
    with pytest.raises(RuntimeError, match="Missing key"):
        average.load_state_dict(moving_average(nn.Linear(1, 1), 0.5).state_dict())


def test_an_old_state_becomes_the_average_that_it_holds() -> None:
    old = torch.load(OLD_RUN / "state.pt", weights_only=True)["ema"]
    average = moving_average(Toy().network, KILLED["ema_decay"])
    average.load_state_dict(old)
    assert old["updates"] == 3 and int(average.n_averaged) == 4
    weights = average.module.state_dict()
    assert weights.keys() == old["weights"].keys()
    assert all(torch.equal(weights[key], value) for key, value in old["weights"].items())


@pytest.mark.usefixtures("one_thread")
def test_an_old_run_is_resumed(train_dataset: TryOnDataset, tmp_path: Path) -> None:
    """As if today's code had trained it from the start, but for what another processor rounds otherwise."""
    shutil.copytree(OLD_RUN, tmp_path / "old")
    train(Toy(), train_dataset, DATA, recipe(**KILLED), tmp_path / "old", CPU, resume=True)
    train(Toy(), train_dataset, DATA, recipe(**KILLED), tmp_path / "new", CPU)
    rows, others = (read_log(tmp_path / name / "log.jsonl") for name in ("old", "new"))
    assert [row.step for row in rows] == list(range(1, 9))
    assert [row.losses for row in rows] == [pytest.approx(row.losses, rel=1e-4) for row in others]
    weights, other_weights = (load_file(tmp_path / name / "network.safetensors") for name in ("old", "new"))
    assert weights.keys() == other_weights.keys()
    for key, value in weights.items():
        torch.testing.assert_close(value, other_weights[key], rtol=1e-4, atol=1e-5)
