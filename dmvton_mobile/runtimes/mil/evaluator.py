"""Evaluates a saved Core ML program operation by operation, so that packages are verified without a Mac."""

import logging
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, get_args, get_type_hints

import numpy as np
import torch
from torch import Tensor

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.runtimes.mil.convolution import CONVOLUTIONS
from dmvton_mobile.runtimes.mil.layout import LAYOUT
from dmvton_mobile.runtimes.mil.operations import ARITHMETIC, Function, Unsupported
from dmvton_mobile.utils.optional_imports import optional_import

OPERATIONS: dict[str, Function] = {**ARITHMETIC, **CONVOLUTIONS, **LAYOUT}

# MIL's name of a type -> the torch type that represents it. uint16 holds only indices, and torch's own can do little.
_TORCH_TYPES = {
    "fp16": torch.float32,
    "fp32": torch.float32,
    "int8": torch.int8,
    "uint8": torch.uint8,
    "int16": torch.int16,
    "uint16": torch.int32,
    "int32": torch.int32,
    "int64": torch.int64,
    "bool": torch.bool,
}


class UnknownOperation(DmvtonError):
    """The program has an operation, or an input of one, that the evaluator does not implement."""


class MilProgram:
    """A `.mlpackage` (an ML program), read back from disk and run on the CPU with torch.

    The program declares the precision: a value declared fp16 is rounded to fp16 after every operation. Inside one
    operation the arithmetic is fp32: an fp16 convolution multiplies fp16 numbers, accumulates in fp32 and rounds once,
    as hardware with fp32 accumulation does; fp16 accumulation is less exact.

    An image input (`ct.ImageType`) is an ordinary float input here: [1, 3, H, W], red first ([1, 1, H, W] for
    greyscale), 0 to 255, as Core ML passes a picture to the program. For an ML program coremltools writes the type's
    `scale` and `bias` into the program itself, as the first operations on it (`NAME__scaled__`, a mul, and
    `NAME__biased__`, an add); the package's description keeps only size and colour space. An image output is 0 to 255.

    Every operation is looked up before anything runs.

    Args:
        path: the package, a folder.

    Raises:
        UnknownOperation: the evaluator does not implement an operation of the program.
        NotInstalledError: coremltools is not installed.
        DmvtonError: there is no package, or it is incomplete.
    """

    def __init__(self, path: Path):
        self.path = path
        ct = import_coremltools()
        if not path.exists():
            raise DmvtonError(f"There is no Core ML package at {path}.")
        try:
            model = ct.models.MLModel(str(path), skip_model_load=True)
        except Exception as error:  # coremltools raises whatever its parser or the file system raised
            raise DmvtonError(f"{path} is not a Core ML package that can be read: {error}") from error
        spec = model.get_spec()
        self.description = spec.description
        self._check_operations(spec)
        function = self._load(ct, spec, model.weights_dir)
        self._inputs = {name: placeholder.outputs[0] for name, placeholder in function.placeholder_inputs.items()}
        self._outputs = list(function.outputs)
        constant = {var: op for op in function.operations if _is_constant(op.op_type) for var in op.outputs}
        self._steps = [self._step(op) for op in function.operations if not _is_constant(op.op_type)]
        read = {var for step in self._steps for var in step.variables()} | set(self._outputs)
        self._constants = {var: _constant(var, op) for var, op in constant.items() if var in read}
        self._last_use = {var: index for index, step in enumerate(self._steps) for var in step.variables()}

    @property
    def input_names(self) -> list[str]:
        """The inputs' names, in the program's order."""
        return list(self._inputs)

    @property
    def output_names(self) -> list[str]:
        """The outputs' names, in the program's order."""
        return [var.name for var in self._outputs]

    @property
    def operation_types(self) -> dict[str, int]:
        """How often each operation occurs, without constants."""
        types = [step.operation.op_type for step in self._steps]
        return {name: types.count(name) for name in sorted(set(types))}

    @torch.inference_mode()
    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Runs the program.

        Args:
            inputs: every input by name, in the shape that the program declares.

        Returns:
            Every output by name, in the shape and type that the program declares.

        Raises:
            DmvtonError: an input is missing or of another shape, or an operation cannot be evaluated.
        """
        values: dict[Any, Tensor | str] = dict(self._constants)
        for name, var in self._inputs.items():
            if name not in inputs:
                raise DmvtonError(f"{self.path.name} needs the input {name!r}; given: {', '.join(inputs)}.")
            value = torch.tensor(inputs[name])
            if not _fits(var, value):
                raise DmvtonError(
                    f"{self.path.name} takes {name} as {tuple(var.shape)}; this one is {tuple(value.shape)}."
                )
            values[var] = _represented(var, value)
        kept = set(self._constants) | set(self._outputs)
        for index, step in enumerate(self._steps):
            values.update(self._evaluate(step, values))
            for var in step.variables():
                if self._last_use[var] == index and var not in kept:
                    values.pop(var, None)
        return {var.name: _declared(var, values[var]) for var in self._outputs}

    def _evaluate(self, step: "_Step", values: Mapping[Any, Tensor | str]) -> dict[Any, Tensor]:
        operation = step.operation
        try:
            result = step.function(**step.arguments(values))
        except (Unsupported, RuntimeError, ValueError, IndexError) as error:
            raise DmvtonError(f"{self.path}: operation {operation.op_type} {operation.name!r}: {error}") from error
        results = [result] if isinstance(result, Tensor) else list(result)
        for var, value in zip(operation.outputs, results, strict=True):
            if not _fits(var, value):
                raise DmvtonError(
                    f"{self.path}: operation {operation.op_type} {operation.name!r} gave {tuple(value.shape)}, "
                    f"but the program declares {tuple(var.shape)}."
                )
        return {var: _represented(var, value) for var, value in zip(operation.outputs, results)}

    def _check_operations(self, spec: Any) -> None:
        if spec.WhichOneof("Type") != "mlProgram" or "main" not in spec.mlProgram.functions:
            raise DmvtonError(
                f"{self.path} is a Core ML {spec.WhichOneof('Type')}, not an ML program with a main function."
            )
        main = spec.mlProgram.functions["main"]
        for operation in main.block_specializations[main.opset].operations:
            if operation.type not in OPERATIONS and not _is_constant(operation.type):
                name = operation.outputs[0].name if operation.outputs else "without a result"
                raise UnknownOperation(
                    f"{self.path} has the operation {operation.type!r} ({name}), which the evaluator does not know. "
                    "Run the package on a Mac, or add the operation to dmvton_mobile/runtimes/mil/operations.py."
                )

    def _step(self, operation: Any) -> "_Step":
        function = OPERATIONS[operation.op_type]
        for name, var in operation.inputs.items():
            if var is not None and name not in _parameters(function):
                raise UnknownOperation(
                    f"{self.path}: operation {operation.op_type} {operation.name!r} has an input {name!r}, "
                    "which the evaluator does not know."
                )
        return _Step(operation, function)

    def _load(self, ct: ModuleType, spec: Any, weights: str | None) -> Any:
        try:
            program = ct.converters.mil.frontend.milproto.load.load(
                spec, specification_version=spec.specificationVersion, file_weights_dir=weights or ""
            )
        # its reader of weights and its shape rules raise any of these
        except (RuntimeError, ValueError, KeyError, AssertionError, OSError) as error:
            place = Path(weights) / "weight.bin" if weights else self.path
            raise DmvtonError(
                f"{place} of {self.path.name} cannot be read; the package is incomplete: {error}"
            ) from error
        return program.functions["main"]


class _Step(NamedTuple):
    """One operation and the function that computes it."""

    operation: Any
    function: Function

    def variables(self) -> Iterator[Any]:
        """Every variable that the operation reads or writes."""
        for value in self.operation.inputs.values():
            if isinstance(value, (list, tuple)):
                yield from value
            elif value is not None:
                yield value
        yield from self.operation.outputs

    def arguments(self, values: Mapping[Any, Tensor | str]) -> dict[str, Any]:
        """The function's arguments: tensors where its annotation says so, else plain values; None where absent."""
        arguments: dict[str, Any] = {}
        for name, is_tensor in _parameters(self.function).items():
            var = self.operation.inputs.get(name)
            if var is None:
                arguments[name] = None
            elif isinstance(var, (list, tuple)):
                arguments[name] = [values[item] for item in var]
            else:
                value = values[var]
                arguments[name] = value if is_tensor or isinstance(value, str) else value.tolist()
        return arguments


