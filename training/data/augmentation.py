"""Per-sample augmentation of supervised batches, so that a network trained on rendered people meets photographs.

Rendered people all stand in the same frame, and their flat garments all fill the same part of theirs; photographs do
neither. Every sample of a batch is therefore reframed, recoloured and sent through a worse camera on its own. What the
truth says is moved exactly: a flow holds places in the garment's picture, so reframing the person only moves its values
about, and reframing the garment changes them by the inverse of the same affine map.
"""

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from dmvton_mobile.datasets.sample import Truth
from training.data.supervised_batch import Lesson, mirrored

UNCHANGED_FRAMES = 0.25  # share of the people whose frame stays as it was rendered
PERSON_ZOOM = math.log(2.0)  # largest |log| of the zoom; its standard deviation is a third of that
PERSON_SHIFT = 0.2  # of half the frame, each way
PERSON_ROLL = 0.12  # radians, each way
PERSON_STRETCH = (0.95, 1.4)  # of the person's width alone: rendered shoulders are narrower than photographed ones
GARMENT_MARGIN = 0.04  # of the frame, around the garment's box before it is varied
GARMENT_ZOOM = (0.65, 1.05)  # of the garment's size in the frame
GARMENT_STRETCH = (0.6, 1.05)  # of its width alone: worn by a mannequin, a garment is a third narrower than laid flat
GARMENT_SHIFT = 0.06  # of half the frame, each way
GARMENT_ROLL = 0.09  # radians, each way
EXPOSURE, WHITE_BALANCE, GAMMA = 0.25, 0.08, 0.25  # largest |log| of the factor
NOISE = (0.6, 0.08)  # share of the samples, largest standard deviation in [-1, 1]
BLUR = 0.25  # share of the samples
COMPRESSION = (0.3, 0.12)  # share of the samples, largest step of the lowest frequency in [-1, 1]
OCCLUDERS, RECOLOURED, WRONG_MASKS = 0.2, 0.5, 0.2  # shares of the samples


def augment(lesson: Lesson) -> Lesson:
    """The same lesson in another frame, light and camera, drawn anew for every sample from torch's generator."""
    lesson = mirror(lesson)
    lesson = reframe_garment(reframe_person(lesson))
    lesson = occlude(recolour(lesson))
    return spoil_mask(photograph(lesson))


def mirror(lesson: Lesson) -> Lesson:
    """Half of the samples with left and right swapped, in person and garment alike."""
    return _chosen(_drawn(lesson, 0.5), mirrored(lesson), lesson)


def reframe_person(lesson: Lesson) -> Lesson:
    """Zoom, shift, roll and stretch of person, target and truth, by one sampling; beyond the picture, its edge."""
    person = lesson.person
    count, _, height, width = person.shape
    zoom = (torch.randn(count) * PERSON_ZOOM / 3).clamp(-PERSON_ZOOM, PERSON_ZOOM).exp()
    maps = _affine(zoom, _uniform(count, *PERSON_STRETCH), PERSON_SHIFT, PERSON_ROLL, height / width)
    maps[torch.rand(count) < UNCHANGED_FRAMES] = torch.eye(3)[:2]
    grid = F.affine_grid(maps.to(person), [count, 1, height, width], align_corners=True)
    truth = lesson.truth
    flow = _sample(truth.grid, grid, "nearest")  # blending neighbours would mix sleeve and torso
    garment, visible = (_sample(mask, grid, "nearest") for mask in (truth.garment, truth.visible))
    return replace(
        lesson,
        person=_sample(person, grid, padding="border"),
        target=_sample(lesson.target, grid, padding="border"),
        truth=Truth(flow, garment, visible),
    )


def reframe_garment(lesson: Lesson) -> Lesson:
    """The garment's box fitted into the frame, then varied; the true flow follows. What leaves the frame is lost."""
    garment, truth = lesson.garment, lesson.truth
    count, _, height, width = garment.shape
    maps = _affine(
        _uniform(count, *GARMENT_ZOOM), _uniform(count, *GARMENT_STRETCH), GARMENT_SHIFT, GARMENT_ROLL, height / width
    )
    maps = _fit_box(lesson.garment_mask.float().cpu(), maps).to(garment)
    grid = F.affine_grid(maps, [count, 1, height, width], align_corners=True)
    linear, offset = maps[:, :, :2], maps[:, :, 2].view(count, 2, 1, 1)
    flow = torch.einsum("bij,bjhw->bihw", torch.linalg.inv(linear), truth.grid - offset)
    inside = truth.garment * (flow.abs().amax(1, keepdim=True) <= 1)
    return replace(
        lesson,
        garment=_sample(garment, grid, padding="border"),
        garment_mask=_sample(lesson.garment_mask, grid),
        truth=Truth(flow * inside, inside, truth.visible * inside),
    )


