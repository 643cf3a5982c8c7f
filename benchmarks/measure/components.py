"""Artifacts together with the inputs that they are measured on."""

import platform
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dmvton_mobile.bundles.bundle import Bundle
from dmvton_mobile.bundles.golden import golden_tensors
from dmvton_mobile.bundles.manifest import DEVICE_ONLY
from dmvton_mobile.contract import ComponentContract
from dmvton_mobile.runtimes.bundled import open_components
from dmvton_mobile.targets import Precision, Target


class MeasuredComponent(NamedTuple):
    """An artifact and what it is run on.

    Attributes:
        path: The artifact.
        contract: Its inputs and outputs.
        inputs: Each input by name, in the artifact's own layout and order.
    """

    path: Path
    contract: ComponentContract
    inputs: dict[str, np.ndarray]


def bundle_components(bundle: Bundle, target: Target, precision: Precision) -> list[MeasuredComponent]:
    """A bundle's artifacts in the order that they run, with the inputs of the bundle's golden pair.

    Raises:
        DmvtonError: They cannot be run on this machine.
    """
    tensors, _ = golden_tensors(bundle, precision)
    components = []
    for session in open_components(bundle, target, precision, threads=1):
        inputs = {name: tensors[name] for name in session.contract.input_names}
        arrays = dict(zip(inputs, session.to_native(inputs), strict=True))
        components.append(MeasuredComponent(session.path, session.contract, arrays))
        tensors = tensors | session.run(inputs)
    return components


def runs_here(bundle: Bundle, target: Target) -> bool:
    """Whether this machine runs the target's artifacts at their speed.

    The evaluator of Core ML programs proves that an artifact is right; its time says nothing.
    """
    if target is Target.COREML and platform.system() != "Darwin":
        return False
    return all(item.evaluator != DEVICE_ONLY for item in bundle.manifest.artifacts if item.target is target)
