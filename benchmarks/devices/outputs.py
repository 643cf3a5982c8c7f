"""What an agent's frame gave against what the network gives: the comparison that everybody uses."""

from pathlib import Path

import numpy as np

from benchmarks.devices.job import Work
from dmvton_mobile.bundles.golden import bound_db, golden_tensors
from dmvton_mobile.bundles.manifest import ParityFigure
from dmvton_mobile.bundles.parity import compare
from dmvton_mobile.contract import TensorContract
from dmvton_mobile.errors import CheckFailed
from dmvton_mobile.runtimes.session import from_artifact


def output_parity(work: Work, folder: Path) -> tuple[ParityFigure, ...]:
    """A figure for each output. folder: of NAME.npy, in the artifact's layouts. Raises CheckFailed where one is
    missing, of another shape, or below the bound."""
    _, golden = golden_tensors(work.bundle, work.precision)
    contracts = work.last.outputs
    figures = compare(
        golden,
        {tensor.name: _read(folder / f"{tensor.name}.npy", tensor) for tensor in contracts},
        contracts=contracts,
        bound_db=bound_db(work.bundle, work.target, work.precision),
        inputs="example",
        what=f"{work.target} {work.precision} on the device",
    )
    return tuple(figures)


def _read(file: Path, tensor: TensorContract) -> np.ndarray:
    try:
        return from_artifact(tensor, np.load(file, allow_pickle=False))
    except (OSError, ValueError) as error:
        raise CheckFailed(f"The device's output {tensor.name} cannot be read: {error}") from error
