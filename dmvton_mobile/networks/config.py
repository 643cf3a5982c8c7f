"""What it takes to build a network again: its name, and what compression made of it."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from dmvton_mobile.networks.widths import Widths
from dmvton_mobile.records.base import Strict


class Calibration(Strict):
    """The pictures that the ranges of activations come from. digest: of their names and bytes."""

    images: Annotated[int, Field(ge=1)]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class AccuracyControl(Strict):
    """Layers were put back to float32 until the try-ons lost no more than `max_drop_db` of their PSNR in decibels.

    images: that it was measured on, none of which gave ranges; pairing: in which garment, the worn one or another.
    float_db, int8_db: the mean over them, in the garment's region, of the float network and of what was made of it.
    """

    max_drop_db: Annotated[float, Field(gt=0)]
    images: Annotated[int, Field(ge=1)]
    pairing: Literal["paired", "unpaired"]
    float_db: float
    int8_db: float


class Quantization(Strict):
    """Weights in int8 per output channel, symmetric; activations in int8 per tensor, affine.

    size: height and width of the pictures it was made with; ranges hold for others, the graphs do not. keep_float:
    patterns of layers that stay float32 beside those that always do (`quantization.float_layers`), like
    `generator.up_2*`. trained: whether the network was trained under it. calibration: None before
    `quantization.calibrate`. accuracy_control: where layers were put back to float32 by what try-ons lost.
    """

    size: tuple[int, int]
    keep_float: tuple[str, ...] = ()
    trained: bool = False
    calibration: Calibration | None = None
    accuracy_control: AccuracyControl | None = None


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """What it takes to build a network again, and what it takes in.

    condition_channels: 3 where the condition is the person's picture, 45 where it is the parser-based representation.
    fixed_size: the only (height, width) it takes, or None for every multiple of 32.
    widths: of the layers that pruning made narrower than the named network's. quantization: of a network whose layers
    compute in eight bits.
    """

    name: str
    condition_channels: int
    align_corners: bool = True
    fixed_size: tuple[int, int] | None = None
    widths: Widths = field(default_factory=dict)
    quantization: Quantization | None = None

    @property
    def parser_free(self) -> bool:
        """Whether the condition is the person's picture, so that no parser is needed at run time."""
        return self.condition_channels == 3

    @property
    def generator_channels(self) -> int:
        """What a generator of the papers takes: 7, or 8 with the arms of a parser-based network.

        Person or preserved region 3, warped garment 3, warped mask 1, arms 1.
        """
        return 7 if self.parser_free else 8
