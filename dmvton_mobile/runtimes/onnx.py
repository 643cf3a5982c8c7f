"""ONNX Runtime on the CPU."""

from pathlib import Path

import numpy as np
import onnxruntime

from dmvton_mobile.contract import ComponentContract
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.runtimes.session import Session

WARNINGS_OFF = 3  # errors only


class OnnxSession(Session):
    """An .onnx file. Memory patterns are off: they take half as much memory again and save no time."""

    evaluator = "ONNX Runtime"

    def __init__(self, path: Path, contract: ComponentContract, threads: int = 2):
        super().__init__(path, contract, threads)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.enable_mem_pattern = False
        options.log_severity_level = WARNINGS_OFF
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the bindings raise types of their own for every kind of bad file
            raise DmvtonError(f"ONNX Runtime cannot open {path.name}: {error}") from error

    def run_native(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """Runs the graph."""
        return self._session.run(self.contract.output_names, dict(zip(self.contract.input_names, inputs, strict=True)))
