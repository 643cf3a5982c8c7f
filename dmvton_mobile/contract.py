"""The contract of every input and output: names, shapes, ranges, colour order, layout.

Converters, bundles, runtimes and apps take the tensors of an artifact from here. An app feeds RGB in [0, 1] and gets
RGB in [0, 1]: normalisation and the mask threshold are inside the graph.
"""

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar, assert_never

from pydantic import BaseModel, ConfigDict, Field

from dmvton_mobile.errors import DmvtonError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

Values = TypeVar("Values", "np.ndarray", "Tensor")

MASK_THRESHOLD = 0.5  # a garment mask counts as garment above this
SIZE_MULTIPLE = 32  # five stride-2 levels
SMALLEST_SIZE = 64  # a flow needs two pixels on its coarsest level
LARGEST_SIZE = 2048
DEFAULT_SIZE = (256, 192)  # height, width the published weights were trained at
ASPECT = (3, 4)  # width to height of the network's window

Length = Annotated[int, Field(ge=1, le=2**15)]  # along one axis of a picture or tensor


def to_signed(unit: Values) -> Values:
    """RGB in [0, 1], as files and apps have it -> RGB in [-1, 1], as networks take it. For tensors and NumPy arrays."""
    return unit * 2.0 - 1.0


def to_unit(signed: Values) -> Values:
    """RGB in [-1, 1] -> RGB in [0, 1]. For tensors and NumPy arrays."""
    return signed * 0.5 + 0.5


class Component(StrEnum):
    """The graphs that a network is exported as: the first two together, or the last alone."""

    GARMENT_ENCODER = "garment_encoder"  # once per garment
    TRYON = "tryon"  # once per frame
    WHOLE = "whole"  # both in one


class Components(StrEnum):
    """How a network is cut into components; `split` computes the garment's features once per garment."""

    SPLIT = "split"
    WHOLE = "whole"

    @property
    def members(self) -> tuple[Component, ...]:
        """The components, in the order they run."""
        match self:
            case Components.SPLIT:
                return Component.GARMENT_ENCODER, Component.TRYON
            case Components.WHOLE:
                return (Component.WHOLE,)
            case _:
                assert_never(self)


class Kind(StrEnum):
    """What the numbers mean."""

    RGB = "rgb"  # red, green, blue in [0, 1]
    MASK = "mask"  # coverage in [0, 1]
    FLOW = "flow"  # absolute sampling grid, x then y; -1 and 1 are the centres of the first and last pixel
    FEATURES = "features"  # what garment_encoder hands to tryon; opaque to an app


class Layout(StrEnum):
    """The order of a tensor's axes: batch (N), channels (C), height (H), width (W)."""

    NCHW = "nchw"
    NHWC = "nhwc"


class TensorContract(BaseModel):
    """One float32 tensor of an artifact.

    Attributes:
        name: as the artifact names it.
        kind: what the numbers mean.
        layout: the order of the axes.
        shape: in that order.
        description: for people.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Kind
    layout: Layout
    shape: tuple[Length, Length, Length, Length]
    description: str

    @property
    def nchw_shape(self) -> tuple[int, int, int, int]:
        """The shape in the order batch, channels, height, width."""
        batch, second, third, fourth = self.shape
        return self.shape if self.layout is Layout.NCHW else (batch, fourth, second, third)

    @property
    def value_range(self) -> tuple[float, float] | None:
        """Least and greatest value of a picture or a mask; None where the tensor has no fixed range."""
        return (0.0, 1.0) if self.kind in (Kind.RGB, Kind.MASK) else None


class ComponentContract(BaseModel):
    """The tensors of one artifact, in the order in which its runtime takes and returns them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    component: Component
    inputs: tuple[TensorContract, ...]
    outputs: tuple[TensorContract, ...]

    @property
    def input_names(self) -> list[str]:
        """The inputs' names, in order."""
        return [tensor.name for tensor in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """The outputs' names, in order."""
        return [tensor.name for tensor in self.outputs]


# name: (kind, description)
_MEANINGS = {
    "person": (Kind.RGB, "The person's picture, the network's 3:4 window of it."),
    "garment": (Kind.RGB, "The garment's flat picture, padded to 3:4; its background does not matter."),
    "garment_mask": (Kind.MASK, "Where the garment is: counts as garment above 0.5."),
    "garment_picture": (Kind.FEATURES, "The masked garment and its mask, ready to be sampled."),
    "tryon": (Kind.RGB, "The person wearing the garment."),
    "flow": (
        Kind.FLOW,
        "Where in the garment's picture each pixel of the person comes from: a sampling grid, x then y.",
    ),
    "composition": (Kind.MASK, "How much of each pixel is the warped garment; the rest is `rendered`."),
    "rendered": (Kind.RGB, "What the generator painted: everything that is not the warped garment."),
}


def tensor_contract(name: str, layout: Layout, shape: tuple[int, int, int, int]) -> TensorContract:
    """The contract of a tensor, by its name.

    Args:
        name: one that `components.py` gives; `garment_features_N` is level N of the garment's pyramid, coarse to fine.
        layout: of the artifact.
        shape: in that layout.
    """
    kind, description = _MEANINGS.get(name) or (
        Kind.FEATURES,
        f"Garment features, level {name.rpartition('_')[2]} of the pyramid.",
    )
    return TensorContract(name=name, kind=kind, layout=layout, shape=shape, description=description)


def parse_size(text: str) -> tuple[int, int]:
    """`256x192` -> (height, width). Raises DmvtonError for another form, or a size that no network takes."""
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    size = (int(found[1]), int(found[2])) if found else (0, 0)
    if any(side % SIZE_MULTIPLE or not SMALLEST_SIZE <= side <= LARGEST_SIZE for side in size):
        raise DmvtonError(
            f"{text!r} is no size: write HEIGHTxWIDTH, like 256x192, both multiples of {SIZE_MULTIPLE} "
            f"from {SMALLEST_SIZE} to {LARGEST_SIZE}."
        )
    return size


def size_text(size: tuple[int, int]) -> str:
    """(height, width) -> `256x192`."""
    return f"{size[0]}x{size[1]}"
