"""The components that a network is exported as, and their contracts; they take and return RGB in [0, 1]."""

from dataclasses import dataclass
from typing import assert_never

import torch
from torch import Tensor, nn

from dmvton_mobile.contract import (
    DEFAULT_SIZE,
    Component,
    ComponentContract,
    Kind,
    Layout,
    TensorContract,
    tensor_contract,
    to_signed,
    to_unit,
)
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import GarmentFeatures, TryOnNetwork, TryOnOutput

OUTPUT_NAMES = ("tryon", "flow", "composition", "rendered")
GARMENT_NAMES = ("garment", "garment_mask")
_FEATURES = "garment_features"


def feature_names(network: TryOnNetwork) -> tuple[str, ...]:
    """The tensors from garment_encoder to tryon: the garment's picture and its feature maps, coarse to fine."""
    return ("garment_picture", *(f"{_FEATURES}_{level}" for level in range(network.garment_maps)))


def input_names(network: TryOnNetwork, component: Component) -> tuple[str, ...]:
    """The names of a component's inputs, in order."""
    match component:
        case Component.GARMENT_ENCODER:
            return GARMENT_NAMES
        case Component.TRYON:
            return ("person", *feature_names(network))
        case Component.WHOLE:
            return ("person", *GARMENT_NAMES)
        case _:
            assert_never(component)


def output_names(network: TryOnNetwork, component: Component) -> tuple[str, ...]:
    """The names of a component's outputs, in order."""
    return feature_names(network) if component is Component.GARMENT_ENCODER else OUTPUT_NAMES


@dataclass(frozen=True)
class Layouts:
    """The native layouts of an artifact.

    Attributes:
        pictures: of pictures, masks and the flow.
        features: of the garment's picture and feature maps.
    """

    pictures: Layout = Layout.NCHW
    features: Layout = Layout.NCHW

    def of(self, name: str) -> Layout:
        """The layout of the tensor of that name."""
        return self.features if name == "garment_picture" or name.startswith(_FEATURES) else self.pictures


class ComponentGraph(nn.Module):
    """One component of a network as a module of positional tensors, each in its contract's layout and order.

    Args:
        network: parser-free, else DmvtonError.
        component: the part of it.
        layouts: of its inputs and outputs.
    """

    def __init__(self, network: TryOnNetwork, component: Component, layouts: Layouts):
        super().__init__()
        if not network.config.parser_free:
            raise DmvtonError(
                f"{network.config.name} needs a parser's representation of the person, which no phone has: "
                "convert a student, which was distilled so that it needs none."
            )
        self.network = network
        self.component = component
        self.layouts = layouts

    def forward(self, *native: Tensor) -> tuple[Tensor, ...]:
        """Runs the component on inputs in the native layout; the outputs are in it, too, and float32."""
        names = input_names(self.network, self.component)
        inputs = {name: _to_nchw(value, self.layouts.of(name)) for name, value in zip(names, native, strict=True)}
        outputs = dict(zip(output_names(self.network, self.component), self._run(inputs), strict=True))
        return tuple(_from_nchw(value, self.layouts.of(name)) for name, value in outputs.items())

    def _run(self, inputs: dict[str, Tensor]) -> tuple[Tensor, ...]:
        match self.component:
            case Component.GARMENT_ENCODER:
                features = self._encode(inputs)
                return (features.picture, *features.pyramid)
            case Component.TRYON:
                picture, *pyramid = (inputs[name] for name in feature_names(self.network))
                features = GarmentFeatures(picture, pyramid)
            case Component.WHOLE:
                features = self._encode(inputs)
            case _:
                assert_never(self.component)
        output: TryOnOutput = self.network(to_signed(inputs["person"]), garment_features=features)
        return to_unit(output.tryon), output.flow, output.composition, to_unit(output.rendered)

    def _encode(self, inputs: dict[str, Tensor]) -> GarmentFeatures:
        return self.network.encode_garment(to_signed(inputs["garment"]), inputs["garment_mask"])


@dataclass(frozen=True)
class ComponentExample:
    """A component's graph with example inputs.

    Attributes:
        graph: the component.
        inputs: in the native layout.
        contract: of the graph, from running it on the inputs.
    """

    graph: ComponentGraph
    inputs: tuple[Tensor, ...]
    contract: ComponentContract


def component_examples(
    network: TryOnNetwork,
    components: tuple[Component, ...],
    layouts: Layouts | None = None,
    size: tuple[int, int] = DEFAULT_SIZE,
) -> list[ComponentExample]:
    """The graph of every component, with random pictures as inputs.

    Args:
        network: parser-free, in eval mode.
        components: to build, in this order. tryon gets the features that garment_encoder computes.
        layouts: native layouts; NCHW unless given.
        size: height and width of the pictures.
    """
    layouts = layouts or Layouts()
    random = torch.Generator().manual_seed(0)
    channels = {"person": 3, "garment": 3, "garment_mask": 1}
    values = {name: torch.rand(1, count, *size, generator=random) for name, count in channels.items()}
    tensors = {name: _from_nchw(value, layouts.of(name)).contiguous() for name, value in values.items()}
    examples = {}
    needed = (Component.GARMENT_ENCODER, *components) if Component.TRYON in components else components
    for component in dict.fromkeys(needed):
        graph = ComponentGraph(network, component, layouts).eval()
        takes, returns = input_names(network, component), output_names(network, component)
        inputs = tuple(tensors[name] for name in takes)
        with torch.no_grad():
            outputs = dict(zip(returns, graph(*inputs), strict=True))
        tensors |= {name: value.contiguous() for name, value in outputs.items()}
        contract = ComponentContract(
            component=component,
            inputs=tuple(_contract(name, tensors[name], layouts) for name in takes),
            outputs=tuple(_contract(name, value, layouts) for name, value in outputs.items()),
        )
        examples[component] = ComponentExample(graph, inputs, contract)
    return [examples[component] for component in components]


def peak(tensor: TensorContract) -> float | None:
    """The peak value of a tensor for PSNR: 1 for pictures and masks, 2 for flows, None for features of any range."""
    return {Kind.RGB: 1.0, Kind.MASK: 1.0, Kind.FLOW: 2.0}.get(tensor.kind)


def _contract(name: str, value: Tensor, layouts: Layouts) -> TensorContract:
    batch, second, third, fourth = value.shape
    return tensor_contract(name, layouts.of(name), (batch, second, third, fourth))


def _to_nchw(native: Tensor, layout: Layout) -> Tensor:
    return native.permute(0, 3, 1, 2) if layout is Layout.NHWC else native


def _from_nchw(value: Tensor, layout: Layout) -> Tensor:
    value = value if value.dtype == torch.float32 else value.float()
    return value.permute(0, 2, 3, 1) if layout is Layout.NHWC else value
