"""What each target needs: which form of the network, which layouts, and which pairs cannot be had, with the reason."""

from enum import StrEnum
from typing import assert_never

from converters.lowering.lowering import lower_to_native, lower_to_rows
from dmvton_mobile.components import Layouts
from dmvton_mobile.contract import Layout
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.targets import Precision, Target


class Delegate(StrEnum):
    """Who runs a .pte file's operations. Only XNNPACK's can also be run, and so verified, on a host."""

    XNNPACK = "xnnpack"
    VULKAN = "vulkan"
    COREML = "coreml"


# the targets of a precision that not every target takes, and why the others do not
_TAKEN_BY = {
    Precision.W8: (
        (Target.COREML, Target.TFLITE, Target.ONNX),
        "XNNPACK has no convolution of float32 with weights in int8, and would hold them in float32",
    ),
    Precision.PALETTE6: ((Target.COREML,), "it is for Core ML packages only, which look weights up in tables"),
}


def check_precision(precision: Precision, targets: tuple[Target, ...], delegate: Delegate) -> None:
    """Raises DmvtonError where one of the targets cannot hold its weights so: which, why, and what to pass instead."""
    takers, reason = _TAKEN_BY.get(precision, (tuple(Target), ""))
    if others := [target for target in targets if target not in takers]:
        raise DmvtonError(
            f"{precision} is not for {', '.join(others)}: {reason}. Pass --target {' '.join(takers)}, or some of these."
        )
    if precision is Precision.INT8 and delegate is not Delegate.XNNPACK:
        raise DmvtonError(f"int8 goes through XNNPACK, not --delegate {delegate}: leave one of them out.")


def parse_targets(names: list[str]) -> tuple[Target, ...]:
    """Targets by their names; all of them for "all", and where none is named. Raises DmvtonError for another name."""
    known = [target.value for target in Target]
    for name in names:
        if name not in (*known, "all"):
            raise DmvtonError(f"There is no target {name!r}. Known: {', '.join(known)}, all.")
    return tuple(Target) if not names or "all" in names else tuple(dict.fromkeys(map(Target, names)))


def lower(network: TryOnNetwork, target: Target, delegate: Delegate) -> TryOnNetwork:
    """A copy of the network in the form that the target runs best."""
    if target is Target.COREML or (target is Target.EXECUTORCH and delegate is not Delegate.XNNPACK):
        return lower_to_native(network)
    return lower_to_rows(network, delegated=target is not Target.ONNX)


def layouts(target: Target, delegate: Delegate) -> Layouts:
    """How the target's artifacts hold pictures and features: as its kernels do, so that no frame pays for a
    transpose."""
    match target:
        case Target.TFLITE:
            return Layouts(Layout.NHWC, Layout.NHWC)
        case Target.ONNX:
            return Layouts(Layout.NCHW, Layout.NHWC)
        case Target.EXECUTORCH:
            return Layouts(Layout.NCHW, Layout.NHWC if delegate is Delegate.XNNPACK else Layout.NCHW)
        case Target.COREML:
            return Layouts(Layout.NCHW, Layout.NCHW)
    assert_never(target)
