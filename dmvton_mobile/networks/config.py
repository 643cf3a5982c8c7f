"""The config that builds a network again: its name, its widths after pruning, and its quantization."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from dmvton_mobile.networks.widths import Widths
from dmvton_mobile.records.base import Strict


class Calibration(Strict):
    """The pictures that the ranges of activations come from.

    Attributes:
        images: how many.
        digest: SHA-256 of their pixels.
    """

    images: Annotated[int, Field(ge=1)]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class AccuracyControl(Strict):
    """Layers were put back to float32 until the try-ons lost no more than `max_drop_db` of their PSNR.

    Attributes:
        max_drop_db: the bound, in decibels.
        images: how many it was measured on; none of them gave ranges.
        pairing: the garment tried on: the worn one, or another.
        float_db: mean PSNR in the garment's region of the float network.
        int8_db: the same, of the quantized network.
    """

    max_drop_db: Annotated[float, Field(gt=0)]
    images: Annotated[int, Field(ge=1)]
    pairing: Literal["paired", "unpaired"]
    float_db: float
    int8_db: float


class Quantization(Strict):
    """Weights in int8 per output channel, symmetric; activations in int8 per tensor, affine.

    Attributes:
        size: height and width that the graphs were traced with. The ranges hold for other sizes, the graphs do not.
        keep_float: patterns of layers that stay float32 besides those that always do, like `generator.up_2*`; see
            `quantization.float_layers`.
        trained: whether the network was trained with fake quantization.
        calibration: None before `quantization.calibrate`.
        accuracy_control: where layers were put back to float32 because try-ons lost too much.
    """

    size: tuple[int, int]
    keep_float: tuple[str, ...] = ()
    trained: bool = False
    calibration: Calibration | None = None
    accuracy_control: AccuracyControl | None = None


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Everything that builds a network again.

    Attributes:
        name: one of `network_names()`.
        condition_channels: 3 where the condition is the person's picture, 45 where it is the parser-based
            representation.
        align_corners: the convention of every sampling.
        fixed_size: the only (height, width) that the network takes; None for every multiple of 32.
        widths: channels of the layers that pruning narrowed.
        quantization: of a network whose layers compute in int8; None for a float network.
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
