"""The try-on at the photo's own resolution, composed from the network's small outputs. The apps follow the same rules.

The network says where each pixel of the garment goes (`flow`), how much of it shows (`composition`) and what the rest
looks like (`rendered`), on a grid of 256x192. Fine detail is in the two pictures instead: the garment is sampled from
its full-resolution picture, and the person's detail is added back wherever the generator left the person as it was.

1. **Positions** are fractions of a window: pixel i of n has its centre at (i + 0.5) / n, on any grid, so a network
   pixel and the photo's pixels under it share their fractions. A flow value f names, with `align_corners`, pixel
   (f + 1) / 2 * (n - 1) of the garment's n, without it ((f + 1) * n - 1) / 2.
2. **Upsampling** is bilinear between centres, and by repetition beyond the outermost ones. The flow goes up as a
   displacement, that is minus a pixel's own position: repetition then continues it, and an identity flow stays exact
   up to the border.
3. **Weighted upsampling.** Three maps mean something only where another map is large: `composition` inside the
   garment's `coverage`; `rendered` and the `agreement` outside the garment, by the weight 1 - `composition`. These go
   up as up(map * weight) / up(weight): every value is an average of valid neighbours, and nothing bleeds over the
   garment's edge, which the full-resolution mask draws then.
4. **Garment.** Its picture is multiplied by its mask, then reduced by the *density*, the garment's pixels per pixel
   of the photo, where that is above 1; then it is sampled at the upsampled position.
5. **Base.** The base is up(`rendered`), plus the photo's detail, photo - up(`person`), times up(`agreement`).
6. **Blend.** The result moves from the base to the garment's colour by up(`composition`) times the sampled mask.

Section 4 of docs/app-contract.md has the tolerance, and the arithmetic that is left to libraries here.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from dmvton_mobile.contract import MASK_THRESHOLD
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.imaging.decode import Pixels
from dmvton_mobile.imaging.window import Window, network_input
from dmvton_mobile.networks.flow import flow_to_pixels

CHANNELS = {"flow": 2, "composition": 1, "rendered": 3, "person": 3}
STRIP_PIXELS = 1_000_000  # composed at a time: bounds memory at about 200 MB, whatever the photo's size
SMALLEST_WEIGHT = 1e-3  # below this a weighted average has no valid neighbour

# How far, in [0, 1], the mean of rendered - person over 3x3 network pixels may be off before the photo's detail is no
# longer the person's: up to the first it is kept whole, from the second on not at all. A mean, because a generator
# softens detail without moving the colour; ten levels of 255 is its usual noise, forty a visible change.
AGREES_BELOW, DISAGREES_ABOVE = 10 / 255, 40 / 255


class _Maps(NamedTuple):
    """Maps of one grid, [1, C, H, W]. The last three are multiplied by `visible`, their weight in rule 3."""

    displacement: Tensor
    composition: Tensor
    coverage: Tensor
    visible: Tensor
    rendered: Tensor
    person: Tensor
    agreement: Tensor


@torch.inference_mode()
def composite(
    person_rgb: Pixels,
    window: Window,
    garment_rgb: Pixels,
    garment_mask: Pixels,
    canvas: Window,
    outputs: Mapping[str, NDArray[np.float32]],
    align_corners: bool = True,
) -> Pixels:
    """Puts the garment on the person in their photo.

    Args:
        person_rgb: The photo, uint8 [H, W, 3].
        window: The part of the photo that the network saw.
        garment_rgb: The garment's picture, uint8 [h, w, 3].
        garment_mask: uint8 [h, w], 255 is garment.
        canvas: The 3:4 canvas around the garment's picture.
        outputs: float32 NCHW, batch 1, all of one height and width: `flow` (2 channels, a sampling grid in the
            garment's canvas, x first), `composition` (1, in [0, 1]), `rendered` and the network's input `person`
            (3 each, RGB in [0, 1]).
        align_corners: The convention of `flow`.

    Returns:
        uint8 [H, W, 3]. Outside the window it is the photo, bit by bit.

    Raises:
        DmvtonError: The arguments do not fit together.
    """
    _check(person_rgb, window, garment_rgb, garment_mask, outputs)
    flow, composition, rendered, person = (torch.from_numpy(np.ascontiguousarray(outputs[name])) for name in CHANNELS)
    position = _fraction(flow, align_corners)
    visible = (1 - composition).clamp_min(SMALLEST_WEIGHT)
    maps = _Maps(
        displacement=position - _centres(flow.shape[2], flow.shape[3]),
        composition=composition,
        coverage=_coverage(garment_mask, canvas, flow, align_corners),
        visible=visible,
        rendered=rendered * visible,
        person=person * visible,
        agreement=agreement(rendered, person, visible) * visible,
    )
    garment = _garment(garment_rgb, garment_mask, _density(position, composition, window, canvas))

    result = person_rgb.copy()
    target = window.cut(result)  # a view: the window is inside
    for rows, centres in _strips(window):
        upsampled = _upsample(maps, centres)
        place = _to_garment(centres + upsampled.displacement, canvas, garment_rgb)
        photo = torch.from_numpy(target[rows]).permute(2, 0, 1)[None].float() / 255
        blended = _blend(_base(photo, upsampled), _sample(garment, place, "zeros"), upsampled)
        target[rows] = blended.mul_(255).round_().clamp_(0, 255)[0].permute(1, 2, 0).byte().numpy()
    return result


def agreement(rendered: Tensor, person: Tensor, visible: Tensor) -> Tensor:
    """How far the generator left the person as it was.

    The largest change among 3x3 pixels counts: the outline of what went away is detail, too, and would stay as a ghost.

    Args:
        rendered: What the generator painted, [B, 3, H, W] in [0, 1].
        person: What it was shown, [B, 3, H, W] in [0, 1].
        visible: How much of `rendered` shows, [B, 1, H, W]: pixels under the garment do not count.

    Returns:
        [B, 1, H, W]: 1 where the person is as before, 0 where not.
    """
    mean = F.avg_pool2d((rendered - person) * visible, 3, 1, 1) / F.avg_pool2d(visible, 3, 1, 1)
    change = F.max_pool2d(mean.abs().amax(1, keepdim=True) * visible, 3, 1, 1)
    return ((DISAGREES_ABOVE - change) / (DISAGREES_ABOVE - AGREES_BELOW)).clamp(0, 1)


def _base(photo: Tensor, maps: _Maps) -> Tensor:
    """Rule 5: the person without the garment, [1, 3, H, W] in [0, 1]."""
    detail = photo * maps.visible - maps.person
    return (maps.rendered + detail * (maps.agreement / maps.visible)) / maps.visible


def _blend(base: Tensor, garment: Tensor, maps: _Maps) -> Tensor:
    """Rule 6. garment: colour times mask, and the mask, sampled at the photo's pixels, [1, 4, H, W]."""
    premultiplied, mask = garment[:, :3], garment[:, 3:]
    colour = premultiplied / mask.clamp_min(SMALLEST_WEIGHT)
    opacity = (maps.composition / maps.coverage.clamp_min(SMALLEST_WEIGHT)).clamp(0, 1)
    return torch.lerp(base, colour, opacity * mask.clamp(0, 1))


def _upsample(maps: _Maps, positions: Tensor) -> _Maps:
    """Rule 2: the maps at fractions [1, 2, H, W] of the window."""
    sampled = _sample(torch.cat(maps, 1), positions, "border")
    return _Maps(*torch.split(sampled, [each.shape[1] for each in maps], 1))


def _coverage(garment_mask: Pixels, canvas: Window, flow: Tensor, align_corners: bool) -> Tensor:
    """The garment's mask as network input, 0 or 1, where the flow takes it: [1, 1, H, W]."""
    size = (flow.shape[2], flow.shape[3])
    mask = torch.from_numpy(network_input(garment_mask, canvas, size) > MASK_THRESHOLD).float()
    return F.grid_sample(mask, flow.permute(0, 2, 3, 1), padding_mode="zeros", align_corners=align_corners)


def _fraction(flow: Tensor, align_corners: bool) -> Tensor:
    """Rule 1: flow [1, 2, H, W] -> the canvas position it names, as fractions of width and height."""
    size = torch.tensor([flow.shape[3], flow.shape[2]]).view(1, 2, 1, 1)
    return (flow_to_pixels(flow, (flow.shape[2], flow.shape[3]), align_corners) + 0.5) / size


def _centres(height: int, width: int) -> Tensor:
    """The pixels' own positions as fractions: [1, 2, height, width], x first."""
    return _grid(torch.arange(height), height, width)


def _grid(rows: Tensor, height: int, width: int) -> Tensor:
    y, x = torch.meshgrid((rows + 0.5) / height, (torch.arange(width) + 0.5) / width, indexing="ij")
    return torch.stack([x, y])[None]


def _strips(window: Window) -> Iterator[tuple[slice, Tensor]]:
    """The window's rows, some at a time, with their positions [1, 2, rows, width]."""
    step = max(1, STRIP_PIXELS // window.width)
    for first in range(0, window.height, step):
        last = min(first + step, window.height)
        yield slice(first, last), _grid(torch.arange(first, last), window.height, window.width)


def _sample(maps: Tensor, position: Tensor, padding: str) -> Tensor:
    """Bilinear samples of maps [1, C, h, w] at fractions position [1, 2, H, W] -> [1, C, H, W]."""
    grid = (position * 2 - 1).permute(0, 2, 3, 1)
    return F.grid_sample(maps, grid, padding_mode=padding, align_corners=False)


def _to_garment(position: Tensor, canvas: Window, garment_rgb: Pixels) -> Tensor:
    """Fractions of the canvas -> fractions of the garment's picture, which is inside it."""
    height, width = garment_rgb.shape[:2]
    scale = torch.tensor([canvas.width / width, canvas.height / height]).view(1, 2, 1, 1)
    shift = torch.tensor([canvas.left / width, canvas.top / height]).view(1, 2, 1, 1)
    return position * scale + shift


def _density(position: Tensor, composition: Tensor, window: Window, canvas: Window) -> float:
    """Rule 4: garment pixels per photo pixel along one axis, where it shows; a median, so seams do not count."""
    shown = composition[0, 0] > MASK_THRESHOLD
    if not shown.any():
        return 1.0
    height, width = shown.shape
    by_row, by_column = torch.gradient(position[0], dim=(1, 2))
    area = (by_column[0] * by_row[1] - by_column[1] * by_row[0]).abs()[shown].median().item()
    pixels = area * (canvas.width * width / window.width) * (canvas.height * height / window.height)
    return float(pixels**0.5)


def _garment(rgb: Pixels, mask: Pixels, density: float) -> Tensor:
    """Rule 4: the garment times its mask, and the mask, in [0, 1]: [1, 4, h, w], no finer than the photo samples it.

    Multiplied before any filter: what lies beside the garment never colours its edge. The filter (bicubic, for its
    sharpness) may leave [0, 1] a little, in the picture and the mask alike: their quotient does not.
    """
    height, width = mask.shape
    reduced = (max(1, round(height / max(density, 1))), max(1, round(width / max(density, 1))))
    coverage = torch.from_numpy(mask)[None, None] / 255
    garment = torch.empty(1, 4, *reduced)
    for channel in range(4):  # one at a time: a large garment's float planes are large
        plane = coverage
        if channel < 3:
            plane = torch.from_numpy(np.ascontiguousarray(rgb[..., channel]))[None, None] / 255 * coverage
        if reduced != (height, width):
            plane = F.interpolate(plane, size=reduced, mode="bicubic", antialias=True, align_corners=False)
        garment[:, channel] = plane[:, 0]
    return garment


def _check(
    person_rgb: Pixels,
    window: Window,
    garment_rgb: Pixels,
    garment_mask: Pixels,
    outputs: Mapping[str, NDArray[np.float32]],
) -> None:
    """Raises DmvtonError unless everything has the shape that `composite` says."""
    for what, pixels in (("photo", person_rgb), ("garment", garment_rgb)):
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise DmvtonError(f"The {what} must be uint8 [H, W, 3], it is {pixels.dtype} {list(pixels.shape)}.")
    if garment_mask.shape != garment_rgb.shape[:2] or garment_mask.dtype != np.uint8:
        raise DmvtonError(
            f"The garment mask must be uint8 {list(garment_rgb.shape[:2])} like its garment, "
            f"it is {garment_mask.dtype} {list(garment_mask.shape)}."
        )
    if not window.inside(person_rgb.shape[0], person_rgb.shape[1]):
        raise DmvtonError(f"{window} reaches outside the photo, which is {person_rgb.shape[1]}x{person_rgb.shape[0]}.")
    missing = [name for name in CHANNELS if name not in outputs]
    if missing:
        raise DmvtonError(f"Compositing needs {', '.join(CHANNELS)}; missing: {', '.join(missing)}.")
    size = outputs["flow"].shape[2:]
    for name, channels in CHANNELS.items():
        if outputs[name].shape != (1, channels, *size) or outputs[name].dtype != np.float32:
            raise DmvtonError(
                f"{name} must be float32 {[1, channels, *size]}, "
                f"it is {outputs[name].dtype} {list(outputs[name].shape)}."
            )
