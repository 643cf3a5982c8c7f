"""Compares every output of an artifact with the PyTorch network's; conversion and replay both use it."""

import math

import numpy as np

from dmvton_mobile.bundles.manifest import ParityFigure
from dmvton_mobile.components import peak
from dmvton_mobile.contract import TensorContract
from dmvton_mobile.errors import CheckFailed
from dmvton_mobile.metrics.psnr import psnr_db
from dmvton_mobile.runtimes.session import Tensors
from dmvton_mobile.targets import Precision

BOUNDS_DB = {
    Precision.FP32: 60.0,
    Precision.FP16: 40.0,
    Precision.INT8: 20.0,
    Precision.W8: 25.0,
    Precision.PALETTE6: 25.0,
}


class ParityError(CheckFailed):
    """An artifact does not compute what was trained."""


def compare(
    reference: Tensors,
    candidate: Tensors,
    *,
    contracts: tuple[TensorContract, ...],
    bound_db: float,
    inputs: str,
    what: str,
) -> list[ParityFigure]:
    """Compares outputs with those of the PyTorch network.

    Args:
        reference: the network's outputs by name, NCHW.
        candidate: the artifact's outputs by name, NCHW.
        contracts: of the outputs.
        bound_db: the lowest PSNR that passes.
        inputs: the inputs of both, "example" or "random".
        what: the artifact's name, for messages.

    Returns:
        One figure per output.

    Raises:
        ParityError: an output is missing, unexpected, of another shape, not finite, or below the bound; the message
            says which, and by how much.
    """
    names = {tensor.name for tensor in contracts}
    for side, tensors in (("the reference", reference), (what, candidate)):
        if tensors.keys() != names:
            raise ParityError(
                f"{side} gives {', '.join(sorted(tensors))}; its contract says {', '.join(sorted(names))}."
            )
    figures = [
        _figure(tensor, reference[tensor.name], candidate[tensor.name], bound_db, inputs, what) for tensor in contracts
    ]
    failed = [figure for figure in figures if figure.psnr_db is not None and figure.psnr_db < bound_db]
    if failed:
        worst = ", ".join(
            f"{figure.output} {figure.psnr_db:.1f} dB (largest difference {figure.max_abs_error:.3g})"
            for figure in failed
        )
        raise ParityError(
            f"{what} differs from the PyTorch network on {inputs} inputs; the bound is {bound_db:g} dB: {worst}."
        )
    return figures


def _figure(
    tensor: TensorContract, reference: np.ndarray, candidate: np.ndarray, bound_db: float, inputs: str, what: str
) -> ParityFigure:
    if reference.shape != candidate.shape:
        raise ParityError(f"{what} gives {tensor.name} as {candidate.shape}, the network as {reference.shape}.")
    for side, value in (("The PyTorch network", reference), (what, candidate)):
        if not np.isfinite(value).all():
            raise ParityError(f"{side} gives values in {tensor.name} that are not finite, on {inputs} inputs.")
    width = peak(tensor) or float(np.ptp(reference)) or 1.0
    psnr = psnr_db(reference=reference, candidate=candidate, peak=width)
    return ParityFigure.model_validate(
        {
            "output": tensor.name,
            "inputs": inputs,
            "psnr_db": None if math.isinf(psnr) else psnr,
            "identical": math.isinf(psnr),
            "max_abs_error": float(np.abs(reference - candidate).max()),
            "bound_db": bound_db,
        }
    )
