"""Pictures of a size that a network cannot take are refused before anything is computed."""

import pytest
import torch

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork, seeded_network


@pytest.mark.parametrize("size", [(256, 200), (250, 192), (32, 64), (64, 32)])
def test_a_size_that_does_not_halve_five_times(small_network: TryOnNetwork, size: tuple[int, int]) -> None:
    person, garment, mask = (torch.zeros(1, channels, *size) for channels in (3, 3, 1))
    with pytest.raises(DmvtonError, match=f"multiples of 32, 64 or more; person is {size[0]}x{size[1]}"):
        small_network(person, garment, mask)


def test_the_smallest_size_gives_finite_pictures(small_network: TryOnNetwork) -> None:
    generator = torch.Generator().manual_seed(0)
    person, garment, mask = (torch.rand(1, channels, 64, 64, generator=generator) for channels in (3, 3, 1))
    with torch.no_grad():
        assert all(torch.isfinite(output).all() for output in small_network(person, garment, mask))


def test_a_network_of_one_size_takes_no_other() -> None:
    network = seeded_network("fsvton-student")
    assert network.config.fixed_size == (256, 192)
    person, garment, mask = (torch.zeros(1, channels, 128, 96) for channels in (3, 3, 1))
    with pytest.raises(DmvtonError, match="takes exactly 256x192; person is 128x96"):
        network(person, garment, mask)
