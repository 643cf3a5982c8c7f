"""The learning rate of an epoch: constant, then down in equal steps. The same in DM-VTON and PF-AFN."""

from training.recipe import Epochs


def learning_rate(base: float, epoch: int, epochs: Epochs) -> float:
    """The rate in an epoch, counted from 1.

    It is `base` through epoch constant + 1 and falls by base / decaying after each later one, so that the last epoch,
    constant + decaying, still has base / decaying.
    """
    decays = max(epoch - epochs.constant - 1, 0)
    return base if not decays else base * (1 - decays / epochs.decaying)
