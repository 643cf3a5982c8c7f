"""Replays a bundle's golden tensors in the runtimes installed here: does each artifact compute what was trained?

A golden file, `golden/tryon.safetensors`, holds the network's three inputs and the PyTorch network's outputs for them,
NCHW float32: `input.person`, `input.garment`, `input.garment_mask`, and `output.NAME` for each output of the last
component. `golden/tryon_int8.safetensors` holds the outputs of the int8 network. What passes between components is not
recorded, since it differs from target to target.
"""

from dataclasses import dataclass
from enum import StrEnum

from dmvton_mobile.bundles.bundle import Bundle, read_golden
from dmvton_mobile.bundles.manifest import BundleError, ParityFigure
from dmvton_mobile.bundles.parity import compare
from dmvton_mobile.errors import DmvtonError, NotInstalledError
from dmvton_mobile.runtimes.bundled import DeviceOnly, bundled_targets, open_components, run_components
from dmvton_mobile.runtimes.session import Tensors
from dmvton_mobile.targets import Precision, Target

GOLDEN = "golden/tryon.safetensors"
GOLDEN_INT8 = "golden/tryon_int8.safetensors"
PICTURES = frozenset({"person", "garment", "garment_mask"})


class ReplayStatus(StrEnum):
    """The outcome of a replay."""

    VERIFIED = "verified"
    NOT_INSTALLED = "not installed"
    DEVICE_ONLY = "device only"  # no host can run it
    FAILED = "failed"


@dataclass(frozen=True)
class Replay:
    """The replay of one runtime and precision.

    Attributes:
        target: the runtime.
        precision: of the artifacts.
        status: the outcome.
        evaluator: the name of what ran them; None unless verified.
        figures: one per output; empty unless verified.
        problem: why it is not verified; None where it is.
    """

    target: Target
    precision: Precision
    status: ReplayStatus
    evaluator: str | None = None
    figures: tuple[ParityFigure, ...] = ()
    problem: str | None = None


def replay(bundle: Bundle, target: Target, precision: Precision, threads: int = 2) -> Replay:
    """Runs one runtime's artifacts end to end on the golden inputs and compares the outputs.

    The bound is the manifest's own. A problem of the artifacts or of their runtime is in the result.

    Raises:
        BundleError: the bundle has no golden tensors for this precision.
    """
    inputs, outputs = golden_tensors(bundle, precision)
    try:
        sessions = open_components(bundle, target, precision, threads)
        last = sessions[-1].contract
        computed = run_components(sessions, inputs)
        figures = compare(
            outputs,
            {name: computed[name] for name in last.output_names},
            contracts=last.outputs,
            bound_db=bound_db(bundle, target, precision),
            inputs="example",
            what=f"{target} {precision}",
        )
    except DeviceOnly as error:
        return Replay(target, precision, ReplayStatus.DEVICE_ONLY, problem=str(error))
    except NotInstalledError as error:
        return Replay(target, precision, ReplayStatus.NOT_INSTALLED, problem=str(error))
    except DmvtonError as error:
        return Replay(target, precision, ReplayStatus.FAILED, problem=str(error))
    except Exception as error:  # on an artifact that is not what it was, a runtime raises whatever it ran into
        return Replay(target, precision, ReplayStatus.FAILED, problem=f"{type(error).__name__}: {error}")
    return Replay(target, precision, ReplayStatus.VERIFIED, sessions[-1].evaluator, tuple(figures))


def replay_all(bundle: Bundle, threads: int = 2) -> list[Replay]:
    """Replays everything that the bundle holds, in the manifest's order. Raises BundleError as `replay` does."""
    return [replay(bundle, target, precision, threads) for target, precision in bundled_targets(bundle)]


def golden_tensors(bundle: Bundle, precision: Precision = Precision.FP32) -> tuple[Tensors, Tensors]:
    """Reads the recorded inputs and outputs, by the contract's names. Raises BundleError where there are none."""
    golden = golden_path(precision)
    if golden not in bundle.manifest.golden:
        raise BundleError(f"{bundle.folder.name} cannot be replayed: its manifest names no {golden}.")
    tensors = read_golden(bundle, golden)
    inputs = {name.removeprefix("input."): value for name, value in tensors.items() if name.startswith("input.")}
    outputs = {name.removeprefix("output."): value for name, value in tensors.items() if name.startswith("output.")}
    if inputs.keys() != PICTURES or not outputs or len(inputs) + len(outputs) != len(tensors):
        raise BundleError(f"{golden} does not hold the tensors of a replay; it holds {', '.join(sorted(tensors))}.")
    return inputs, outputs


def golden_path(precision: Precision) -> str:
    """The path of a precision's golden file: int8, whose network is calibrated or trained apart, has its own."""
    return GOLDEN_INT8 if precision is Precision.INT8 else GOLDEN


def bound_db(bundle: Bundle, target: Target, precision: Precision) -> float:
    """The strictest parity bound of the artifacts in the manifest, in decibels."""
    artifacts = bundle.manifest.artifacts_of(target, precision)
    bounds = [figure.bound_db for artifact in artifacts for figure in artifact.parity]
    if not bounds:
        raise BundleError(f"{bundle.folder.name} gives no parity figures for {target} {precision} to hold it to.")
    return max(bounds)
