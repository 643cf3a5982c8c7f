"""The try-on at the photo's own resolution, from the network's small outputs.

The network decides where each pixel of the garment goes (`flow`), how much of it shows (`composition`) and what the
rest looks like (`rendered`), on a grid of 256x192. Fine detail is not in these but in the two pictures:

- the garment is sampled from its full-resolution picture, at the upsampled flow;
- the person's detail is added back wherever the generator left the person as it was.

**Positions.** All are fractions of a window: pixel i of n has its centre at (i + 0.5) / n, on any grid, so a network
pixel and the photo's pixels under it share their fractions. Everything small is upsampled bilinearly between centres,
beyond the outermost ones by repetition. The flow is first made a displacement: minus a pixel's own position, so that
repetition continues it, and an identity flow stays exact up to the border. A flow value f names, with `align_corners`,
pixel (f + 1) / 2 * (n - 1) of the garment's n, without it ((f + 1) * n - 1) / 2; its fraction follows as above.

**Weighted upsampling.** Three small maps mean something only where a second one is large: the opacity inside the
garment, `rendered` and the agreement outside it. These go up as up(map * weight) / up(weight): every value is then an
average of valid neighbours and nothing bleeds over the garment's edge, which the full-resolution mask then draws.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from dmvton_mobile.contract import MASK_THRESHOLD
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.imaging.decode import Pixels
from dmvton_mobile.imaging.window import Window, network_input

CHANNELS = {"flow": 2, "composition": 1, "rendered": 3, "person": 3}
STRIP_PIXELS = 1_000_000  # worked on at a time: bounds memory at about 200 MB, whatever the photo's size
SMALLEST_WEIGHT = 1e-3  # below this a weighted average has no valid neighbour

# How far, in [0, 1], the mean over 3x3 network pixels of rendered - person may be off before the photo's detail is no
# longer the person's: up to the first it is kept whole, from the second on not at all. A mean, because a generator
# softens detail without moving the colour; ten levels is its usual noise, forty a visible change.
AGREES_BELOW, DISAGREES_ABOVE = 10 / 255, 40 / 255


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
    """The photo with the garment on: uint8 [H, W, 3]. Outside the window it is the photo, bit by bit.

    person_rgb: uint8 [H, W, 3]; window: what of it the network saw. garment_rgb: uint8 [h, w, 3]; garment_mask: uint8
    [h, w], 255 garment; canvas: the 3:4 canvas around it. outputs, float32 NCHW, batch 1, all of one height and width:
    `flow` (2 channels, a sampling grid in the garment's canvas, x first), `composition` (1, in [0, 1]), `rendered`
    and the network's input `person` (3, RGB in [0, 1]). Raises DmvtonError where these do not fit together.
    """
    _check(person_rgb, window, garment_rgb, garment_mask, outputs)
    flow, composition, rendered, person = (torch.from_numpy(np.ascontiguousarray(outputs[name])) for name in CHANNELS)
    size = (flow.shape[2], flow.shape[3])
    mask = torch.from_numpy(network_input(garment_mask, canvas, size) > MASK_THRESHOLD).float()
    coverage = F.grid_sample(mask, flow.permute(0, 2, 3, 1), padding_mode="zeros", align_corners=align_corners)
    position = _fraction(flow, align_corners)
    displacement = position - _centres(*size)
    visible = (1 - composition).clamp_min(SMALLEST_WEIGHT)
    unchanged = agreement(rendered, person, visible)
    # In the order that the loop takes them apart again.
    maps = [displacement, composition, coverage, visible, rendered * visible, person * visible, unchanged * visible]
    small = torch.cat(maps, 1)
    garment = _garment(garment_rgb, garment_mask, _density(position, composition, window, canvas))

    result = person_rgb.copy()
    target = window.cut(result)  # a view: the window is inside
    for rows, centres in _strips(window):
        upsampled = torch.split(_sample(small, centres, "border"), [part.shape[1] for part in maps], 1)
        displaced, shown, covered, seen, painted, before, agrees = upsampled
        sampled = _sample(garment, _to_garment(centres + displaced, canvas, garment_rgb), "zeros")
        premultiplied, edge = sampled[:, :3], sampled[:, 3:]
        colour = premultiplied / edge.clamp_min(SMALLEST_WEIGHT)
        weight = (shown / covered.clamp_min(SMALLEST_WEIGHT)).clamp(0, 1) * edge.clamp(0, 1)
        photo = torch.from_numpy(target[rows]).permute(2, 0, 1)[None].float() / 255
        base = (painted + (photo * seen - before) * (agrees / seen)) / seen
        blended = torch.lerp(base, colour, weight).mul_(255).round_().clamp_(0, 255)
        target[rows] = blended[0].permute(1, 2, 0).byte().numpy()
    return result


def agreement(rendered: Tensor, person: Tensor, visible: Tensor) -> Tensor:
    """Where the generator left the person as it was: 1 there, 0 where it did not, [B, 1, H, W].

    rendered, person: [B, 3, H, W] in [0, 1]; visible: [B, 1, H, W], how much of rendered shows: what the garment covers
    has no say. The largest change of 3x3 pixels counts: the outline of what went away is detail too, and would stay as
    a ghost.
    """
    mean = F.avg_pool2d((rendered - person) * visible, 3, 1, 1) / F.avg_pool2d(visible, 3, 1, 1)
    change = F.max_pool2d(mean.abs().amax(1, keepdim=True) * visible, 3, 1, 1)
    return ((DISAGREES_ABOVE - change) / (DISAGREES_ABOVE - AGREES_BELOW)).clamp(0, 1)


def _fraction(flow: Tensor, align_corners: bool) -> Tensor:
    """Flow [1, 2, H, W] -> the canvas position it names, as fractions of width and height."""
    size = torch.tensor([flow.shape[3], flow.shape[2]]).view(1, 2, 1, 1)
    pixel = (flow + 1) / 2 * (size - 1) if align_corners else ((flow + 1) * size - 1) / 2
    return (pixel + 0.5) / size


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
    """Garment pixels per photo pixel along one axis, where the garment shows: the median, so seams do not count."""
    shown = composition[0, 0] > MASK_THRESHOLD
    if not shown.any():
        return 1.0
    height, width = shown.shape
    by_row, by_column = torch.gradient(position[0], dim=(1, 2))
    area = (by_column[0] * by_row[1] - by_column[1] * by_row[0]).abs()[shown].median().item()
    pixels = area * (canvas.width * width / window.width) * (canvas.height * height / window.height)
    return float(pixels**0.5)


def _garment(rgb: Pixels, mask: Pixels, density: float) -> Tensor:
    """The garment times its mask, and the mask, in [0, 1]: [1, 4, h, w], no finer than the photo samples it.

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


def stamp(picture: Pixels, window: Window, text: str) -> Pixels:
    """The picture [H, W, 3] with a line of text at the foot of the window; nothing outside the window changes."""
    height = max(12, window.height // 24)
    canvas = Image.fromarray(picture[window.top : window.top + window.height, window.left : window.left + window.width])
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((0, window.height - 2 * height, window.width, window.height), fill=(40, 40, 40))
    draw.text((height, window.height - height), text, (255, 255, 255), ImageFont.load_default(height), anchor="lm")
    stamped = picture.copy()
    stamped[window.top : window.top + window.height, window.left : window.left + window.width] = np.asarray(canvas)
    return stamped
