"""What the parser-based networks (tutors and teachers) are fed, made of a batch of samples.

Channels and their order are those that the published ones were trained with.
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
    """The upper garment as worn, and where it is: [B, 3, H, W] in [-1, 1], 0 elsewhere; [B, 1, H, W] in {0, 1}."""
    mask = _mask(_label(batch), (Label.UPPER_CLOTHES,))
    return batch.person * mask, mask


def warp_condition(batch: TryOnSample) -> Tensor:
    """The 45 channels that the warp of a parser-based network is fed, [B, 45, H, W]: face and hair; other clothes,
    legs and shoes; the 25 DensePose ids one by one; the 18 keypoints. In {0, 1}, keypoints in {-1, 1}."""
    if batch.pose is None:
        raise _missing("poses")
    label, densepose = _label(batch), _densepose(batch)
    preserved = [_mask(label, FACE), _mask(label, OTHER_CLOTHES)]
    parts = densepose[:, None] == torch.arange(DENSEPOSE_IDS, device=densepose.device)[:, None, None]
    height, width = batch.person.shape[2:]
    return torch.cat([*preserved, parts.float(), pose_maps(batch.pose, (height, width))], 1)


def generator_input(batch: TryOnSample, warped_garment: Tensor, warped_mask: Tensor, covered: Tensor) -> Tensor:
    """The 8 channels that the generator of a parser-based network is fed, [B, 8, H, W]: what is kept of the person's
    picture (3), the warped garment (3) and mask (1), bare arms (1).

    warped_garment: [B, 3, H, W]. warped_mask, covered: [B, 1, H, W]. covered is where the garment hides arms: while the
    network itself is trained the mask of `person_clothes`, while it makes pictures for a student the warped mask of the
    unpaired garment.
    """
    label, densepose = _label(batch), _densepose(batch)
    hands = _mask(label, ARMS) * _mask(densepose, HANDS)
    kept = batch.person * (_mask(label, FACE) + _mask(label, OTHER_CLOTHES) + hands)
    arms = _mask(densepose, BARE_ARMS) * (1 - covered)
    return torch.cat([kept, warped_garment, warped_mask, arms], 1)


def pose_maps(pose: Tensor, size: tuple[int, int]) -> Tensor:
    """One map per keypoint: 1 in the 11x11 pixels around it, else -1; all -1 where x or y is at most 1.

    pose: [B, 18, 3] -> [B, 18, H, W]; size is (H, W). Corners are cut to whole pixels and clipped at the border.
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
