"""The loss of a compressed network against the network it was made from. Ours."""

from dmvton_mobile.networks import TryOnOutput
from dmvton_mobile.networks.flow import pixel_scale
from training.losses.common import Losses

TRYON_WEIGHT, RENDERED_WEIGHT, COMPOSITION_WEIGHT = 2.0, 0.5, 0.5
FLOW_WEIGHT = 0.05  # per pixel


def self_distillation_losses(output: TryOnOutput, original: TryOnOutput) -> Losses:
    """2 mean |dp| + 0.05 mean_m |df|_1 + 0.5 mean |dc| + 0.5 mean |dr|.

    The differences are those of the try-on p, the flow f, the composition c and the rendered picture r between the two
    networks. The flow's counts in pixels, where the original's garment lies (m).

    Args:
        output: of the compressed network.
        original: of the network it was made from, for the same inputs.
    """
    height, width = original.flow.shape[2:]
    scale = pixel_scale(original.flow, (height, width))
    distance = ((output.flow - original.flow) * scale).abs().sum(1, keepdim=True)
    garment = original.warped_mask.detach()
    return {
        "distilled_tryon": TRYON_WEIGHT * (output.tryon - original.tryon).abs().mean(),
        "distilled_flow": FLOW_WEIGHT * (distance * garment).sum() / garment.sum().clamp(min=1),
        "distilled_composition": COMPOSITION_WEIGHT * (output.composition - original.composition).abs().mean(),
        "distilled_rendered": RENDERED_WEIGHT * (output.rendered - original.rendered).abs().mean(),
    }
