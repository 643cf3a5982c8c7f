"""`dmvton-lite`: what it promises before any training."""

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.lite import LiteNetwork
from dmvton_mobile.networks.lite_warp import positions
from dmvton_mobile.networks.seeded import seeded_network

MOST_MACS = 0.45e9  # per frame at 256x192, the garment's features cached
MOST_PARAMETERS = 1_000_000


@pytest.fixture(scope="module")
def lite() -> TryOnNetwork:
    return seeded_network("dmvton-lite")


def pictures(size: tuple[int, int], batch: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(3)
    person, garment = (torch.rand(batch, 3, *size, generator=random) * 2 - 1 for _ in range(2))
    mask = torch.zeros(batch, 1, *size)
    mask[..., size[0] // 4 : -size[0] // 4, size[1] // 4 : -size[1] // 4] = 1
    return person, garment, mask


@pytest.mark.parametrize("size", [(64, 64), (128, 96), (256, 192)], ids=str)
@torch.no_grad()
def test_shapes_ranges_and_the_composition(lite: TryOnNetwork, size: tuple[int, int]) -> None:
    output = lite(*pictures(size, batch=2))
    for tensor, channels in zip(output, (3, 3, 1, 2, 1, 3), strict=True):
        assert tensor.shape == (2, channels, *size) and tensor.isfinite().all()
    composed = output.warped_garment * output.composition + output.rendered * (1 - output.composition)
    assert torch.equal(output.tryon, composed)
    assert output.rendered.abs().max() <= 1 and 0 <= output.composition.min() <= output.composition.max() <= 1


@torch.no_grad()
def test_cached_garment_features_change_nothing(lite: TryOnNetwork) -> None:
    person, garment, mask = pictures((128, 96))
    features = lite.encode_garment(garment, mask)
    assert len(features.pyramid) == lite.garment_maps
    for cached, whole in zip(lite(person, garment_features=features), lite(person, garment, mask), strict=True):
        assert torch.equal(cached, whole)


@torch.no_grad()
def test_what_is_not_garment_is_not_looked_at(lite: TryOnNetwork) -> None:
    person, garment, mask = pictures((128, 96))
    elsewhere = torch.where(mask > 0, garment, -garment)
    assert torch.equal(lite(person, garment, mask).tryon, lite(person, elsewhere, mask).tryon)


@torch.no_grad()
def test_a_place_without_garment_is_not_matched() -> None:
    """Asked for nothing in particular, every place of the person looks at the middle of the garment."""
    network = seeded_network("dmvton-lite")
    assert isinstance(network, LiteNetwork)
    for parameter in network.warp.query.parameters():
        parameter.zero_()
    person, garment, mask = pictures((128, 96))
    mask = mask * (torch.arange(128).view(-1, 1) < 64)
    features = network.encode_garment(garment, mask).pyramid
    scores = features[0][:, -1:]
    levels = network.warp.aflow_net(features, network.warp.encode_condition(person))
    shares = torch.nn.functional.avg_pool2d(mask, 8)
    weights = (-12 * (1 - shares)).exp()
    middle = (positions(shares) * weights).sum((2, 3)) / weights.sum((2, 3))
    assert torch.allclose(scores, -12 * (1 - shares))
    assert torch.allclose(levels.flows[0], middle.view(1, 2, 1, 1).expand_as(levels.flows[0]), atol=1e-3)


@torch.no_grad()
def test_a_network_that_keeps_everything_returns_the_person() -> None:
    network = seeded_network("dmvton-lite")
    assert isinstance(network, LiteNetwork)
    bias = network.generator.get_parameter("out.bias")
    bias[3], bias[4] = -100.0, 100.0  # no garment, all of the person
    person, garment, mask = pictures((128, 96))
    assert torch.allclose(network(person, garment, mask).tryon, person, atol=1e-5)


@torch.no_grad()
def test_large_pictures_are_looked_at_reduced() -> None:
    """The same flow, composition and share kept as for the picture of half the size; the person's own pixels stay."""
    network = seeded_network("dmvton-lite")
    assert isinstance(network, LiteNetwork)
    person, garment, mask = pictures((512, 384))
    small = [torch.nn.functional.avg_pool2d(picture, 2) for picture in (person, garment, mask)]
    large, reduced = (
        network.predict(shown[0], network.encode_garment(shown[1], shown[2]))
        for shown in ((person, garment, mask), small)
    )
    pixel = large.levels.flows[-1].new_tensor([383 / 384 * 192 / 191, 511 / 512 * 256 / 255]).view(1, 2, 1, 1)
    assert torch.allclose(large.levels.flows[-1] * pixel, reduced.levels.flows[-1], atol=1e-5)
    assert large.output.flow.shape == (1, 2, 512, 384) and large.levels.known.shape == reduced.levels.known.shape
    bias = network.generator.get_parameter("out.bias")
    bias[3], bias[4] = -100.0, 100.0
    assert torch.allclose(network(person, garment, mask).tryon, person, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "looked_at"),
    [((256, 192), 256), ((480, 384), 480), ((512, 384), 256), ((1024, 768), 256), ((544, 416), 544)],
)
@torch.no_grad()
def test_how_far_pictures_are_reduced(lite: TryOnNetwork, size: tuple[int, int], looked_at: int) -> None:
    """While they are twice 256 high or more, and what is left is a size that the network takes."""
    assert lite.encode_garment(*pictures(size)[1:]).pyramid[-1].shape[2] == looked_at // 4


def test_positions_are_where_the_cells_lie() -> None:
    """The middle of an eight-pixel cell, in a flow's units of the whole picture."""
    x, y = positions(torch.zeros(1, 1, 4, 3))[0]
    assert x[0].tolist() == pytest.approx([2 * middle / 23 - 1 for middle in (3.5, 11.5, 19.5)])
    assert y[:, 0].tolist() == pytest.approx([2 * middle / 31 - 1 for middle in (3.5, 11.5, 19.5, 27.5)])


@torch.no_grad()
def test_it_is_small(lite: TryOnNetwork) -> None:
    person, garment, mask = pictures((256, 192))
    features = lite.encode_garment(garment, mask)
    with FlopCounterMode(display=False) as counter:
        lite(person, garment_features=features)
    assert counter.get_total_flops() / 2 < MOST_MACS
    assert sum(parameter.numel() for parameter in lite.parameters()) < MOST_PARAMETERS


def test_every_weight_learns() -> None:
    network = seeded_network("dmvton-lite").train()
    person, garment, mask = pictures((64, 64), batch=2)
    output = network(person, garment, mask)
    (output.tryon.abs().mean() + output.flow.square().mean()).backward()
    silent = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert not silent
