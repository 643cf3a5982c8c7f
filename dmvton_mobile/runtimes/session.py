"""The interface of all runtimes: a session runs one artifact on this machine."""

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np

from dmvton_mobile.contract import ComponentContract, Layout, TensorContract
from dmvton_mobile.errors import DmvtonError

Tensors = dict[str, np.ndarray]


class Session(ABC):
    """An artifact opened in its runtime.

    `run` takes and returns NCHW float32 arrays by name. The artifact's own order and layouts, which its contract names,
    are the native layout: `to_native` and `run_native` are for callers that convert once and run often.

    Args:
        path: the artifact.
        contract: its tensors.
        threads: CPU threads of the runtime.

    Attributes:
        evaluator: the name of what runs the artifact, for the manifest.
    """

    evaluator: str

    def __init__(self, path: Path, contract: ComponentContract, threads: int = 2):
        self.path = path
        self.contract = contract
        self.threads = threads

    def run(self, inputs: Tensors) -> Tensors:
        """Runs the artifact.

        Args:
            inputs: every input of the contract by name, NCHW float32; others are ignored.

        Returns:
            Every output of the contract by name, NCHW float32.

        Raises:
            DmvtonError: an input is missing or has another shape than the contract's.
        """
        outputs = self.run_native(self.to_native(inputs))
        return {
            tensor.name: from_native(tensor, output)
            for tensor, output in zip(self.contract.outputs, outputs, strict=True)
        }

    def to_native(self, inputs: Tensors) -> list[np.ndarray]:
        """Converts the inputs of `run` to the native layout and order. Raises DmvtonError as `run` does."""
        return [_input(tensor, inputs, self.path) for tensor in self.contract.inputs]

    @abstractmethod
    def run_native(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """Runs the artifact on inputs in the native layout and order; nothing is converted or checked."""


def _input(tensor: TensorContract, inputs: Tensors, path: Path) -> np.ndarray:
    if tensor.name not in inputs:
        raise DmvtonError(f"{path.name} needs the input {tensor.name!r}; given: {', '.join(inputs)}.")
    value = inputs[tensor.name]
    if tuple(value.shape) != tensor.nchw_shape:
        raise DmvtonError(
            f"{path.name} takes {tensor.name} as {tensor.nchw_shape} (NCHW); this one is {tuple(value.shape)}."
        )
    return to_native(tensor, value)


def to_native(tensor: TensorContract, value: np.ndarray) -> np.ndarray:
    """NCHW -> the native layout of the tensor, contiguous float32."""
    native = value.transpose(0, 2, 3, 1) if tensor.layout is Layout.NHWC else value
    return np.ascontiguousarray(native, dtype=np.float32)


def from_native(tensor: TensorContract, value: np.ndarray) -> np.ndarray:
    """The native layout -> NCHW float32. Raises ValueError for another number of values than the contract's."""
    value = value.reshape(tensor.shape).astype(np.float32, copy=False)
    return value.transpose(0, 3, 1, 2) if tensor.layout is Layout.NHWC else value
