"""Compares the outputs of an agent's frame with the network's, as `dmvton verify` does."""

from pathlib import Path

import numpy as np

from benchmarks.devices.job import AgentTask
from dmvton_mobile.bundles.golden import bound_db, golden_tensors
from dmvton_mobile.bundles.manifest import ParityFigure
from dmvton_mobile.bundles.parity import compare
from dmvton_mobile.contract import TensorContract
from dmvton_mobile.errors import CheckFailed
from dmvton_mobile.runtimes.session import from_native


def output_parity(task: AgentTask, folder: Path) -> tuple[ParityFigure, ...]:
    """Parity of each output of the frame with the bundle's golden one.

    Args:
        task: What was measured.
        folder: The outputs in the artifact's layouts, NAME.npy.

    Raises:
        CheckFailed: An output is missing, has another shape, or is below its bound.
    """
    _, golden = golden_tensors(task.bundle, task.precision)
    contracts = task.frame.outputs
    figures = compare(
        golden,
        {tensor.name: _read(folder / f"{tensor.name}.npy", tensor) for tensor in contracts},
        contracts=contracts,
        bound_db=bound_db(task.bundle, task.target, task.precision),
        inputs="example",
        what=f"{task.target} {task.precision} on the device",
    )
    return tuple(figures)


def _read(file: Path, tensor: TensorContract) -> np.ndarray:
    try:
        return from_native(tensor, np.load(file, allow_pickle=False))
    except (OSError, ValueError) as error:
        raise CheckFailed(f"The device's output {tensor.name} cannot be read: {error}") from error
