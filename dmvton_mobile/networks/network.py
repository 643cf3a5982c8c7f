"""`TryOnNetwork`: warp the garment, then generate and compose the try-on.

Sources: PF-AFN (https://arxiv.org/abs/2103.04559) section 3.3, DM-VTON (https://arxiv.org/abs/2308.13798) section 3.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from dmvton_mobile.contract import MASK_THRESHOLD, SIZE_MULTIPLE, SMALLEST_SIZE
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks.config import NetworkConfig
from dmvton_mobile.networks.flow import ChannelTrace, FlowOperations
from dmvton_mobile.networks.warp import LEVELS, PyramidWarp, WarpModule

FLOW_HEAD = "a flow head: int8 would move samples by up to half a pixel"


class TryOnOutput(NamedTuple):
    """A try-on and what it is composed of: tryon = warped_garment * composition + rendered * (1 - composition).

    Attributes:
        tryon: RGB [B, 3, H, W] in [-1, 1].
        warped_garment: RGB [B, 3, H, W] in [-1, 1], 0 outside the garment.
        warped_mask: [B, 1, H, W] in [0, 1].
        flow: sampling grid [B, 2, H, W], x then y; see `networks/flow.py`.
        composition: the garment's share of each pixel, [B, 1, H, W] in [0, 1].
        rendered: what the generator painted, RGB [B, 3, H, W] in [-1, 1].
    """

    tryon: Tensor
    warped_garment: Tensor
    warped_mask: Tensor
    flow: Tensor
    composition: Tensor
    rendered: Tensor


class GarmentFeatures(NamedTuple):
    """What a frame needs of a garment; computed once per garment.

    Attributes:
        picture: the garment times its mask, and the mask in {0, 1}, [B, 4, H, W].
        pyramid: feature maps [B, C, h, w], coarse to fine; C is 256 in the papers' networks.
    """

    picture: Tensor
    pyramid: list[Tensor]


class WarpedGarment(NamedTuple):
    """garment [B, 3, H, W] in [-1, 1], mask [B, 1, H, W] in [0, 1], and the flow [B, 2, H, W] that moved both."""

    garment: Tensor
    mask: Tensor
    flow: Tensor


class TryOnNetwork(nn.Module, ABC):
    """A warp module and a generator under one forward; see `forward` for shapes and ranges.

    What quantization, pruning, conversion and training need to know of a network stands here as class attributes and
    methods, so that none of them asks which class it has. The flow estimator and the warp module have theirs:
    `warp.aflow_net.kind`, `warp.aflow_net.float32_only`, `warp.fresh_in_student`.

    Attributes:
        garment_maps: how many feature maps of the garment a frame needs.
        quantized_modules: paths of the modules that int8 covers: traceable parts made of convolutions, between which
            the network matches, warps and composes. Empty: the network cannot be quantized.
        float32_layers: convolutions within `quantized_modules` that stay float32 in int8 -> the reason. Flow heads
            always do; see `float32_reasons`.
        compared_layers: convolutions whose outputs are multiplied with another's, channel by channel. Pruning removes
            the channels of both together.
    """

    garment_maps: ClassVar[int] = LEVELS
    quantized_modules: ClassVar[tuple[str, ...]] = ()
    float32_layers: ClassVar[Mapping[str, str]] = {}
    compared_layers: ClassVar[tuple[str, ...]] = ()

    def __init__(self, config: NetworkConfig, warp: WarpModule, generator: nn.Module):
        super().__init__()
        self.config = config
        self.warp = warp
        self.generator = generator

    @property
    def operations(self) -> FlowOperations:
        """Warp, composition and cost volume of the flow estimator; assign a variant to replace them."""
        return self.warp.aflow_net.operations

    @operations.setter
    def operations(self, operations: FlowOperations) -> None:
        self.warp.aflow_net.operations = operations

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

        Args:
            person: RGB [B, 3, H, W] in [-1, 1]; for a parser-based network the 45-channel representation instead.
            garment: RGB [B, 3, H, W] in [-1, 1].
            garment_mask: [B, 1, H, W] in [0, 1]; garment where it is above 0.5.
            garment_features: what `encode_garment` returned, in place of garment and garment_mask.
            preserved: face, hair, other clothes and hands, 0 elsewhere, [B, 3, H, W]; parser-based networks only.
            arms: the visible region of the arms, [B, 1, H, W]; parser-based networks only.

        Raises:
            DmvtonError: a size or a number of channels that this network does not take, or a missing input.
        """
        self.check_size(person, "person")
        channels = self.config.condition_channels
        if person.shape[1] != channels:
            raise DmvtonError(f"{self.config.name} takes {channels} person channels; these are {person.shape[1]}.")
        if garment_features is None:
            if garment is None or garment_mask is None:
                raise DmvtonError("Pass garment and garment_mask, or garment_features from encode_garment.")
            garment_features = self.encode_garment(garment, garment_mask)
        return self.dress(person, garment_features, preserved, arms)

    def encode_garment(self, garment: Tensor, garment_mask: Tensor) -> GarmentFeatures:
        """Computes what every frame with this garment needs.

        Args:
            garment: RGB [B, 3, H, W] in [-1, 1].
            garment_mask: [B, 1, H, W] in [0, 1]; garment where it is above 0.5.

        Raises:
            DmvtonError: a size that this network does not take.
        """
        self.check_size(garment, "garment")
        self.check_size(garment_mask, "garment_mask")
        mask = torch.ceil(garment_mask - MASK_THRESHOLD)  # 1 above the threshold; every runtime's delegate has ceil
        garment = garment * mask
        return GarmentFeatures(self.operations.picture(garment, mask), self.garment_pyramid(garment, mask))

    @abstractmethod
    def garment_pyramid(self, garment: Tensor, mask: Tensor) -> list[Tensor]:
        """The feature maps of a garment [B, 3, H, W], multiplied by its mask [B, 1, H, W] in {0, 1}; coarse to fine."""

    def dress(
        self, person: Tensor, features: GarmentFeatures, preserved: Tensor | None, arms: Tensor | None
    ) -> TryOnOutput:
        """`forward` of checked inputs and encoded garment features: warp, generate, compose."""
        garment, mask, flow = self.warp_garment(person, features)
        if self.config.parser_free:
            return self.compose(torch.cat([person, garment, mask], 1), garment, mask, flow)
        if preserved is None or arms is None:
            raise DmvtonError(f"{self.config.name} is parser-based: pass preserved [B, 3, H, W] and arms [B, 1, H, W].")
        return self.compose(torch.cat([preserved, garment, mask, arms], 1), garment, mask, flow)

    def warp_garment(self, condition: Tensor, features: GarmentFeatures) -> WarpedGarment:
        """Warps the garment onto the person.

        Args:
            condition: the person's picture [B, 3, H, W] in [-1, 1], or the parser-based representation [B, 45, H, W].
            features: of `encode_garment`.
        """
        flow = self.warp.aflow_net(features.pyramid, self.warp.encode_condition(condition)).flows[-1]
        return WarpedGarment(*self.operations.warp_picture(features.picture, flow), flow)

    def compose(self, generator_input: Tensor, warped: Tensor, warped_mask: Tensor, flow: Tensor) -> TryOnOutput:
        """Generates from [B, 7 or 8, H, W] and composes: the rendered picture where the garment is not."""
        generated = self.generator(generator_input)
        rendered, composition = torch.tanh(generated[:, :3]), torch.sigmoid(generated[:, 3:]) * warped_mask
        tryon = warped * composition + rendered * (1.0 - composition)
        return TryOnOutput(tryon, warped, warped_mask, flow, composition, rendered)

    def check_size(self, tensor: Tensor, name: str) -> None:
        """Raises DmvtonError, naming the input, unless this network takes its height and width."""
        height, width = tensor.shape[-2:]
        fixed = self.config.fixed_size
        if fixed and (height, width) != fixed:
            raise DmvtonError(f"{self.config.name} takes exactly {fixed[0]}x{fixed[1]}; {name} is {height}x{width}.")
        if height % SIZE_MULTIPLE or width % SIZE_MULTIPLE or min(height, width) < SMALLEST_SIZE:
            raise DmvtonError(
                f"{self.config.name} takes heights and widths that are multiples of {SIZE_MULTIPLE}, "
                f"{SMALLEST_SIZE} or more; {name} is {height}x{width}."
            )

    def float32_reasons(self) -> dict[str, str]:
        """Every layer that stays float32 in int8, whatever a user chooses -> the reason."""
        heads = set(self.warp.aflow_net.offset_layers())
        return {name: FLOW_HEAD for name, layer in self.named_modules() if layer in heads} | dict(self.float32_layers)

    def output_layers(self) -> list[nn.Conv2d]:
        """The convolutions whose outputs are an offset or a picture; pruning leaves their output channels."""
        return [*self.warp.aflow_net.offset_layers(), self.picture_layer()]

    def picture_layer(self) -> nn.Conv2d:
        """The generator's last convolution, whose output is the rendered picture and the composition."""
        return [layer for layer in self.generator.modules() if isinstance(layer, nn.Conv2d)][-1]

    def trace_channels(self, person: Tensor, garment: Tensor, garment_mask: Tensor) -> list[Tensor]:
        """A forward that only shows which channels feed which, for the dependency graph of pruning.

        Warps return the map they sample, and two maps that are compared channel by channel are tied by a sum, so that
        autograd's graph holds every dependency between channels. The values mean nothing.

        Args:
            person: [1, 3, H, W].
            garment: [1, 3, H, W].
            garment_mask: [1, 1, H, W].

        Returns:
            Every tensor that the graph must reach.
        """
        operations = self.operations
        self.operations = trace = ChannelTrace()
        try:
            return [*self(person, garment, garment_mask), *trace.tied]
        finally:
            self.operations = operations


class PaperNetwork(TryOnNetwork):
    """A network of the papers: two pyramids, a coarse-to-fine flow, a generator that takes 7 or 8 channels."""

    warp: PyramidWarp

    def garment_pyramid(self, garment: Tensor, mask: Tensor) -> list[Tensor]:
        """Five maps [B, 256, h, w] of the masked garment; the mask itself is not looked at."""
        return self.warp.encode_garment(garment)
