"""`TryOnNetwork`: warp the garment, then generate and compose the try-on.

Sources: PF-AFN (https://arxiv.org/abs/2103.04559) section 3.3, DM-VTON (https://arxiv.org/abs/2308.13798) section 3.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from dmvton_mobile.contract import MASK_THRESHOLD, SIZE_MULTIPLE, SMALLEST_SIZE
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks.config import NetworkConfig
from dmvton_mobile.networks.warp import LEVELS, WarpModule


class TryOnOutput(NamedTuple):
    """All [B, ., H, W] float32. tryon, warped_garment, rendered: RGB in [-1, 1]; warped_mask, composition: [0, 1];
    flow: a grid.

    tryon = warped_garment * composition + rendered * (1 - composition).
    """

    tryon: Tensor
    warped_garment: Tensor
    warped_mask: Tensor
    flow: Tensor
    composition: Tensor
    rendered: Tensor


class GarmentFeatures(NamedTuple):
    """What a frame needs of a garment.

    picture [B, 4, H, W]: the garment times its mask, and the mask in {0, 1}. pyramid: [B, 256, h, w], coarse to fine.
    """

    picture: Tensor
    pyramid: list[Tensor]


class TryOnNetwork(nn.Module):
    """A warp module and a generator under one forward; see `forward` for shapes and ranges."""

    garment_maps = LEVELS  # how many maps a frame needs of the garment's pyramid

    def __init__(self, config: NetworkConfig, warp: WarpModule, generator: nn.Module):
        super().__init__()
        self.config = config
        self.warp = warp
        self.generator = generator

    def encode_garment(self, garment: Tensor, garment_mask: Tensor) -> GarmentFeatures:
        """Garment [B, 3, H, W] in [-1, 1] and mask [B, 1, H, W] in [0, 1] (in the garment above 0.5) -> what frames
        need of it."""
        self.check_size(garment, "garment")
        self.check_size(garment_mask, "garment_mask")
        mask = torch.ceil(garment_mask - MASK_THRESHOLD)  # 1 above the threshold; every runtime's delegate has ceil
        garment = garment * mask
        return GarmentFeatures(self.warp.aflow_net.operations.picture(garment, mask), self.warp.encode_garment(garment))

    def forward(
        self,
        person: Tensor,
        garment: Tensor | None = None,
        garment_mask: Tensor | None = None,
        *,
        garment_features: GarmentFeatures | None = None,
        preserved: Tensor | None = None,
        arms: Tensor | None = None,
    ) -> TryOnOutput:
        """Tries the garment on.

        person: RGB [B, 3, H, W] in [-1, 1]; for a parser-based network the 45-channel representation instead, with
        preserved [B, 3, H, W] (face, hair, other clothes, hands; 0 elsewhere) and arms [B, 1, H, W] (their visible
        region).
        garment: RGB [B, 3, H, W] in [-1, 1]; garment_mask [B, 1, H, W] in [0, 1]; or `garment_features` from
        `encode_garment`.
        """
        self.check_person(person)
        garment_features = garment_features or self.encode(garment, garment_mask)
        flow = self.warp.aflow_net(garment_features.pyramid, self.warp.encode_condition(person)).flows[-1]
        warped, warped_mask = self.warp.aflow_net.operations.warp_picture(garment_features.picture, flow)
        if self.config.parser_free:
            return self.compose(torch.cat([person, warped, warped_mask], 1), warped, warped_mask, flow)
        if preserved is None or arms is None:
            raise DmvtonError(f"{self.config.name} is parser-based: pass preserved [B, 3, H, W] and arms [B, 1, H, W].")
        return self.compose(torch.cat([preserved, warped, warped_mask, arms], 1), warped, warped_mask, flow)

    def encode(self, garment: Tensor | None, garment_mask: Tensor | None) -> GarmentFeatures:
        """`encode_garment` of what `forward` was given in place of garment features."""
        if garment is None or garment_mask is None:
            raise DmvtonError("Pass garment and garment_mask, or garment_features from encode_garment.")
        return self.encode_garment(garment, garment_mask)

    def check_person(self, person: Tensor) -> None:
        """Raises DmvtonError unless this network takes the size and the channels."""
        self.check_size(person, "person")
        channels = self.config.condition_channels
        if person.shape[1] != channels:
            raise DmvtonError(f"{self.config.name} takes {channels} person channels; these are {person.shape[1]}.")

    def compose(self, generator_input: Tensor, warped: Tensor, warped_mask: Tensor, flow: Tensor) -> TryOnOutput:
        """Generates from [B, 7 or 8, H, W] and composes: the rendered picture where the garment is not."""
        generated = self.generator(generator_input)
        rendered, composition = torch.tanh(generated[:, :3]), torch.sigmoid(generated[:, 3:]) * warped_mask
        tryon = warped * composition + rendered * (1.0 - composition)
        return TryOnOutput(tryon, warped, warped_mask, flow, composition, rendered)

    def check_size(self, tensor: Tensor, what: str) -> None:
        """Raises DmvtonError unless H and W are what this network takes."""
        height, width = tensor.shape[-2:]
        fixed = self.config.fixed_size
        if fixed and (height, width) != fixed:
            raise DmvtonError(f"{self.config.name} takes exactly {fixed[0]}x{fixed[1]}; {what} is {height}x{width}.")
        if height % SIZE_MULTIPLE or width % SIZE_MULTIPLE or min(height, width) < SMALLEST_SIZE:
            raise DmvtonError(
                f"{self.config.name} takes heights and widths that are multiples of {SIZE_MULTIPLE}, "
                f"{SMALLEST_SIZE} or more; {what} is {height}x{width}."
            )