def recolour(lesson: Lesson) -> Lesson:
    """The colour channels of half of the garments permuted, in the flat picture and where it is worn."""
    garment, visible = lesson.garment, lesson.truth.visible
    count = garment.shape[0]
    order = torch.stack([torch.randperm(3) for _ in range(count)])
    order[torch.rand(count) >= RECOLOURED] = torch.arange(3)
    order = order.to(garment.device).view(count, 3, 1, 1).expand_as(garment)
    worn = lesson.target.gather(1, order) * visible + lesson.target * (1 - visible)
    mask = lesson.garment_mask
    flat = garment.gather(1, order) * mask + garment * (1 - mask)
    return replace(lesson, garment=flat, target=worn)


def occlude(lesson: Lesson) -> Lesson:
    """A tilted ellipse of another sample's picture in front of some people; the garment goes on behind it."""
    person, truth = lesson.person, lesson.truth
    count, _, height, width = person.shape
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    centre, angle = _uniform(count, -0.8, 0.8, 2), _uniform(count, 0, math.pi)
    along, across = _uniform(count, 0.2, 0.7), _uniform(count, 0.05, 0.2)
    cos, sin = angle.cos().view(-1, 1, 1), angle.sin().view(-1, 1, 1)
    dx, dy = x - centre[:, :1, None], y - centre[:, 1:, None]
    radius = ((dx * cos + dy * sin) / along.view(-1, 1, 1)) ** 2 + ((dy * cos - dx * sin) / across.view(-1, 1, 1)) ** 2
    covered = (radius < 1) & (torch.rand(count) < OCCLUDERS).view(-1, 1, 1)
    cover = covered[:, None].to(person)
    content = person.roll(1, 0)
    return replace(
        lesson,
        person=person * (1 - cover) + content * cover,
        target=lesson.target * (1 - cover) + content * cover,
        truth=Truth(truth.grid, truth.garment, truth.visible * (1 - cover)),
    )


def photograph(lesson: Lesson) -> Lesson:
    """Exposure, white balance and gamma of all three pictures; blur, noise and block compression of person and target.

    What a try-on keeps stays equal in both; the target's garment is left free of noise.
    """
    count = lesson.person.shape[0]
    tone = _Tone(lesson.person)
    person, target, garment = tone(lesson.person), tone(lesson.target), tone(lesson.garment)
    blurred = _drawn(lesson, BLUR)
    person, target = (torch.where(blurred, _blur(picture), picture) for picture in (person, target))
    share, strength = NOISE
    amount = _uniform(count, 0, strength).to(person).view(-1, 1, 1, 1) * _drawn(lesson, share)
    noise = torch.randn(person.shape).to(person) * amount
    person, target = person + noise, target + noise * (1 - lesson.truth.visible)
    share, strength = COMPRESSION
    step = _uniform(count, 0.02, strength).to(person).view(-1, 1, 1, 1)
    compressed = _drawn(lesson, share)
    person = torch.where(compressed, _compress(person, step), person)
    target = torch.where(compressed, _compress(target, step), target)
    return replace(lesson, person=person.clamp(-1, 1), target=target.clamp(-1, 1), garment=garment)


def spoil_mask(lesson: Lesson) -> Lesson:
    """Some garment masks a few pixels too large or too small, as masks that were found are."""
    mask = lesson.garment_mask
    larger = F.max_pool2d(mask, 5, 1, 2)
    smaller = 1 - F.max_pool2d(1 - mask, 5, 1, 2)
    wrong = torch.where(_drawn(lesson, 0.5), larger, smaller)
    return replace(lesson, garment_mask=torch.where(_drawn(lesson, WRONG_MASKS), wrong, mask))


