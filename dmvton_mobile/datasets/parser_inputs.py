"""The inputs of the parser-based networks (tutors and teachers), made from a batch of samples.

Channels and their order are those that the published networks were trained with.
"""

import torch
from torch import Tensor

from dmvton_mobile.datasets.sample import DENSEPOSE_IDS, DataError, DensePosePart, Label, TryOnSample

POSE_RADIUS = 5  # pixels that a keypoint's square reaches to each side
FACE = (Label.HAIR, Label.FACE)
OTHER_CLOTHES = (Label.LEFT_SHOE, Label.RIGHT_SHOE, Label.PANTS, Label.LEFT_LEG, Label.RIGHT_LEG)
ARMS = (Label.LEFT_ARM, Label.RIGHT_ARM)
HANDS = (DensePosePart.RIGHT_HAND, DensePosePart.LEFT_HAND)
BARE_ARMS = range(DensePosePart.LEFT_UPPER_ARM, DensePosePart.RIGHT_FOREARM_INNER + 1)


def person_clothes(batch: TryOnSample) -> tuple[Tensor, Tensor]:
    """The upper garment as the person wears it.

    Returns:
        The garment's pixels of the person's picture, [B, 3, H, W] in [-1, 1] and 0 elsewhere, and where they are,
        [B, 1, H, W] in {0, 1}.

    Raises:
        DataError: A sample has no label map.
    """
    mask = _mask(_label(batch), (Label.UPPER_CLOTHES,))
    return batch.person * mask, mask


def warp_condition(batch: TryOnSample) -> Tensor:
    """What the warp of a parser-based network is conditioned on.

    Returns:
        [B, 45, H, W]: face and hair (1 channel); other clothes, legs and shoes (1); the 25 DensePose ids one by one;
        the 18 keypoints. Values are in {0, 1}, of keypoints in {-1, 1}.

    Raises:
        DataError: A sample has no label map, DensePose map or pose.
    """
    if batch.pose is None:
        raise _missing("poses")
    label, densepose = _label(batch), _densepose(batch)
    preserved = [_mask(label, FACE), _mask(label, OTHER_CLOTHES)]
    body_parts = densepose[:, None] == torch.arange(DENSEPOSE_IDS, device=densepose.device)[:, None, None]
    height, width = batch.person.shape[2:]
    return torch.cat([*preserved, body_parts.float(), pose_maps(batch.pose, (height, width))], 1)


def generator_input(batch: TryOnSample, warped_garment: Tensor, warped_mask: Tensor, covered: Tensor) -> Tensor:
    """What the generator of a parser-based network is fed.

    Args:
        batch: The people.
        warped_garment: [B, 3, H, W] in [-1, 1].
        warped_mask: [B, 1, H, W].
        covered: Where the garment hides arms, [B, 1, H, W]: while the network itself is trained, the mask of
            `person_clothes`; while it makes pictures for a student, the warped mask of the unpaired garment.

    Returns:
        [B, 8, H, W]: what is preserved of the person's picture (3 channels), the warped garment (3) and its mask (1),
        bare arms (1).

    Raises:
        DataError: A sample has no label map or DensePose map.
    """
    label, densepose = _label(batch), _densepose(batch)
    hands = _mask(label, ARMS) * _mask(densepose, HANDS)
    preserved = batch.person * (_mask(label, FACE) + _mask(label, OTHER_CLOTHES) + hands)
    arms = _mask(densepose, BARE_ARMS) * (1 - covered)
    return torch.cat([preserved, warped_garment, warped_mask, arms], 1)


def pose_maps(pose: Tensor, size: tuple[int, int]) -> Tensor:
    """One map per keypoint: 1 in the 11x11 pixels around it, else -1; all -1 where x or y is at most 1.

    Corners are cut to whole pixels and clipped at the border.

    Args:
        pose: [B, 18, 3], x and y in pixels and confidence.
        size: (H, W) of the maps.

    Returns:
        [B, 18, H, W] in {-1, 1}.
    """
    x, y = pose[..., 0], pose[..., 1]
    columns = _reached(x, size[1])[:, :, None, :]
    rows = _reached(y, size[0])[:, :, :, None]
    found = ((x > 1) & (y > 1))[..., None, None]
    return (columns & rows & found).to(pose.dtype) * 2 - 1


def _reached(centre: Tensor, length: int) -> Tensor:
    """Which of the pixels 0 to length - 1 the square around each centre reaches: [B, 18, length]."""
    pixels = torch.arange(length, device=centre.device)
    first, last = (centre - POSE_RADIUS).trunc(), (centre + POSE_RADIUS).trunc()
    return (pixels >= first[..., None]) & (pixels <= last[..., None])


def _mask(ids: Tensor, wanted: tuple[int, ...] | range) -> Tensor:
    """Where ids [B, H, W] are one of those wanted: float32 [B, 1, H, W]."""
    return torch.isin(ids, torch.tensor(list(wanted), dtype=ids.dtype, device=ids.device))[:, None].float()


def _label(batch: TryOnSample) -> Tensor:
    if batch.label is None:
        raise _missing("label maps")
    return batch.label


def _densepose(batch: TryOnSample) -> Tensor:
    if batch.densepose is None:
        raise _missing("DensePose maps")
    return batch.densepose


def _missing(what: str) -> DataError:
    return DataError(f"Parser-based networks need {what}, and not all samples of this batch have them. Add them first.")
