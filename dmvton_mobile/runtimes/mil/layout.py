"""Operations of a Core ML program in torch on the CPU: shapes, look-up, quantization, resizing and sampling.

The conventions of `operations.py` hold here too: parameters carry the operation's own names, and a form that the
documentation leaves undefined raises `Unsupported`.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from dmvton_mobile.runtimes.mil.convolution import pad_constant
from dmvton_mobile.runtimes.mil.operations import Function, Unsupported

# Shape


def reshape(x: Tensor, shape: list[int]) -> Tensor:
    """Changes the shape; 0 in `shape` keeps the size of that axis."""
    return x.reshape([size or x.shape[axis] for axis, size in enumerate(shape)])


def transpose(x: Tensor, perm: list[int]) -> Tensor:
    """Permutes the axes."""
    return x.permute(perm)


def expand_dims(x: Tensor, axes: list[int]) -> Tensor:
    """Inserts axes of size 1 at the positions `axes` of the result."""
    rank = x.dim() + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        x = x.unsqueeze(axis)
    return x


def squeeze(x: Tensor, axes: list[int] | None) -> Tensor:
    """Removes the axes of size 1 in `axes`, or all of them."""
    return x.squeeze() if axes is None else x.squeeze(tuple(axes))


def concat(values: list[Tensor], axis: int, interleave: bool) -> Tensor:
    """Concatenates along `axis`; `interleave` takes one slice of each tensor in turn."""
    if not interleave:
        return torch.cat(values, axis)
    axis %= values[0].dim()
    return torch.stack(values, axis + 1).flatten(axis, axis + 1)


def stack(values: list[Tensor], axis: int) -> Tensor:
    """Stacks tensors along a new axis."""
    return torch.stack(values, axis)


def split(x: Tensor, num_splits: int | None, split_sizes: list[int] | None, axis: int) -> Sequence[Tensor]:
    """Splits along `axis` into `num_splits` equal parts, or into `split_sizes`."""
    if split_sizes is not None:
        return x.split(split_sizes, axis)
    assert num_splits is not None  # one of the two is always there
    return x.chunk(num_splits, axis)


def tile(x: Tensor, reps: list[int]) -> Tensor:
    """Repeats the tensor `reps` times along each axis."""
    return x.repeat(reps)


def pixel_shuffle(x: Tensor, upscale_factor: int) -> Tensor:
    """Moves channels into space: [B, C r^2, H, W] -> [B, C, H r, W r] for the factor r."""
    return F.pixel_shuffle(x, upscale_factor)


def slice_by_index(
    x: Tensor,
    begin: list[int],
    end: list[int],
    stride: list[int] | None,
    begin_mask: list[bool] | None,
    end_mask: list[bool] | None,
    squeeze_mask: list[bool] | None,
) -> Tensor:
    """Takes x[begin:end:stride] along every axis; a mask leaves a bound open, or drops an axis."""
    squeezed = []
    for axis, size in enumerate(x.shape):
        if squeeze_mask and squeeze_mask[axis]:
            x = x.narrow(axis, begin[axis] % size, 1)
            squeezed.append(axis)
            continue
        first = None if begin_mask and begin_mask[axis] else begin[axis]
        last = None if end_mask and end_mask[axis] else end[axis]
        taken = range(size)[first : last : stride[axis] if stride else 1]
        if taken.step == 1:
            x = x.narrow(axis, taken.start, len(taken))
        else:
            x = x.index_select(axis, torch.tensor(taken))
    return x.squeeze(tuple(squeezed)) if squeezed else x


def slice_by_size(x: Tensor, begin: list[int], size: list[int]) -> Tensor:
    """Takes `size` values from `begin` along every axis; -1 takes all that follow."""
    for axis, (start, length) in enumerate(zip(begin, size)):
        start %= x.shape[axis]
        x = x.narrow(axis, start, x.shape[axis] - start if length == -1 else length)
    return x


def crop(x: Tensor, crop_height: list[int], crop_width: list[int]) -> Tensor:
    """Removes (before, after) rows and columns from the last two axes."""
    for axis, (before, after) in ((-2, crop_height), (-1, crop_width)):
        x = x.narrow(axis, before, x.shape[axis] - before - after)
    return x


def pad(x: Tensor, pad: list[int], mode: str, constant_val: float) -> Tensor:
    """Pads the last axes with a constant, by reflection, or by repeating the border."""
    sides = list(zip(pad[0::2], pad[1::2]))
    if mode == "constant":
        return pad_constant(x, sides, constant_val)
    for axis, (before, after) in enumerate(sides, x.dim() - len(sides)):
        last = x.shape[axis] - 1
        places = torch.arange(-before, x.shape[axis] + after)
        places = last - (last - places.abs()).abs() if mode == "reflect" else places.clamp(0, last)
        x = x.index_select(axis, places)
    return x


# Look-up


def gather(x: Tensor, indices: Tensor, axis: int, batch_dims: int, validate_indices: bool | None) -> Tensor:
    """Takes the slices of `axis` that `indices` name; negative ones count from the end."""
    if batch_dims:
        pairs = zip(x, indices, strict=True)
        return torch.stack([gather(a, b, axis % x.dim() - 1, batch_dims - 1, None) for a, b in pairs])
    axis %= x.dim()
    taken = x.index_select(axis, _not_negative(indices, x.shape[axis]).flatten())
    return taken.reshape(x.shape[:axis] + indices.shape + x.shape[axis + 1 :])


def gather_along_axis(x: Tensor, indices: Tensor, axis: int, validate_indices: bool | None) -> Tensor:
    """Takes one value per index along `axis`; negative indices count from the end."""
    return torch.gather(x, axis, _not_negative(indices, x.shape[axis]))


def _not_negative(indices: Tensor, size: int) -> Tensor:
    indices = indices.long()
    return torch.where(indices < 0, indices + size, indices)


# Quantization


def quantize(input: Tensor, zero_point: Tensor | None, scale: Tensor, output_dtype: str, axis: int | None) -> Tensor:
    """clip(round(input / scale) + zero_point); halves round to even, as coremltools rounds constants."""
    limits = torch.iinfo(getattr(torch, output_dtype))
    steps = torch.round(input / _along(axis, scale, input))
    if zero_point is not None:
        steps = steps + _along(axis, zero_point, input)
    return steps.clamp(limits.min, limits.max)


def dequantize(input: Tensor, zero_point: Tensor | None, scale: Tensor, axis: int | None) -> Tensor:
    """Scale * (input - zero_point)."""
    steps = input.to(torch.float32)
    if zero_point is not None:
        steps = steps - _along(axis, zero_point, input)
    return steps * _along(axis, scale, input)


def _along(axis: int | None, values: Tensor, x: Tensor) -> Tensor:
    """A scalar as it is; a vector reshaped so that it broadcasts along that axis of x."""
    if values.dim() == 0:
        return values
    if axis is None or len(values) != x.shape[axis]:
        raise Unsupported(f"{len(values)} scales or zero points along axis {axis} of {tuple(x.shape)}")
    shape = [1] * x.dim()
    shape[axis] = -1
    return values.reshape(shape)


# Resizing and sampling


def upsample_nearest_neighbor(x: Tensor, scale_factor_height: float, scale_factor_width: float) -> Tensor:
    """Repeats rows and columns by whole factors."""
    for axis, factor in ((-2, scale_factor_height), (-1, scale_factor_width)):
        if factor != int(factor):
            raise Unsupported(
                f"the documentation does not say which pixel a factor of {factor} takes; whole numbers only"
            )
        x = x.repeat_interleave(int(factor), axis)
    return x


def upsample_bilinear(
    x: Tensor,
    scale_factor_height: float,
    scale_factor_width: float,
    align_corners: bool,
    half_pixel_centers: bool | None,
) -> Tensor:
    """Resizes height and width by factors, bilinear."""
    half = not align_corners if half_pixel_centers is None else half_pixel_centers
    if align_corners and half:
        raise Unsupported("align_corners and half_pixel_centers exclude each other")
    mode = "STRICT_ALIGN_CORNERS" if align_corners else "UNALIGN_CORNERS" if half else "DEFAULT"
    height, width = x.shape[-2:]
    return resize_bilinear(x, int(height * scale_factor_height), int(width * scale_factor_width), mode)


def resize_bilinear(x: Tensor, target_size_height: int, target_size_width: int, sampling_mode: str) -> Tensor:
    """Resizes height and width to a target size, bilinear, in one of MIL's five sampling modes."""
    if sampling_mode in _TORCH_ALIGNS_CORNERS:
        # Between int8 values many results lie halfway between two steps: the last bit decides which they become.
        size = (target_size_height, target_size_width)
        return F.interpolate(x, size, mode="bilinear", align_corners=_TORCH_ALIGNS_CORNERS[sampling_mode])
    for axis, length in ((-2, target_size_height), (-1, target_size_width)):
        places = _sampled_places(x.shape[axis], length, sampling_mode).clamp(0, x.shape[axis] - 1)
        low = places.floor().long()
        high = (low + 1).clamp(max=x.shape[axis] - 1)
        share = (places - low).to(x.dtype)
        share = share.unsqueeze(-1) if axis == -2 else share
        x = torch.lerp(x.index_select(axis, low), x.index_select(axis, high), share)
    return x


