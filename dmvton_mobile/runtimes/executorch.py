"""ExecuTorch on the CPU with XNNPACK."""

from pathlib import Path

import numpy as np
import torch
from executorch.runtime import Runtime

from dmvton_mobile.contract import ComponentContract
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.runtimes.session import Session


class ExecuTorchSession(Session):
    """A .pte file. The thread count sets ExecuTorch's pool, which the whole process shares."""

    evaluator = "ExecuTorch"

    def __init__(self, path: Path, contract: ComponentContract, threads: int = 2):
        super().__init__(path, contract, threads)
        with path.open("rb") as file:
            if file.read(8)[4:6] != b"ET":  # a name it cannot decode ends ExecuTorch's process
                raise DmvtonError(f"{path.name} is not an ExecuTorch program.")
        torch.set_num_threads(threads)  # ExecuTorch's kernels run in the same pool size
        try:
            # From a path: a program loaded from bytes does not keep them alive.
            self._program = Runtime.get().load_program(path)
            self._method = self._program.load_method("forward")
        except RuntimeError as error:
            raise DmvtonError(f"ExecuTorch cannot open {path.name}: {error}") from error

    def run_native(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """Runs the program's `forward`."""
        return [output.numpy() for output in self._method.execute([torch.from_numpy(value) for value in inputs])]
