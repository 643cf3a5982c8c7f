"""A small sealed bundle with the layout of a real one: what the tests of bundles and signatures damage."""

from pathlib import Path

import numpy as np

from dmvton_mobile.bundles.bundle import new_bundle, seal, write_golden
from dmvton_mobile.bundles.manifest import Artifact, Footprint, Manifest, ParityFigure
from dmvton_mobile.contract import Component, ComponentContract, Components, Layout, tensor_contract
from dmvton_mobile.targets import Precision, Target, artifact_path

CONTRACT = ComponentContract(
    component=Component.WHOLE,
    inputs=(tensor_contract("person", Layout.NCHW, (1, 3, 64, 64)),),
    outputs=(tensor_contract("tryon", Layout.NCHW, (1, 3, 64, 64)),),
)


def artifact(target: Target) -> Artifact:
    return Artifact(
        target=target,
        precision=Precision.FP16,
        path=artifact_path(Component.WHOLE, target, Precision.FP16),
        contract=CONTRACT,
        kept_float32=("flow heads: a coordinate needs more than 11 bits",),
        parity=(ParityFigure(output="tryon", inputs="example", psnr_db=None, max_abs_error=0.0, bound_db=60.0),),
        footprint=Footprint(file_bytes=300, weight_bytes=200, leftover_operations={"GATHER_ND": 2}),
        reproducible=True,
        evaluator="torch",
    )


def manifest(licence: str | None = None) -> Manifest:
    return Manifest(
        network="dmvton-student",
        align_corners=True,
        size=(64, 64),
        components=Components.WHOLE,
        trained=False,
        licence=licence,
        artifacts=(artifact(Target.COREML), artifact(Target.TFLITE)),
        golden=("golden/whole.safetensors",),
        tool_versions={"torch": "2.13.0"},
    )


def fill(folder: Path) -> None:
    """Artifacts and golden tensors, not sealed."""
    package = folder / artifact_path(Component.WHOLE, Target.COREML, Precision.FP16)
    (package / "Data" / "com.apple.CoreML" / "weights").mkdir(parents=True)
    (package / "Manifest.json").write_text("{}")
    (package / "Data" / "com.apple.CoreML" / "weights" / "weight.bin").write_bytes(bytes(range(200)))
    file = folder / artifact_path(Component.WHOLE, Target.TFLITE, Precision.FP16)
    file.parent.mkdir()
    file.write_bytes(bytes(range(256)))
    write_golden(
        folder, "whole", {"person": np.ones((1, 3, 2, 2), np.float32), "tryon": np.zeros((1, 3, 2, 2), np.float32)}
    )


def make_bundle(path: Path, licence: str | None = None) -> Path:
    with new_bundle(path) as folder:
        fill(folder)
        seal(folder, manifest(licence))
    return path
