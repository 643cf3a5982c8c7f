"""Batches: the samples' own type, one dimension more."""

from dataclasses import replace

import torch

from dmvton_mobile.datasets.sample import Truth, TryOnSample, Unpaired, collate


def sample(seed: int) -> TryOnSample:
    random = torch.Generator().manual_seed(seed)

    def plane(channels: int) -> torch.Tensor:
        return torch.rand(channels, 4, 3, generator=random)

    return TryOnSample(
        person_name=f"person{seed}",
        garment_name=f"garment{seed}",
        person=plane(3),
        garment=plane(3),
        garment_mask=plane(1),
        label=torch.full((4, 3), seed, dtype=torch.uint8),
        pose=torch.rand(18, 3, generator=random),
        unpaired=Unpaired("other", plane(3), plane(1), plane(3), Truth(plane(2), plane(1), plane(1))),
    )


def test_tensors_are_stacked_and_names_listed_at_every_depth() -> None:
    samples = [sample(1), sample(2)]
    batch = collate(samples)
    assert isinstance(batch, TryOnSample)
    assert list(batch.person_name) == ["person1", "person2"]
    assert batch.person.shape == (2, 3, 4, 3) and batch.label is not None and batch.label.dtype == torch.uint8
    for place, single in enumerate(samples):
        assert torch.equal(batch.person[place], single.person)
        assert batch.unpaired is not None and batch.unpaired.truth is not None
        assert single.unpaired is not None and single.unpaired.truth is not None
        assert torch.equal(batch.unpaired.truth.grid[place], single.unpaired.truth.grid)
    assert batch.unpaired is not None and list(batch.unpaired.garment_name) == ["other", "other"]


def test_what_one_sample_lacks_the_batch_lacks() -> None:
    whole = sample(1)
    assert whole.unpaired is not None
    batch = collate([whole, replace(whole, label=None, unpaired=replace(whole.unpaired, truth=None))])
    assert batch.label is None and batch.densepose is None and batch.pose is not None
    assert batch.unpaired is not None and batch.unpaired.truth is None and batch.unpaired.person is not None
    assert collate([whole, replace(whole, unpaired=None)]).unpaired is None
