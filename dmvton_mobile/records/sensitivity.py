"""`sensitivity.json`: how much int8 quantization of each layer costs. `dmvton compress` writes it, its report reads it.

A quantized network is measured by its deviation from the float network: PSNR between their try-ons, distance between
their flows. So no ground truth is needed. The end-point error grows at most by the distance of the flows.
"""

from typing import Annotated, Literal

from pydantic import Field

from dmvton_mobile.records.base import Record, Strict


class Search(Strict):
    """The deviation from the float network that quantization may cause, and how it is measured.

    Attributes:
        psnr_db: Lowest PSNR of the try-ons.
        flow_px: Largest mean distance of the flows where the garment lies, in pixels.
        images: Number of images.
        threads: CPU threads with which convolutions are timed.
    """

    psnr_db: Annotated[float, Field(gt=0)] = 38.0
    flow_px: Annotated[float, Field(gt=0)] = 0.3
    images: Annotated[int, Field(ge=1)] = 16
    threads: Annotated[int, Field(ge=1)] = 2


class Deviation(Strict):
    """Deviation of a quantized network from the float network, means over images.

    Attributes:
        psnr_db: PSNR between their try-ons.
        flow_px: Distance between their flows, in pixels.
    """

    psnr_db: float
    flow_px: float

    def within(self, search: Search) -> bool:
        """Whether the search allows this deviation."""
        return self.psnr_db >= search.psnr_db and self.flow_px <= search.flow_px


class LayerSensitivity(Strict):
    """Cost and gain of quantizing one layer.

    Attributes:
        layer: Name of the layer.
        alone: Deviation with only this layer quantized.
        saved_bytes: Of its weights.
        saved_ms: Of a frame: its convolution timed alone in ONNX Runtime, float32 less int8; None if no frame runs it.
    """

    layer: str
    alone: Deviation
    saved_bytes: int
    saved_ms: float | None


class Trial(Strict):
    """One step of the search.

    Attributes:
        kept: Number of the most sensitive layers that stay float32; all others are quantized.
        distance: Deviation of that network.
    """

    kept: int
    distance: Deviation


class Sensitivity(Record):
    """Content of `sensitivity.json`.

    Attributes:
        network: Name of the network.
        search: The allowed deviation.
        layers: The most sensitive first.
        trials: In the order in which they were made.
        proposed: Layers that should stay float32, besides those that always do.
        reached: Deviation with the proposed layers in float32.
    """

    schema_version: Literal[1] = 1
    network: str
    search: Search
    layers: tuple[LayerSensitivity, ...]
    trials: tuple[Trial, ...]
    proposed: tuple[str, ...]
    reached: Deviation
