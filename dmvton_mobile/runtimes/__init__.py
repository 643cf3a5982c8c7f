"""Run an artifact on this machine: one file per runtime, one function to open them."""

from pathlib import Path

from dmvton_mobile.contract import ComponentContract
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.runtimes.session import Session, Tensors
from dmvton_mobile.targets import Target

__all__ = ["Session", "Tensors", "open_session"]


def open_session(target: Target, path: Path, contract: ComponentContract, *, threads: int = 2) -> Session:
    """The artifact at path, opened in its runtime. Raises DmvtonError where the runtime is not installed, naming the
    extra."""
    if not path.exists():
        raise DmvtonError(f"There is no artifact at {path}.")
    try:
        return _session_type(target)(path, contract, threads)
    except ImportError as error:
        raise DmvtonError(
            f'{path.name} needs {error.name}, which is not installed: pip install "dmvton-mobile[{target}]".'
        ) from error


def _session_type(target: Target) -> type[Session]:
    # Each import pulls in its runtime, so only the wanted one is made.
    if target is Target.ONNX:
        from dmvton_mobile.runtimes.onnx import OnnxSession

        return OnnxSession
    if target is Target.TFLITE:
        from dmvton_mobile.runtimes.litert import LiteRTSession

        return LiteRTSession
    if target is Target.EXECUTORCH:
        from dmvton_mobile.runtimes.executorch import ExecuTorchSession

        return ExecuTorchSession
    from dmvton_mobile.runtimes.coreml import CoreMLSession

    return CoreMLSession
