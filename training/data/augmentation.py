"""Augmentation of supervised batches, so that a network trained on rendered people works on photographs.

Rendered people all stand in the same frame, and their flat garments all fill the same part of theirs. Every sample is
therefore reframed, recoloured and photographed with a worse camera, each with draws of its own from torch's generator.
A batch goes through steps that each take and return a `SupervisedBatch`.

The truth stays exact. A true flow holds positions in the garment's picture: reframing the person moves these values to
other pixels, reframing the garment maps them by the inverse of the garment's affine map.

The order of the random draws is part of the format: a run that is resumed must draw what it would have drawn.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from dmvton_mobile.contract import to_signed, to_unit
from dmvton_mobile.datasets.sample import Truth
from dmvton_mobile.networks.flow import pixels_to_flow
from training.data.supervised_batch import SupervisedBatch, merge, mirrored

# The person's frame
PERSON_UNCHANGED = 0.25  # share of the samples whose frame stays as it was rendered
PERSON_ZOOM = math.log(2.0)  # largest |log| of the zoom; its standard deviation is a third of that
PERSON_STRETCH = (0.95, 1.4)  # of the width alone: rendered shoulders are narrower than photographed ones
PERSON_SHIFT = 0.2  # of half the frame, each way
PERSON_ROLL = 0.12  # radians, each way

# The garment's frame
GARMENT_MARGIN = 0.04  # of the frame, around the garment's bounding box before it is varied
GARMENT_ZOOM = (0.65, 1.05)
GARMENT_STRETCH = (0.6, 1.05)  # of the width alone: on a mannequin, a garment is a third narrower than laid flat
GARMENT_SHIFT = 0.06  # of half the frame, each way
GARMENT_ROLL = 0.09  # radians, each way

# Light and camera
EXPOSURE, WHITE_BALANCE, GAMMA = 0.25, 0.08, 0.25  # largest |log| of each factor
BLURRED = 0.25  # share of the samples
NOISY, NOISE = 0.6, 0.08  # share of the samples; largest standard deviation, in [-1, 1]
COMPRESSED, QUANTIZATION_STEP = 0.3, (0.02, 0.12)  # share of the samples; step of the lowest frequency, in [-1, 1]

# What is in the way, and what a mask finder gets wrong
RECOLOURED = 0.5  # share of the samples
OCCLUDED = 0.2  # share of the samples
WRONG_MASKS = 0.2  # share of the samples
MASK_ERROR = 5  # pixels: side of the window that grows or shrinks a wrong mask


def augment(batch: SupervisedBatch) -> SupervisedBatch:
    """All steps: the same try-ons in other frames, colours, light and cameras."""
    batch = reframe_garment(reframe_person(mirror(batch)))
    batch = occlude(recolour(batch))
    return spoil_mask(photograph(batch))


# Geometry


def mirror(batch: SupervisedBatch) -> SupervisedBatch:
    """Swaps left and right in half of the samples, in all pictures alike."""
    swapped = _choose(batch, 0.5)
    return merge(mirrored(batch), batch, lambda new, old: torch.where(swapped, new, old))


def reframe_person(batch: SupervisedBatch) -> SupervisedBatch:
    """Zooms, stretches, rolls and shifts person, target and truth together; beyond the picture, its edge is repeated.

    The truth is sampled at the nearest pixel: a mean over neighbours would mix sleeve and torso.
    """
    count, _, height, width = batch.person.shape
    zoom = (torch.randn(count) * PERSON_ZOOM / 3).clamp(-PERSON_ZOOM, PERSON_ZOOM).exp()
    stretch = _uniform(count, *PERSON_STRETCH)
    maps = _random_affine(zoom, stretch, PERSON_ROLL, PERSON_SHIFT, height / width)
    maps[torch.rand(count) < PERSON_UNCHANGED] = torch.eye(3)[:2]
    positions = F.affine_grid(maps.to(batch.person), [count, 1, height, width], align_corners=True)
    truth = batch.truth
    return replace(
        batch,
        person=_sample(batch.person, positions, padding="border"),
        target=_sample(batch.target, positions, padding="border"),
        truth=Truth(
            grid=_sample(truth.grid, positions, mode="nearest"),
            garment=_sample(truth.garment, positions, mode="nearest"),
            visible=_sample(truth.visible, positions, mode="nearest"),
        ),
    )


def reframe_garment(batch: SupervisedBatch) -> SupervisedBatch:
    """Fits the garment's bounding box into the frame, then varies it; the true flow follows.

    What leaves the frame is taken out of the truth.
    """
    count, _, height, width = batch.garment.shape
    zoom, stretch = _uniform(count, *GARMENT_ZOOM), _uniform(count, *GARMENT_STRETCH)
    maps = _random_affine(zoom, stretch, GARMENT_ROLL, GARMENT_SHIFT, height / width)
    maps = _fit_box(batch.garment_mask.float().cpu(), maps).to(batch.garment)
    positions = F.affine_grid(maps, [count, 1, height, width], align_corners=True)
    linear, offset = maps[:, :, :2], maps[:, :, 2].view(count, 2, 1, 1)
    truth = batch.truth
    flow = torch.einsum("bij,bjhw->bihw", torch.linalg.inv(linear), truth.grid - offset)
    inside = truth.garment * (flow.abs().amax(1, keepdim=True) <= 1)
    return replace(
        batch,
        garment=_sample(batch.garment, positions, padding="border"),
        garment_mask=_sample(batch.garment_mask, positions),
        truth=Truth(grid=flow * inside, garment=inside, visible=truth.visible * inside),
    )


def _random_affine(zoom: Tensor, stretch: Tensor, roll: float, shift: float, aspect: float) -> Tensor:
    """Affine maps from a position in the new picture to one in the old, both in [-1, 1].

    Args:
        zoom: [B], of the picture; above 1 enlarges.
        stretch: [B], of its width alone.
        roll: largest rotation, in radians; drawn first.
        shift: largest shift in each direction, in halves of the frame; drawn second.
        aspect: the picture's height over its width.

    Returns:
        [B, 2, 3], as `F.affine_grid` takes them.
    """
    count = len(zoom)
    angle = _uniform(count, -roll, roll)
    cos, sin = angle.cos() / zoom, angle.sin() / zoom
    linear = torch.stack((cos / stretch, -sin * aspect, sin / stretch / aspect, cos), 1).view(count, 2, 2)
    offset = _uniform(count, -shift, shift, 2)
    return torch.cat([linear, offset[..., None]], 2)


def _fit_box(masks: Tensor, maps: Tensor) -> Tensor:
    """The maps [B, 2, 3], each followed by the one that fits the bounding box of its mask [B, 1, H, W] into the frame.

    An empty mask has no box: its map stays.
    """
    height, width = masks.shape[2:]
    fitted = maps.clone()
    for index, covered in enumerate(masks[:, 0] > 0.5):
        rows, columns = covered.any(1).nonzero(), covered.any(0).nonzero()
        if not len(rows):
            continue
        corners = torch.stack([columns[[0, -1], 0], rows[[0, -1], 0]]).double()[..., None]
        low, high = pixels_to_flow(corners, (height, width))[..., 0].T.float()
        fitted[index] *= float((high - low).max()) / 2 / (1 - 2 * GARMENT_MARGIN)
        fitted[index, :, 2] += (low + high) / 2
    return fitted


# Colours, occluders and masks


def recolour(batch: SupervisedBatch) -> SupervisedBatch:
    """Permutes the colour channels of half of the garments, in the flat picture and where it is worn."""
    count = len(batch.garment)
    channels = torch.stack([torch.randperm(3) for _ in range(count)])
    channels[torch.rand(count) >= RECOLOURED] = torch.arange(3)
    channels = channels.to(batch.garment.device).view(count, 3, 1, 1).expand_as(batch.garment)
    garment, target = batch.garment.gather(1, channels), batch.target.gather(1, channels)
    mask, visible = batch.garment_mask, batch.truth.visible
    return replace(
        batch,
        garment=garment * mask + batch.garment * (1 - mask),
        target=target * visible + batch.target * (1 - visible),
    )


def occlude(batch: SupervisedBatch) -> SupervisedBatch:
    """Puts a tilted ellipse of another sample's picture in front of some people; the garment goes on behind it."""
    count, _, height, width = batch.person.shape
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    centre, angle = _uniform(count, -0.8, 0.8, 2), _uniform(count, 0, math.pi).view(-1, 1, 1)
    length, breadth = _uniform(count, 0.2, 0.7).view(-1, 1, 1), _uniform(count, 0.05, 0.2).view(-1, 1, 1)
    dx, dy = x - centre[:, :1, None], y - centre[:, 1:, None]
    along, across = dx * angle.cos() + dy * angle.sin(), dy * angle.cos() - dx * angle.sin()
    inside = (along / length) ** 2 + (across / breadth) ** 2 < 1
    covered = inside & (torch.rand(count) < OCCLUDED).view(-1, 1, 1)
    cover = covered[:, None].to(batch.person)
    occluder = batch.person.roll(1, 0)
    return replace(
        batch,
        person=batch.person * (1 - cover) + occluder * cover,
        target=batch.target * (1 - cover) + occluder * cover,
        truth=replace(batch.truth, visible=batch.truth.visible * (1 - cover)),
    )


