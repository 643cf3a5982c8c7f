"""One class per runtime: opens an artifact and runs it on tensors that lie ready.

Only `run` is timed, so what an app copies in and out comes on top.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

Arrays = list[np.ndarray]


class LoadedArtifact(ABC):
    """An artifact opened in its runtime.

    Attributes:
        spec: The job's entry for the component: its file and the names of its inputs and outputs.
        threads: CPU threads of the runtime.
    """

    def __init__(self, spec: dict[str, Any], threads: int):
        self.spec, self.threads = spec, threads

    @staticmethod
    @abstractmethod
    def versions() -> dict[str, str]:
        """Imports the runtime; returns its packages' versions."""

    @abstractmethod
    def set_inputs(self, inputs: Arrays) -> None:
        """Copies the inputs into place, in the job's order."""

    @abstractmethod
    def run(self) -> None:
        """Runs the artifact once."""

    @abstractmethod
    def outputs(self) -> Arrays:
        """Copies of the last run's outputs, in the job's order."""


class LiteRtArtifact(LoadedArtifact):
    """A .tflite file in LiteRT, or in the classic tflite-runtime on older boards."""

    @staticmethod
    def versions() -> dict[str, str]:
        name = "ai-edge-litert" if "ai_edge_litert" in _interpreter().__name__ else "tflite-runtime"
        return {name: _version(name)}

    def __init__(self, spec: dict[str, Any], threads: int):
        super().__init__(spec, threads)
        self._opened = _interpreter().Interpreter(model_path=spec["artifact"], num_threads=threads)
        self._opened.allocate_tensors()
        self._signature = self._opened._get_full_signature_list()["serving_default"]

    def set_inputs(self, inputs: Arrays) -> None:
        for name, value in zip(self.spec["inputs"], inputs):
            self._opened.set_tensor(self._signature["inputs"][name], value)

    def run(self) -> None:
        self._opened.invoke()

    def outputs(self) -> Arrays:
        return [self._opened.get_tensor(self._signature["outputs"][name]) for name in self.spec["outputs"]]


def _interpreter() -> Any:
    try:
        from ai_edge_litert import interpreter
    except ImportError:
        from tflite_runtime import interpreter  # type: ignore[import-not-found]
    return interpreter


class OnnxArtifact(LoadedArtifact):
    """An .onnx file in ONNX Runtime on the CPU."""

    @staticmethod
    def versions() -> dict[str, str]:
        import onnxruntime

        return {"onnxruntime": onnxruntime.__version__}

    def __init__(self, spec: dict[str, Any], threads: int):
        import onnxruntime

        super().__init__(spec, threads)
        self._outputs: Arrays = []
        self.session = onnxruntime.InferenceSession(
            spec["artifact"], self.options(), providers=["CPUExecutionProvider"]
        )

    def options(self) -> Any:
        """Session options as in an app: no memory patterns, which take half as much memory again and save no time."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.enable_mem_pattern = False
        options.log_severity_level = 3
        return options

    def set_inputs(self, inputs: Arrays) -> None:
        self._inputs = dict(zip(self.spec["inputs"], inputs))

    def run(self) -> None:
        self._outputs = []  # an app drops a frame before the next one
        self._outputs = self.session.run(self.spec["outputs"], self._inputs)

    def outputs(self) -> Arrays:
        return [value.copy() for value in self._outputs]  # the originals lie in the runtime's arena


class ExecuTorchArtifact(LoadedArtifact):
    """A .pte file in ExecuTorch; its kernels run in PyTorch's thread pool."""

    @staticmethod
    def versions() -> dict[str, str]:
        import torch
        from executorch.runtime import Runtime

        Runtime.get()
        return {"torch": torch.__version__, "executorch": _version("executorch")}

    def __init__(self, spec: dict[str, Any], threads: int):
        import torch
        from executorch.runtime import Runtime

        super().__init__(spec, threads)
        self._outputs: list[Any] = []
        torch.set_num_threads(threads)
        self._program = Runtime.get().load_program(spec["artifact"])  # the method does not keep it alive
        self._method = self._program.load_method("forward")

    def set_inputs(self, inputs: Arrays) -> None:
        import torch

        self._inputs = [torch.from_numpy(value) for value in inputs]

    def run(self) -> None:
        self._outputs = []
        self._outputs = self._method.execute(self._inputs)

    def outputs(self) -> Arrays:
        return [output.numpy().copy() for output in self._outputs]


class CoreMlArtifact(LoadedArtifact):
    """An .mlpackage on a Mac; Core ML decides on its own threads."""

    @staticmethod
    def versions() -> dict[str, str]:
        import coremltools

        return {"coremltools": coremltools.__version__}

    def __init__(self, spec: dict[str, Any], threads: int):
        import coremltools

        super().__init__(spec, threads)
        self._model = coremltools.models.MLModel(spec["artifact"])

    def set_inputs(self, inputs: Arrays) -> None:
        self._inputs = dict(zip(self.spec["inputs"], inputs))

    def run(self) -> None:
        self._outputs = self._model.predict(self._inputs)

    def outputs(self) -> Arrays:
        return [self._outputs[name] for name in self.spec["outputs"]]


RUNTIMES: dict[str, type[LoadedArtifact]] = {
    "tflite": LiteRtArtifact,
    "onnx": OnnxArtifact,
    "executorch": ExecuTorchArtifact,
    "coreml": CoreMlArtifact,
}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