def _affine(zoom: Tensor, stretch: Tensor, shift: float, roll: float, aspect: float) -> Tensor:
    """[B, 2, 3] from a place in the new picture to one in the old, both in [-1, 1].

    zoom, stretch: [B], above 1 enlarges the whole and its width. aspect: the picture's height over its width.
    """
    count = len(zoom)
    angle = _uniform(count, -roll, roll)
    cos, sin = angle.cos() / zoom, angle.sin() / zoom
    rows = (cos / stretch, -sin * aspect, sin / stretch / aspect, cos)
    linear = torch.stack(rows, 1).view(count, 2, 2)
    return torch.cat([linear, _uniform(count, -shift, shift, 2)[..., None]], 2)


def _fit_box(mask: Tensor, maps: Tensor) -> Tensor:
    """`maps` followed by the map that fits the box of each mask into the frame with a margin."""
    count, _, height, width = mask.shape
    covered = mask[:, 0] > 0.5
    fitted = maps.clone()
    for index in range(count):
        rows, columns = covered[index].any(1).nonzero(), covered[index].any(0).nonzero()
        if not len(rows):
            continue
        low = torch.tensor([2 * columns[0].item() / (width - 1) - 1, 2 * rows[0].item() / (height - 1) - 1])
        high = torch.tensor([2 * columns[-1].item() / (width - 1) - 1, 2 * rows[-1].item() / (height - 1) - 1])
        scale = float((high - low).max()) / 2 / (1 - 2 * GARMENT_MARGIN)
        fitted[index] *= scale
        fitted[index, :, 2] += (low + high) / 2
    return fitted


class _Tone:
    """Exposure, white balance and gamma, drawn once for each sample."""

    def __init__(self, pictures: Tensor) -> None:
        count = pictures.shape[0]
        gain = _uniform(count, -EXPOSURE, EXPOSURE)[:, None] + _uniform(count, -WHITE_BALANCE, WHITE_BALANCE, 3)
        self._gain = gain.exp().to(pictures).view(count, 3, 1, 1)
        self._gamma = _uniform(count, -GAMMA, GAMMA).exp().to(pictures).view(count, 1, 1, 1)

    def __call__(self, pictures: Tensor) -> Tensor:
        light = ((pictures + 1) / 2).clamp(1e-4, 1)
        return (light**self._gamma * self._gain).clamp(0, 1) * 2 - 1


def _blur(pictures: Tensor) -> Tensor:
    return F.avg_pool2d(F.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, 1)


def _compress(pictures: Tensor, step: Tensor) -> Tensor:
    """Coefficients of 8x8 cosine blocks rounded to steps that grow with the frequency, as JPEG does.

    step: [B, 1, 1, 1], of the lowest frequency.
    """
    count, channels, height, width = pictures.shape
    places = torch.arange(8, device=pictures.device, dtype=pictures.dtype)
    cosines = torch.cos((places + 0.5) * places[:, None] * math.pi / 8) / 2
    cosines[0] /= math.sqrt(2)
    blocks = pictures.reshape(count, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    steps = step[..., None, None] * (1 + places + places[:, None])
    coefficients = cosines @ blocks @ cosines.T
    restored = cosines.T @ ((coefficients / steps).round() * steps) @ cosines
    return restored.transpose(3, 4).reshape(pictures.shape)


def _sample(pictures: Tensor, grid: Tensor, mode: str = "bilinear", padding: str = "zeros") -> Tensor:
    return F.grid_sample(pictures, grid, mode=mode, padding_mode=padding, align_corners=True)


def _uniform(count: int, low: float, high: float, *shape: int) -> Tensor:
    return torch.empty(count, *shape).uniform_(low, high)


def _drawn(lesson: Lesson, share: float) -> Tensor:
    """[B, 1, 1, 1], true for that share of the samples."""
    drawn = torch.rand(lesson.person.shape[0]) < share
    return drawn.to(lesson.person.device).view(-1, 1, 1, 1)


def _chosen(which: Tensor, first: Lesson, second: Lesson) -> Lesson:
    """Sample by sample, of the first where `which` is true."""

    def pick(one: Tensor, other: Tensor) -> Tensor:
        return torch.where(which, one, other)

    return Lesson(
        person=pick(first.person, second.person),
        garment=pick(first.garment, second.garment),
        garment_mask=pick(first.garment_mask, second.garment_mask),
        target=pick(first.target, second.target),
        truth=Truth(
            grid=pick(first.truth.grid, second.truth.grid),
            garment=pick(first.truth.garment, second.truth.garment),
            visible=pick(first.truth.visible, second.truth.visible),
        ),
    )


AUGMENTATIONS = {"mirror": mirror, "photographs": augment}
