"""Multiplications with accumulation, of convolutions and products of matrices: what papers call a network's MACs."""

from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from dmvton_mobile.networks import TryOnNetwork


def frame_macs(network: TryOnNetwork, size: tuple[int, int]) -> int:
    """Of a live view's frame, the garment's features prepared before. size: height, width."""
    picture = torch.zeros(1, 3, *size)
    with torch.no_grad():
        features = network.encode_garment(picture, picture[:, :1])
    return _counted(lambda: network(picture, garment_features=features))


def whole_macs(network: TryOnNetwork, size: tuple[int, int]) -> int:
    """Of a try-on in a new garment."""
    picture = torch.zeros(1, 3, *size)
    return _counted(lambda: network(picture, garment_features=network.encode_garment(picture, picture[:, :1])))


def _counted(run: Callable[[], object]) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops()) // 2
