"""Runs artifacts on this machine: one file per runtime, and `open_session` for all of them."""

from pathlib import Path
from typing import assert_never

from dmvton_mobile.contract import ComponentContract
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.runtimes.session import Session, Tensors
from dmvton_mobile.targets import Target
from dmvton_mobile.utils.optional_imports import optional_import

__all__ = ["Session", "Tensors", "open_session"]


def open_session(target: Target, path: Path, contract: ComponentContract, *, threads: int = 2) -> Session:
    """Opens an artifact in its runtime on this machine.

    Args:
        target: the runtime.
        path: the artifact's file, or the folder of a Core ML package.
        contract: its tensors.
        threads: CPU threads of the runtime.

    Raises:
        NotInstalledError: the runtime is not installed.
        DmvtonError: there is no artifact, or the runtime cannot open it.
    """
    if not path.exists():
        raise DmvtonError(f"There is no artifact at {path}.")
    with optional_import(f"{path.name} needs", extra=target):
        return _session_type(target)(path, contract, threads)


def _session_type(target: Target) -> type[Session]:
    # Each import pulls in its runtime, so only the wanted one is made.
    match target:
        case Target.ONNX:
            from dmvton_mobile.runtimes.onnx import OnnxSession

            return OnnxSession
        case Target.TFLITE:
            from dmvton_mobile.runtimes.litert import LiteRTSession

            return LiteRTSession
        case Target.EXECUTORCH:
            from dmvton_mobile.runtimes.executorch import ExecuTorchSession

            return ExecuTorchSession
        case Target.COREML:
            from dmvton_mobile.runtimes.coreml import CoreMLSession

            return CoreMLSession
        case _:
            assert_never(target)
