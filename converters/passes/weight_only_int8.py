"""Weight-only int8 (`w8`): which weights are stored in int8 and which stay float32, the same for every target.

A weight of a convolution is its integer times the scale of its output channel, whose largest is 127 steps. Measured on
dmvton-lite's own weights at 256x192, worst output: 37.4 dB; 38.0 with the flow heads in float32, which is not worth an
exception; 33.6 with the small convolutions in int8 too.
"""

import torch
from torch import fx

LEVELS = 127
MIN_WEIGHTS = 1024  # of a tensor that is stored in int8
KEPT_FLOAT32 = (
    "arithmetic: the weights of a convolution become float32 before it reads them",
    f"convolutions of fewer than {MIN_WEIGHTS} weights: 3 % of dmvton-lite's, and they would cost 4 dB",
    "biases, batch norms, matrix products: a hundredth of any network",
    "positions and other tables: int8 over a range of 12 has steps of two pixels",
)


def stored_in_int8(node: fx.Node, tensor: torch.Tensor) -> bool:
    """Whether a constant of a program is stored in int8.

    Args:
        node: The constant's placeholder in the exported program.
        tensor: Its value.
    """
    convolutions = [reader for reader in node.users if "conv" in str(reader.target)]
    return tensor.numel() >= MIN_WEIGHTS and any(reader.args[1] is node for reader in convolutions)
