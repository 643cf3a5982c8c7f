"""What every runtime looks like from outside: a session that runs one artifact on this machine."""

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np

from dmvton_mobile.contract import ComponentContract, Layout, TensorContract
from dmvton_mobile.errors import DmvtonError

Tensors = dict[str, np.ndarray]


class Session(ABC):
    """An artifact opened in its runtime.

    `run` speaks NCHW float32 by name, whatever the artifact holds inside; the layouts are in its contract.
    threads: how many CPU threads the runtime may use. evaluator: what runs it, for the manifest.
    """

    evaluator: str

    def __init__(self, path: Path, contract: ComponentContract, threads: int = 2):
        self.path = path
        self.contract = contract
        self.threads = threads

    def run(self, inputs: Tensors) -> Tensors:
        """inputs: every input of the contract by name, NCHW float32 -> every output by name, NCHW float32."""
        outputs = self.run_held(self.held(inputs))
        return {
            tensor.name: from_artifact(tensor, output)
            for tensor, output in zip(self.contract.outputs, outputs, strict=True)
        }

    def held(self, inputs: Tensors) -> list[np.ndarray]:
        """The inputs of `run` in the artifact's own layouts and order. Raises DmvtonError for missing ones and for
        other shapes than the contract's."""
        return [_input(tensor, inputs, self.path) for tensor in self.contract.inputs]

    @abstractmethod
    def run_held(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """As `run`, in the artifact's own layouts and order: no conversion, no check."""


def _input(tensor: TensorContract, inputs: Tensors, path: Path) -> np.ndarray:
    if tensor.name not in inputs:
        raise DmvtonError(f"{path.name} needs the input {tensor.name!r}; given: {', '.join(inputs)}.")
    value = inputs[tensor.name]
    if tuple(value.shape) != tensor.nchw_shape:
        raise DmvtonError(
            f"{path.name} takes {tensor.name} as {tensor.nchw_shape} (NCHW); this one is {tuple(value.shape)}."
        )
    return to_artifact(tensor, value)


def to_artifact(tensor: TensorContract, value: np.ndarray) -> np.ndarray:
    """NCHW -> as the artifact holds it."""
    held = value.transpose(0, 2, 3, 1) if tensor.layout is Layout.NHWC else value
    return np.ascontiguousarray(held, dtype=np.float32)


def from_artifact(tensor: TensorContract, value: np.ndarray) -> np.ndarray:
    """As an artifact gave it -> NCHW float32. Raises ValueError for another number of values than the contract's."""
    value = value.reshape(tensor.shape).astype(np.float32, copy=False)
    return value.transpose(0, 3, 1, 2) if tensor.layout is Layout.NHWC else value
