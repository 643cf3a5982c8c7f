"""Untrained weights that are the same on every machine, for golden vectors and tests.

Each tensor is drawn from a generator seeded by the CRC-32 of its key, so a weight does not depend on which others
exist. The scales keep activations and offsets in the range of a trained network.
"""

import re
import zlib

import numpy as np
import torch
from torch import Tensor, nn

from dmvton_mobile.networks.network import TryOnNetwork
from dmvton_mobile.networks.registry import build_network

# The last convolution of a residual branch or head is smaller in a trained network: (pattern of the key, factor)
_DAMPED = (
    (r"netRefine\.\d+\.6\.weight", 0.3),
    (r"FPN\.smooth\.\d+\.weight", 0.2),
    (r"smooth_layers\.\d+\.weight", 0.2),
    (r"encoders\.\d+\.[12]\.block\.5\.weight", 0.3),
    (r"model\.\d+\.block\.3\.weight", 0.3),
)

# Factors of the drawn weights: the garment stays about where it is, on a near-grey ground.
UNTRAINED_OFFSETS = 0.1
UNTRAINED_COLOURS = 0.2


def seeded_network(name: str, **overrides: object) -> TryOnNetwork:
    """`build_network(name, **overrides)` in eval mode with seeded, untrained weights and a flow near the identity."""
    network = build_network(name, **overrides)
    seed_weights(network.warp)
    seed_weights(network.generator)
    with torch.no_grad():
        for layer in network.warp.aflow_net.offset_layers():
            for parameter in layer.parameters():
                parameter.mul_(UNTRAINED_OFFSETS)
        network.picture_layer().weight.mul_(UNTRAINED_COLOURS)
    return network.eval()


def seed_weights(module: nn.Module) -> None:
    """Fills every parameter and buffer of the module, in place, each by its key."""
    state = {key: seeded_tensor(key, tuple(value.shape)) for key, value in module.state_dict().items()}
    module.load_state_dict(state)


def seeded_tensor(key: str, shape: tuple[int, ...]) -> Tensor:
    """The tensor of that key and shape, float32 (int64 for batch counters)."""
    key = re.sub(r"smooth_layers\.\d+\.", "smooth_layers.0.", key)  # one convolution under five keys
    if key.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.int64)
    random = np.random.RandomState(zlib.crc32(key.encode()))
    return torch.tensor(np.asarray(_draw(random, key, shape), dtype=np.float32))


def _draw(random: np.random.RandomState, key: str, shape: tuple[int, ...]) -> np.ndarray:
    if key.endswith("running_var"):
        return random.uniform(0.5, 1.5, shape)
    if key.endswith("running_mean"):
        return 0.1 * random.standard_normal(shape)
    if key.endswith("bias"):
        return 0.05 * random.standard_normal(shape)
    if len(shape) == 1:
        return random.uniform(0.8, 1.2, shape)
    if key.endswith("weight_orig") or "netStyle" in key or "netF" in key:
        return random.standard_normal(shape)
    factor = next((factor for pattern, factor in _DAMPED if re.search(pattern + "$", key)), 1.0)
    return factor * random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
