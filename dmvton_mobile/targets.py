"""The targets and precisions of artifacts, and the names of their files."""

from enum import StrEnum

from dmvton_mobile.contract import Component


class Target(StrEnum):
    """A runtime that artifacts are converted for. The value is also the folder of its artifacts in a bundle."""

    COREML = "coreml"
    TFLITE = "tflite"
    EXECUTORCH = "executorch"
    ONNX = "onnx"

    @property
    def suffix(self) -> str:
        """The suffix of its files; a Core ML package is a folder."""
        return _SUFFIXES[self]


_SUFFIXES = {Target.COREML: ".mlpackage", Target.TFLITE: ".tflite", Target.EXECUTORCH: ".pte", Target.ONNX: ".onnx"}


class Precision(StrEnum):
    """The precision of weights and arithmetic; an artifact lists what stays float32."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"  # weights and arithmetic, which needs the ranges of activations
    W8 = "w8"  # weight-only int8: the weights of convolutions, one scale per output channel; not for ExecuTorch
    PALETTE6 = "palette6"  # weights as indices into tables of 64 values, one table per tensor; Core ML only


def artifact_name(component: Component, target: Target, precision: Precision) -> str:
    """The name of an artifact's file, like `tryon_fp16.tflite`."""
    return f"{component}_{precision}{target.suffix}"


def artifact_path(component: Component, target: Target, precision: Precision) -> str:
    """The path of an artifact in a bundle, like `tflite/tryon_fp16.tflite`."""
    return f"{target}/{artifact_name(component, target, precision)}"
