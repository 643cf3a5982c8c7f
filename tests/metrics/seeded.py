"""Fixed inputs: pictures with large and small structure, and weights that keep a deep network's maps in range."""

import hashlib
import math
from pathlib import Path

import torch
from torch import Tensor, nn


def pictures(seed: int, count: int = 1, size: tuple[int, int] = (64, 48)) -> Tensor:
    """float64 [count, 3, height, width] in [0, 1], smooth waves under noise."""
    random = torch.Generator().manual_seed(seed)
    rows = torch.linspace(0, 1, size[0], dtype=torch.float64).view(-1, 1)
    columns = torch.linspace(0, 1, size[1], dtype=torch.float64)
    frequency, phase = (
        torch.rand((count, 3, 1, 1), generator=random, dtype=torch.float64) * scale for scale in (9.0, 6.0)
    )
    waves = 0.5 + 0.35 * torch.sin(2 * math.pi * frequency * (rows + 0.6 * columns) + phase)
    noise = torch.rand((count, 3, *size), generator=random, dtype=torch.float64) - 0.5
    return (waves + 0.3 * noise).clamp(0, 1)


def perturbed(images: Tensor, amount: float, seed: int = 99) -> Tensor:
    """The pictures with noise of a standard deviation of `amount`."""
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed), dtype=images.dtype)
    return (images + amount * noise).clamp(0, 1)


def seed_weights(module: nn.Module, seed: int = 0) -> None:
    """Convolutions that keep the size of what passes through, batch normalisations that are not the identity."""
    random = torch.Generator().manual_seed(seed)
    for name, value in module.state_dict().items():
        if value.ndim == 4:
            value.normal_(0, math.sqrt(2 / value[0].numel()), generator=random)
        elif name.endswith("running_var"):
            value.uniform_(0.5, 1.5, generator=random)
        elif value.is_floating_point():
            value.normal_(1.0 if name.endswith("bn.weight") else 0.0, 0.05, generator=random)


def save(state: dict[str, Tensor], path: Path) -> str:
    """Writes a weights file; returns its SHA-256."""
    torch.save(state, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()
