"""The proof of an artifact: run in its runtime, compared output by output with the PyTorch network."""

from dataclasses import dataclass
from pathlib import Path

import torch

from converters.example import example_pair, random_pictures
from converters.exporters.quiet import quiet
from dmvton_mobile.bundles.manifest import ParityFigure
from dmvton_mobile.bundles.parity import BOUNDS_DB, compare
from dmvton_mobile.components import ComponentExample
from dmvton_mobile.contract import DEFAULT_SIZE, Component, Layout
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.runtimes import open_session
from dmvton_mobile.runtimes.session import Tensors
from dmvton_mobile.runtimes.torch import TorchSession
from dmvton_mobile.targets import Precision, Target
from dmvton_mobile.tryon import run_components

RANDOM_SEED = 1


@dataclass(frozen=True)
class Reference:
    """What the network computes in PyTorch, for each kind of inputs ("example", "random"): the inputs and the outputs
    by name."""

    inputs: dict[str, Tensors]
    outputs: dict[str, Tensors]

    @classmethod
    def of(cls, network: TryOnNetwork, size: tuple[int, int] = DEFAULT_SIZE) -> "Reference":
        """size: of its pictures, height and width."""
        session = TorchSession(network, Component.WHOLE, size)
        inputs = {"example": example_pair(size), "random": random_pictures(RANDOM_SEED, size)}
        return cls(inputs, {kind: session.run(tensors) for kind, tensors in inputs.items()})

    def golden(self) -> Tensors:
        """The example pair and its outputs, as a bundle keeps them."""
        inputs = {f"input.{name}": value for name, value in self.inputs["example"].items()}
        return inputs | {f"output.{name}": value for name, value in self.outputs["example"].items()}


@dataclass(frozen=True)
class Proof:
    figures: tuple[ParityFigure, ...]
    evaluator: str


def verify_component(
    target: Target, precision: Precision, made: list[tuple[ComponentExample, Path]], reference: Reference
) -> Proof:
    """Runs the last of the components made so far, after those before it, and compares what it gives.

    The garment encoder is compared with its own graph in PyTorch, since its features' form is the target's; the frame's
    outputs with the network itself, end to end. Raises ParityError naming outputs below the bound.
    """
    with quiet():
        sessions = [open_session(target, path, example.contract) for example, path in made]
    example, path = made[-1]
    figures: list[ParityFigure] = []
    for kind, inputs in reference.inputs.items():
        computed = run_components(sessions, inputs)
        encoder = example.contract.component is Component.GARMENT_ENCODER
        figures += compare(
            _features(example, inputs) if encoder else reference.outputs[kind],
            {name: computed[name] for name in example.contract.output_names},
            contracts=example.contract.outputs,
            bound_db=BOUNDS_DB[precision],
            inputs=kind,
            what=path.name,
        )
    return Proof(tuple(figures), sessions[-1].evaluator)


def _features(example: ComponentExample, inputs: Tensors) -> Tensors:
    contract = example.contract
    order = {Layout.NCHW: (0, 1, 2, 3), Layout.NHWC: (0, 2, 3, 1)}
    back = {Layout.NCHW: (0, 1, 2, 3), Layout.NHWC: (0, 3, 1, 2)}
    held = [torch.from_numpy(inputs[tensor.name]).permute(order[tensor.layout]) for tensor in contract.inputs]
    with torch.no_grad():
        outputs = example.graph(*held)
    return {
        tensor.name: value.permute(back[tensor.layout]).numpy()
        for tensor, value in zip(contract.outputs, outputs, strict=True)
    }
