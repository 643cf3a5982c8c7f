"""What each target needs: which form of the network, which layouts, and which pairs cannot be had, with the reason."""

from enum import StrEnum
from typing import assert_never

from converters.lowering import lower_to_native, lower_to_rows
from dmvton_mobile.components import Layouts
from dmvton_mobile.contract import Layout
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.targets import Target


class Delegate(StrEnum):
    """Who runs a .pte file's operations. Only XNNPACK's can also be run, and so verified, on a host."""

    XNNPACK = "xnnpack"
    VULKAN = "vulkan"
    COREML = "coreml"


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
