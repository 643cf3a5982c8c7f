"""Core ML packages: Apple's runtime on a Mac, elsewhere the evaluator of `mil/`."""

import platform
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dmvton_mobile.contract import ComponentContract
from dmvton_mobile.errors import DmvtonError, UnknownName
from dmvton_mobile.runtimes.mil.evaluator import MilProgram, import_coremltools
from dmvton_mobile.runtimes.session import Session

COMPUTE_UNITS = ("ALL", "CPU_AND_GPU", "CPU_AND_NE", "CPU_ONLY")


class CoreMLSession(Session):
    """A `.mlpackage`, run by Core ML on macOS and by `MilProgram` elsewhere; `evaluator` says which.

    Images (`ct.ImageType`) are float [0, 1] in `run`, too. They are rounded to whole steps of 1/255 on both evaluators,
    because an app's pixel buffer holds those.

    Args:
        path: the package, a folder.
        contract: its tensors.
        threads: not used; Core ML chooses its own number, and the evaluator follows torch.
        compute_units: one of COMPUTE_UNITS, the processors that Core ML may use; the evaluator has only the CPU.

    Raises:
        UnknownName: there are no such compute units.
        DmvtonError: the package cannot be opened, or its inputs and outputs are not the contract's.
    """

    def __init__(self, path: Path, contract: ComponentContract, threads: int = 2, compute_units: str = "ALL"):
        super().__init__(path, contract, threads)
        if compute_units not in COMPUTE_UNITS:
            raise UnknownName("Core ML compute unit", compute_units, list(COMPUTE_UNITS))
        self._program: MilProgram | None = None
        self._model: Any = None
        if platform.system() == "Darwin":
            self.evaluator = "Core ML"
            self._model = _open(path, compute_units)
            description = self._model.get_spec().description
        else:
            self.evaluator = "MIL evaluator"
            self._program = MilProgram(path)
            description = self._program.description
        self._check_names(description)
        self._images = image_modes(path, description)

    def run_native(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """Runs the package. Pictures of an image input or output are [1, C, H, W] in [0, 1], as elsewhere."""
        values = {
            tensor.name: self._to_picture(tensor.name, value) if tensor.name in self._images else value
            for tensor, value in zip(self.contract.inputs, inputs, strict=True)
        }
        results = self._program.run(values) if self._program else self._model.predict(values)
        return [
            _from_picture(results[name]) if name in self._images else results[name]
            for name in self.contract.output_names
        ]

    def _to_picture(self, name: str, value: np.ndarray) -> Any:
        """[1, C, H, W] in [0, 1] -> the same in whole steps of 0 to 255, as a picture where Core ML runs it."""
        steps = _whole_steps(value * 255)
        if self._program:
            return steps
        pixels = steps[0].astype(np.uint8)
        return Image.fromarray(
            pixels[0] if self._images[name] == "L" else pixels.transpose(1, 2, 0), self._images[name]
        )

    def _check_names(self, description: Any) -> None:
        for role, features, expected in (
            ("inputs", description.input, self.contract.input_names),
            ("outputs", description.output, self.contract.output_names),
        ):
            names = sorted(feature.name for feature in features)
            if names != sorted(expected):
                raise DmvtonError(
                    f"{self.path} has the {role} {', '.join(names)}; its contract says {', '.join(expected)}."
                )


def image_modes(path: Path, description: Any) -> dict[str, str]:
    """Each image input and output of a model description -> Pillow's mode of it: RGB or L."""
    modes = {}
    for feature in [*description.input, *description.output]:
        if feature.type.WhichOneof("Type") != "imageType":
            continue
        kinds = feature.type.imageType
        mode = {kinds.RGB: "RGB", kinds.GRAYSCALE: "L"}.get(kinds.colorSpace)
        if mode is None:
            space = kinds.ColorSpace.Name(kinds.colorSpace)
            raise DmvtonError(f"{path} has the image {feature.name!r} in {space}; RGB and GRAYSCALE are known.")
        modes[feature.name] = mode
    return modes


def _open(path: Path, compute_units: str) -> Any:
    ct = import_coremltools()
    if not path.exists():
        raise DmvtonError(f"There is no Core ML package at {path}.")
    try:
        return ct.models.MLModel(str(path), compute_units=ct.ComputeUnit[compute_units])
    except Exception as error:  # Core ML's own errors reach Python as RuntimeError, coremltools' as bare Exception
        raise DmvtonError(f"Core ML cannot open {path}: {error}") from error


def _from_picture(value: Any) -> np.ndarray:
    """A picture, or [1, C, H, W] in 0 to 255 -> [1, C, H, W] in [0, 1], whole steps of 1/255."""
    if isinstance(value, np.ndarray):
        return _whole_steps(value) / 255
    channels = 3 if "B" in value.getbands() else 1  # Core ML hands colour back with an alpha channel
    pixels = np.asarray(value, dtype=np.float32).reshape(value.height, value.width, -1)[:, :, :channels]
    return pixels.transpose(2, 0, 1)[np.newaxis] / 255


def _whole_steps(value: np.ndarray) -> np.ndarray:
    return np.rint(value.astype(np.float32)).clip(0, 255)
