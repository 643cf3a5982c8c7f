"""Flow operations for runtimes that have a bilinear sampler of their own: Core ML, and ExecuTorch's Vulkan delegate."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from dmvton_mobile.networks.flow import FlowOperations


@dataclass(frozen=True)
class NativeSamplerOperations(FlowOperations):
    """The reference operations, with the garment and its mask in one warp.

    The reference warps them separately, since the garment repeats its border and the mask is zero outside. Vulkan's
    sampler can only repeat borders, so the picture gets a margin that makes repeating right for both.
    """

    def picture(self, garment: Tensor, garment_mask: Tensor) -> Tensor:
        """The garment and its mask with a margin of one pixel.

        Beyond that pixel neither changes any more: the margin repeats the garment's border and is zero for the mask.

        Args:
            garment: [B, 3, H, W].
            garment_mask: [B, 1, H, W].

        Returns:
            [B, 4, H + 2, W + 2].
        """
        garment = torch.cat([garment[..., :1], garment, garment[..., -1:]], 3)
        garment = torch.cat([garment[:, :, :1], garment, garment[:, :, -1:]], 2)
        return torch.cat([garment, F.pad(garment_mask, (1, 1, 1, 1))], 1)

    def warp_picture(self, picture: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
        """Garment [B, 3, h, w] and mask [B, 1, h, w], sampled at once from what `picture` returned."""
        height, width = picture.shape[2] - 2, picture.shape[3] - 2
        edge = 1 if self.align_corners else 0  # -1 and 1 are the centres of the outer pixels, or their outer edges
        shrink = torch.tensor([(width - edge) / (width + 2 - edge), (height - edge) / (height + 2 - edge)])
        warped = self.warp(picture, flow * shrink.view(1, 2, 1, 1))
        return warped[:, :3], warped[:, 3:]
