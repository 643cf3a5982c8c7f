"""LiteRT, the runtime of .tflite files, on the CPU with XNNPACK."""

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from dmvton_mobile.contract import ComponentContract
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.runtimes.session import Session


class LiteRTSession(Session):
    """A .tflite file; its one signature names the tensors."""

    evaluator = "LiteRT"

    def __init__(self, path: Path, contract: ComponentContract, threads: int = 2):
        super().__init__(path, contract, threads)
        try:
            self._interpreter = Interpreter(str(path), num_threads=threads)
            self._interpreter.allocate_tensors()
            signature = self._interpreter._get_full_signature_list()["serving_default"]
            self._inputs = [signature["inputs"][name] for name in contract.input_names]
            self._outputs = [signature["outputs"][name] for name in contract.output_names]
        except (ValueError, RuntimeError, KeyError) as error:
            raise DmvtonError(f"LiteRT cannot open {path.name}: {error}") from error

    def run_native(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """Runs the signature."""
        for index, value in zip(self._inputs, inputs, strict=True):
            self._interpreter.set_tensor(index, value)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]
