"""Verification of artifacts: run in their runtime, and compared output by output with the PyTorch network."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from converters.example import example_pair, random_pictures
from converters.exporters.protocol import ComponentExport, ExporterFacts, TargetJob
from converters.exporters.vendor import quiet
from dmvton_mobile.bundles.manifest import DEVICE_ONLY, Artifact, ParityFigure
from dmvton_mobile.bundles.parity import BOUNDS_DB, compare
from dmvton_mobile.components import ComponentExample
from dmvton_mobile.contract import DEFAULT_SIZE, Component, Layout
from dmvton_mobile.errors import CheckFailed
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.runtimes import open_session
from dmvton_mobile.runtimes.bundled import run_components
from dmvton_mobile.runtimes.session import Session, Tensors
from dmvton_mobile.runtimes.torch import TorchSession
from dmvton_mobile.targets import Precision

RANDOM_SEED = 1
SMALLER_PRECISIONS = (Precision.INT8, Precision.W8, Precision.PALETTE6)  # whose files must be smaller than fp32's


@dataclass(frozen=True)
class ReferenceOutputs:
    """What the network computes in PyTorch.

    Attributes:
        inputs: For each kind of inputs, "example" and "random": the tensors by name.
        outputs: The network's for each kind, by name.
    """

    inputs: dict[str, Tensors]
    outputs: dict[str, Tensors]

    @classmethod
    def of(cls, network: TryOnNetwork, size: tuple[int, int] = DEFAULT_SIZE) -> "ReferenceOutputs":
        """Runs the network. size: of its pictures, height and width."""
        session = TorchSession(network, Component.WHOLE, size)
        inputs = {"example": example_pair(size), "random": random_pictures(RANDOM_SEED, size)}
        return cls(inputs, {kind: session.run(tensors) for kind, tensors in inputs.items()})

    def golden(self) -> Tensors:
        """The example pair and its outputs, as a bundle keeps them."""
        inputs = {f"input.{name}": value for name, value in self.inputs["example"].items()}
        return inputs | {f"output.{name}": value for name, value in self.outputs["example"].items()}


@dataclass(frozen=True)
class Verification:
    """How an artifact compares with the network.

    Attributes:
        figures: One per output and kind of inputs; none where no host can run the artifact.
        evaluator: What ran it.
        problem: Why it is not verified; None where it is.
        seconds: How long it took.
    """

    figures: tuple[ParityFigure, ...] = ()
    evaluator: str = DEVICE_ONLY
    problem: str | None = None
    seconds: float = 0.0


def verify_job(job: TargetJob, facts: ExporterFacts, reference: ReferenceOutputs) -> list[Verification]:
    """Verifies the files of a job, each with those before it.

    Args:
        job: Its files are written.
        facts: Of their exporter. Where no host can run the files, nothing is compared, and the bundle says so.
        reference: What the outputs must be.

    Raises:
        DmvtonError: A file cannot be opened in its runtime.
    """
    if not facts.runs_on_host:
        return [Verification() for _ in job.components]
    sessions: list[Session] = []
    verifications = []
    for component in job.components:
        started = time.perf_counter()
        with quiet():
            sessions.append(open_session(job.target, component.path, component.example.contract))
        try:
            figures, problem = verify_component(sessions, component, reference), None
        except CheckFailed as error:
            figures, problem = (), str(error)
        seconds = time.perf_counter() - started
        verifications.append(Verification(figures, sessions[-1].evaluator, problem, seconds))
    return verifications


def verify_component(
    sessions: list[Session], component: ComponentExport, reference: ReferenceOutputs
) -> tuple[ParityFigure, ...]:
    """Runs the last of the sessions, after those before it, and compares its outputs.

    The garment encoder is compared with its own graph in PyTorch, because its features depend on the lowering; the
    frame's outputs with the network itself, end to end.

    Raises:
        ParityError: Outputs are below the bound; the message names them.
    """
    contract = component.example.contract
    figures: list[ParityFigure] = []
    for kind, inputs in reference.inputs.items():
        computed = run_components(sessions, inputs)
        encoder = component.component is Component.GARMENT_ENCODER
        figures += compare(
            _garment_features(component.example, inputs) if encoder else reference.outputs[kind],
            {name: computed[name] for name in contract.output_names},
            contracts=contract.outputs,
            bound_db=BOUNDS_DB[component.precision],
            inputs=kind,
            what=component.path.name,
        )
    return tuple(figures)


def size_problems(artifacts: Sequence[Artifact]) -> list[str]:
    """One sentence for each artifact in int8, w8 or palette6 that is no smaller than the float32 one beside it."""
    baselines = {(item.target, item.contract.component): item for item in artifacts if item.precision is Precision.FP32}
    return [
        f"{item.path} has {item.footprint.file_bytes} bytes and {other.path} {other.footprint.file_bytes}: "
        f"{item.precision} must save some."
        for item in artifacts
        if item.precision in SMALLER_PRECISIONS
        and (other := baselines.get((item.target, item.contract.component)))
        and item.footprint.file_bytes >= other.footprint.file_bytes
    ]


def _garment_features(example: ComponentExample, inputs: Tensors) -> Tensors:
    contract = example.contract
    to_native = {Layout.NCHW: (0, 1, 2, 3), Layout.NHWC: (0, 2, 3, 1)}
    from_native = {Layout.NCHW: (0, 1, 2, 3), Layout.NHWC: (0, 3, 1, 2)}
    native = [torch.from_numpy(inputs[tensor.name]).permute(to_native[tensor.layout]) for tensor in contract.inputs]
    with torch.no_grad():
        outputs = example.graph(*native)
    return {
        tensor.name: value.permute(from_native[tensor.layout]).numpy()
        for tensor, value in zip(contract.outputs, outputs, strict=True)
    }
