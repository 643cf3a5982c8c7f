"""The cost volume of training is the reference's, and so are its gradients."""

import pytest
import torch
from torch import Tensor

from dmvton_mobile.networks import build_network, seeded_network
from dmvton_mobile.networks.flow import FlowOperations
from training.losses.cost_volume import RowProducts, with_row_products


def maps(size: tuple[int, int]) -> list[Tensor]:
    """Features of garment and person [2, 6, H, W], a flow [2, 2, H, W]."""
    random = torch.Generator().manual_seed(0)
    features = [torch.randn(2, 6, *size, generator=random, requires_grad=True) for _ in range(2)]
    return [*features, torch.rand(2, 2, *size, generator=random) * 2 - 1]


@pytest.mark.parametrize("size", [(8, 6), (1, 5), (3, 2)], ids=str)
@pytest.mark.parametrize("moved", [True, False], ids=["moved", "in place"])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
def test_equal_with_its_gradients(size: tuple[int, int], moved: bool, memory_format: torch.memory_format) -> None:
    computed = []
    for operations in (FlowOperations(), RowProducts()):
        garment, person, flow = maps(size)
        laid_out = [features.to(memory_format=memory_format) for features in (garment, person)]
        volume = operations.cost_volume(laid_out[0], laid_out[1], flow if moved else None)
        (volume * torch.arange(49.0).view(1, 49, 1, 1)).square().sum().backward()
        computed.append((volume, garment.grad, person.grad))
    for reference, ours in zip(*computed, strict=True):
        assert reference is not None and ours is not None
        assert torch.allclose(reference, ours, rtol=1e-4, atol=1e-4 * float(reference.abs().max()))


@torch.no_grad()
def test_a_network_with_it_computes_the_same() -> None:
    random = torch.Generator().manual_seed(1)
    person, garment = (torch.rand(1, 3, 64, 64, generator=random) * 2 - 1 for _ in range(2))
    network = seeded_network("dmvton-student")
    expected = network(person, garment, torch.ones(1, 1, 64, 64))
    network = with_row_products(network)
    assert isinstance(network.warp.aflow_net.operations, RowProducts)
    for one, other in zip(expected, network(person, garment, torch.ones(1, 1, 64, 64)), strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_what_has_no_cost_volume_stays() -> None:
    network = build_network("dmvton-lite")
    operations = network.warp.aflow_net.operations
    assert with_row_products(network).warp.aflow_net.operations is operations
