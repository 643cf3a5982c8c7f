"""Assembles the manifest of a new bundle: its network, its artifacts, and the tools and commit of the conversion."""

from dmvton_mobile.bundles.manifest import Artifact, Manifest
from dmvton_mobile.checkpoints.checkpoint import Card
from dmvton_mobile.contract import Components
from dmvton_mobile.networks.config import NetworkConfig, Quantization
from dmvton_mobile.utils.build import DISTRIBUTION, package_versions, source_commit

TOOLS = (
    "torch", "coremltools", "litert-torch", "ai-edge-litert", "executorch", "onnx", "onnxsim", "onnxruntime", "nncf",
)  # fmt: skip


def assemble_manifest(
    config: NetworkConfig,
    card: Card | None,
    *,
    size: tuple[int, int],
    components: Components,
    artifacts: tuple[Artifact, ...],
    golden: tuple[str, ...],
    quantization: Quantization | None = None,
) -> Manifest:
    """The manifest, still to be sealed.

    Args:
        config: The network's.
        card: Of its checkpoint; None for seeded weights.
        size: Height and width of the network's pictures.
        components: How the network is cut.
        artifacts: Those that were verified, in the order of conversion.
        golden: The files of recorded inputs and outputs.
        quantization: Of the artifacts in int8.
    """
    commit = source_commit()
    return Manifest(
        network=config.name,
        align_corners=config.align_corners,
        size=size,
        components=components,
        trained=bool(card and card.trained),
        training=card.training if card else None,
        quantization=quantization,
        licence=card.licence if card else None,
        artifacts=artifacts,
        golden=golden,
        tool_versions=package_versions((DISTRIBUTION, *TOOLS)),
        source_commit=str(commit) if commit else None,
    )