# The modes that torch has too
_TORCH_ALIGNS_CORNERS = {"UNALIGN_CORNERS": False, "STRICT_ALIGN_CORNERS": True}


def _sampled_places(before: int, after: int, mode: str) -> Tensor:
    """Where along an axis of `before` pixels each of `after` pixels is read, in pixels, float64."""
    steps = torch.arange(after, dtype=torch.float64)
    if mode == "UNALIGN_CORNERS":
        return (steps + 0.5) * before / after - 0.5
    if mode == "DEFAULT":
        return steps * before / after
    if mode == "OFFSET_CORNERS":
        return (steps + 0.5) * max(1, before - 1) / after
    if mode == "ALIGN_CORNERS" and after == 1:
        return (steps + 1) * (before - 1) / 2
    return steps * (before - 1) / max(1, after - 1)  # STRICT_ALIGN_CORNERS and ALIGN_CORNERS


# (padding_mode, align_corners): torch's name. A reflected border turns at the centre of the last pixel in torch with
# align_corners, else at its edge; coremltools calls the first "reflection", the second "symmetric"; it writes no other.
_PADDINGS = {
    ("constant", True): "zeros",
    ("constant", False): "zeros",
    ("border", True): "border",
    ("border", False): "border",
    ("reflection", True): "reflection",
    ("symmetric", False): "reflection",
}


