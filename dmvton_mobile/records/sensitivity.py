"""What is known of how eight bits hurt each layer: `sensitivity.json`, which `dmvton compress` writes and its report
reads.

A network in eight bits is judged by how far it goes from the float one: PSNR between their try-ons, distance between
their flows. So no truth is needed, and what holds for the distance holds for the end-point error: it grows by no more.
"""

from typing import Annotated, Literal

from pydantic import Field

from dmvton_mobile.records.base import Record, Strict


class Search(Strict):
    """What eight bits may cost, against the float network: the PSNR of its try-ons is at least psnr_db, the distance of
    its flows, where the garment lies, at most flow_px (pixels, mean). images: that it is judged on. threads: that
    convolutions are timed with."""

    psnr_db: Annotated[float, Field(gt=0)] = 38.0
    flow_px: Annotated[float, Field(gt=0)] = 0.3
    images: Annotated[int, Field(ge=1)] = 16
    threads: Annotated[int, Field(ge=1)] = 2


class Distance(Strict):
    """Of a network in eight bits from the float one, means over images."""

    psnr_db: float
    flow_px: float

    def within(self, search: Search) -> bool:
        return self.psnr_db >= search.psnr_db and self.flow_px <= search.flow_px


class LayerSensitivity(Strict):
    """One layer. alone: when only it is quantized. saved_bytes: of its weights. saved_ms: of a frame, by its
    convolution timed alone in float32 and in int8 in ONNX Runtime; None where no frame runs it."""

    layer: str
    alone: Distance
    saved_bytes: int
    saved_ms: float | None


class Trial(Strict):
    """The search: so many of the most sensitive layers float32, all others quantized."""

    kept: int
    distance: Distance


class Sensitivity(Record):
    """`sensitivity.json`. layers: the most sensitive first. proposed: what is to stay float32, beside what always does;
    reached: how far the network with these is."""

    schema_version: Literal[1] = 1
    network: str
    search: Search
    layers: tuple[LayerSensitivity, ...]
    trials: tuple[Trial, ...]
    proposed: tuple[str, ...]
    reached: Distance