def spoil_mask(batch: SupervisedBatch) -> SupervisedBatch:
    """Makes some garment masks a few pixels too large or too small, as a mask finder does."""
    mask = batch.garment_mask
    larger = F.max_pool2d(mask, MASK_ERROR, 1, MASK_ERROR // 2)
    smaller = 1 - F.max_pool2d(1 - mask, MASK_ERROR, 1, MASK_ERROR // 2)
    wrong = torch.where(_choose(batch, 0.5), larger, smaller)
    return replace(batch, garment_mask=torch.where(_choose(batch, WRONG_MASKS), wrong, mask))


# Light and camera


def photograph(batch: SupervisedBatch) -> SupervisedBatch:
    """Exposes all pictures, then blurs, roughens and compresses person and target, which stay equal where they were."""
    batch = compress(add_noise(blur(expose(batch))))
    return replace(batch, person=batch.person.clamp(-1, 1), target=batch.target.clamp(-1, 1))


def expose(batch: SupervisedBatch) -> SupervisedBatch:
    """Changes exposure, white balance and gamma, for all three pictures of a sample alike."""
    count = len(batch.person)
    gain = _uniform(count, -EXPOSURE, EXPOSURE)[:, None] + _uniform(count, -WHITE_BALANCE, WHITE_BALANCE, 3)
    gain = gain.exp().to(batch.person).view(count, 3, 1, 1)
    gamma = _uniform(count, -GAMMA, GAMMA).exp().to(batch.person).view(count, 1, 1, 1)

    def exposed(pictures: Tensor) -> Tensor:
        light = to_unit(pictures).clamp(1e-4, 1)
        return to_signed((light**gamma * gain).clamp(0, 1))

    return replace(batch, person=exposed(batch.person), target=exposed(batch.target), garment=exposed(batch.garment))


def blur(batch: SupervisedBatch) -> SupervisedBatch:
    """Blurs some people by the mean over 3x3 pixels."""
    blurred = _choose(batch, BLURRED)

    def focused(pictures: Tensor) -> Tensor:
        means = F.avg_pool2d(F.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, 1)
        return torch.where(blurred, means, pictures)

    return replace(batch, person=focused(batch.person), target=focused(batch.target))


def add_noise(batch: SupervisedBatch) -> SupervisedBatch:
    """Adds the same noise to person and target; the target's garment stays free of it, for there is none to copy."""
    person, visible = batch.person, batch.truth.visible
    deviation = _uniform(len(person), 0, NOISE).to(person).view(-1, 1, 1, 1) * _choose(batch, NOISY)
    noise = torch.randn(person.shape).to(person) * deviation
    return replace(batch, person=person + noise, target=batch.target + noise * (1 - visible))


def compress(batch: SupervisedBatch) -> SupervisedBatch:
    """Compresses some people as JPEG does."""
    step = _uniform(len(batch.person), *QUANTIZATION_STEP).to(batch.person).view(-1, 1, 1, 1)
    compressed = _choose(batch, COMPRESSED)
    return replace(
        batch,
        person=torch.where(compressed, quantize_blocks(batch.person, step), batch.person),
        target=torch.where(compressed, quantize_blocks(batch.target, step), batch.target),
    )


def quantize_blocks(pictures: Tensor, step: Tensor) -> Tensor:
    """Rounds the coefficients of the cosine transform of 8x8 blocks, by steps that grow with the frequency.

    Args:
        pictures: [B, 3, H, W], height and width multiples of 8.
        step: of the lowest frequency, [B, 1, 1, 1].
    """
    count, channels, height, width = pictures.shape
    index = torch.arange(8, device=pictures.device, dtype=pictures.dtype)
    cosines = torch.cos((index + 0.5) * index[:, None] * math.pi / 8) / 2
    cosines[0] /= math.sqrt(2)
    blocks = pictures.reshape(count, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    steps = step[..., None, None] * (1 + index + index[:, None])
    coefficients = cosines @ blocks @ cosines.T
    restored = cosines.T @ ((coefficients / steps).round() * steps) @ cosines
    return restored.transpose(3, 4).reshape(pictures.shape)


# Draws, always on the CPU


def _uniform(count: int, low: float, high: float, *shape: int) -> Tensor:
    """[count, *shape], uniform in [low, high)."""
    return torch.empty(count, *shape).uniform_(low, high)


def _choose(batch: SupervisedBatch, share: float) -> Tensor:
    """[B, 1, 1, 1], true for that share of the samples."""
    chosen = torch.rand(len(batch.person)) < share
    return chosen.to(batch.person.device).view(-1, 1, 1, 1)


def _sample(pictures: Tensor, positions: Tensor, mode: str = "bilinear", padding: str = "zeros") -> Tensor:
    return F.grid_sample(pictures, positions, mode=mode, padding_mode=padding, align_corners=True)


AUGMENTATIONS: dict[str, Callable[[SupervisedBatch], SupervisedBatch]] = {"mirror": mirror, "photographs": augment}
"""By the recipe's value of `augmentation`."""