def resample(
    x: Tensor,
    coordinates: Tensor,
    sampling_mode: str,
    padding_mode: str,
    padding_value: float,
    coordinates_mode: str,
    align_corners: bool,
) -> Tensor:
    """Samples x [B, C, H, W] at coordinates [B, h, w, 2], x first -> [B, C, h, w]."""
    padding = _PADDINGS.get((padding_mode, align_corners))
    if padding is None:
        raise Unsupported(f"padding_mode {padding_mode!r} with align_corners {align_corners} is not evaluated")
    grid = coordinates.to(torch.float32)
    if coordinates_mode == "normalized_zero_to_one":
        grid = 2 * grid - 1
    elif coordinates_mode == "unnormalized":
        if not align_corners:
            raise Unsupported("the documentation does not say where unnormalized coordinates lie without align_corners")
        height, width = x.shape[2:]
        grid = grid * 2 / torch.tensor([max(1, width - 1), max(1, height - 1)]) - 1
    sampled = F.grid_sample(x, grid, sampling_mode, padding, align_corners)
    if padding_mode != "constant" or padding_value == 0:
        return sampled
    inside = F.grid_sample(torch.ones_like(x[:, :1]), grid, sampling_mode, padding, align_corners)
    return sampled + padding_value * (1 - inside)


_FUNCTIONS = (
    reshape, transpose, expand_dims, squeeze, concat, stack, split, tile, pixel_shuffle,
    slice_by_index, slice_by_size, crop, pad,
    gather, gather_along_axis,
    quantize, dequantize,
    upsample_nearest_neighbor, upsample_bilinear, resize_bilinear, resample,
)  # fmt: skip

LAYOUT: dict[str, Function] = {function.__name__: function for function in _FUNCTIONS}
