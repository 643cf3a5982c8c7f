"""What a user chooses besides the target: who runs a .pte file, and who makes int8; and how targets are named."""

from enum import StrEnum

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.targets import Target


class Delegate(StrEnum):
    """Who runs a .pte file's operations. Only XNNPACK's can also be run, and so verified, on a host."""

    XNNPACK = "xnnpack"
    VULKAN = "vulkan"
    COREML = "coreml"


class Quantizer(StrEnum):
    """Who makes int8 of float weights.

    PT2E: torchao, in PyTorch, for every target.
    NNCF: for .onnx files, with control over what try-ons lose (`converters/exporters/onnx_nncf.py`).
    """

    PT2E = "pt2e"
    NNCF = "nncf"


def parse_targets(names: list[str]) -> tuple[Target, ...]:
    """Targets by their names; all of them for "all", and where none is named.

    Raises:
        DmvtonError: A name that is not known; the message lists the known ones.
    """
    known = [target.value for target in Target]
    for name in names:
        if name not in (*known, "all"):
            raise DmvtonError(f"There is no target {name!r}. Known: {', '.join(known)}, all.")
    return tuple(Target) if not names or "all" in names else tuple(dict.fromkeys(map(Target, names)))