def import_coremltools() -> ModuleType:
    """coremltools, with its reader of saved programs. Raises NotInstalledError."""
    # off a Mac it warns of every Apple library that is not there
    logging.getLogger("coremltools").setLevel(logging.ERROR)
    with optional_import("Core ML packages need", extra="coreml"):
        import_module("coremltools.converters.mil.frontend.milproto.load")  # coremltools does not import it by itself
        return import_module("coremltools")


@cache
def _parameters(function: Function) -> dict[str, bool]:
    """The function's parameters -> whether each takes a tensor (or None, or a list of tensors)."""
    hints = {name: hint for name, hint in get_type_hints(function).items() if name != "return"}
    return {name: hint is Tensor or Tensor in get_args(hint) for name, hint in hints.items()}


def _is_constant(kind: str) -> bool:
    return kind == "const" or kind.startswith("constexpr_")


def _constant(var: Any, operation: Any) -> Tensor | str:
    """The value of a constant; coremltools unpacks compressed ones (constexpr_*)."""
    value = var.val if operation.op_type == "const" else operation.materialized_val_inference()
    return value if isinstance(value, str) else _represented(var, torch.tensor(value))


def _type_name(var: Any) -> str:
    return import_coremltools().converters.mil.mil.types.builtin_to_string(var.dtype)


def _represented(var: Any, value: Tensor) -> Tensor:
    """The value in the type that the program declares for var; fp16 as float32 of the same number."""
    name = _type_name(var)
    if name not in _TORCH_TYPES:
        raise DmvtonError(f"The evaluator does not know the type {name} of {var.name!r}.")
    return value.to(torch.float16).to(torch.float32) if name == "fp16" else value.to(_TORCH_TYPES[name])


def _declared(var: Any, value: Tensor | str) -> np.ndarray:
    assert isinstance(value, Tensor)
    array = value.numpy()
    return array.astype(np.float16) if _type_name(var) == "fp16" else array


def _fits(var: Any, value: Tensor) -> bool:
    """Whether the value has the declared shape; a dimension left open (a symbol) takes any size."""
    declared = tuple(var.shape)
    return len(declared) == value.dim() and all(
        not isinstance(size, (int, np.integer)) or size == length for size, length in zip(declared, value.shape)
    )
