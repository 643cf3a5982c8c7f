"""The learning rates of both papers, epoch by epoch, against tables computed by hand."""

from pathlib import Path

import pytest

from training.recipe import Epochs, load_recipe, published_recipes
from training.runtime.optimisers import learning_rate

# of 1.0, constant for 3 epochs and decaying for 4: epoch 4 still has it, each later one a quarter less
BY_HAND = {1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0, 5: 0.75, 6: 0.5, 7: 0.25}


@pytest.mark.parametrize(("epoch", "rate"), BY_HAND.items())
def test_constant_then_down_in_equal_steps(epoch: int, rate: float) -> None:
    assert learning_rate(1.0, epoch, Epochs(constant=3, decaying=4)) == rate


@pytest.mark.parametrize(
    ("base", "epochs", "epoch", "rate"),
    [
        (5e-5, (50, 50), 50, 5e-5),
        (5e-5, (50, 50), 51, 5e-5),
        (5e-5, (50, 50), 52, 4.9e-5),
        (5e-5, (50, 50), 75, 2.6e-5),
        (5e-5, (50, 50), 100, 1e-6),
        (1e-5, (50, 50), 100, 2e-7),
        (3e-5, (100, 100), 101, 3e-5),
        (3e-5, (100, 100), 102, 2.97e-5),
        (3e-5, (100, 100), 200, 3e-7),
    ],
)
def test_the_published_schedules(base: float, epochs: tuple[int, int], epoch: int, rate: float) -> None:
    published = Epochs(constant=epochs[0], decaying=epochs[1])
    assert learning_rate(base, epoch, published) == pytest.approx(rate, rel=1e-12)


def test_without_decay_it_stays() -> None:
    assert learning_rate(0.5, 9, Epochs(constant=9, decaying=0)) == 0.5


@pytest.mark.parametrize("name", published_recipes())
def test_no_epoch_of_our_recipes_trains_nothing(name: str) -> None:
    epochs = load_recipe(Path(name)).epochs
    assert all(learning_rate(1.0, epoch, epochs) > 0 for epoch in range(1, epochs.total + 1))
