"""The runtimes an artifact can be made for, the precisions, and what its file is called."""

from enum import StrEnum

from dmvton_mobile.contract import Component


class Target(StrEnum):
    """A runtime. The value is also the folder of its artifacts in a bundle."""

    COREML = "coreml"
    TFLITE = "tflite"
    EXECUTORCH = "executorch"
    ONNX = "onnx"

    @property
    def suffix(self) -> str:
        """What its files end in; a Core ML package is a folder."""
        return _SUFFIXES[self]


_SUFFIXES = {Target.COREML: ".mlpackage", Target.TFLITE: ".tflite", Target.EXECUTORCH: ".pte", Target.ONNX: ".onnx"}


class Precision(StrEnum):
    """What the weights and the arithmetic are held in; an artifact lists what stayed float32.

    INT8: the arithmetic as well, which needs the ranges of activations.
    W8: the weights of convolutions alone, one scale per output channel; no ranges, and not for ExecuTorch.
    PALETTE6: weights as indices into tables of 64 values, one table per tensor; Core ML only.
    """

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"
    W8 = "w8"
    PALETTE6 = "palette6"


def artifact_name(component: Component, target: Target, precision: Precision) -> str:
    """`tryon_fp16.tflite`"""
    return f"{component}_{precision}{target.suffix}"


def artifact_path(component: Component, target: Target, precision: Precision) -> str:
    """Where it lies in a bundle: `tflite/tryon_fp16.tflite`"""
    return f"{target}/{artifact_name(component, target, precision)}"
