"""Which operations run in a frame, by the runtime's own names, how long each takes, and their sums by kernel.

ONNX Runtime is profiled; LiteRT's operations are those of its plan, because its interpreter in Python reports no times;
ExecuTorch writes an event trace.
"""

import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, assert_never

import numpy as np
import torch

from benchmarks.measure.components import MeasuredComponent
from benchmarks.run_record import Operation
from converters.exporters.vendor import quiet
from dmvton_mobile.records.base import Strict
from dmvton_mobile.targets import Target

RUNS = 10  # after one that does not count
CALLERS = ("Method::execute", "DELEGATE_CALL", "OPERATOR_CALL")  # ExecuTorch's events around those of kernels
XNNPACK = "XNNPACK"


class Kernel(Strict):
    """One kernel of a frame.

    Attributes:
        name: Kind and backend.
        count: Calls in a run.
        milliseconds: Of all its calls in a run; None where the runtime does not report times.
    """

    name: str
    count: int
    milliseconds: float | None


def operations(target: Target, component: MeasuredComponent, threads: int) -> list[Operation] | None:
    """Operations of one run, in their order; None for Core ML, which names none."""
    match target:
        case Target.ONNX:
            return list(_onnx_operations(component, threads))
        case Target.TFLITE:
            return list(_litert_operations(component.path))
        case Target.EXECUTORCH:
            return list(_executorch_operations(component, threads))
        case Target.COREML:
            return None
        case _:
            assert_never(target)


def kernels(target: Target, component: MeasuredComponent, threads: int) -> list[Kernel] | None:
    """Operations of one run, summed by kind and backend, the longest first; None for Core ML."""
    found = operations(target, component, threads)
    return None if found is None else sum_by_kernel(found)


def sum_by_kernel(operations: Iterable[Operation]) -> list[Kernel]:
    """Sums operations by kind and backend, the longest first."""
    counts: dict[str, int] = defaultdict(int)
    times: dict[str, float | None] = {}
    for each in operations:
        name = f"{each.kind}, {each.backend}" if each.backend else each.kind
        counts[name] += 1
        times[name] = None if each.milliseconds is None else (times.get(name) or 0.0) + each.milliseconds
    kernels = [Kernel(name=name, count=count, milliseconds=times[name]) for name, count in counts.items()]
    return sorted(kernels, key=lambda kernel: (-(kernel.milliseconds or 0.0), -kernel.count, kernel.name))


def _onnx_operations(component: MeasuredComponent, threads: int) -> Iterator[Operation]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(component.path, options, providers=["CPUExecutionProvider"])
        for _ in range(1 + RUNS):
            session.run(None, component.inputs)
        events = json.loads(Path(session.end_profiling()).read_text())
    spans: dict[str, list[float]] = defaultdict(list)
    kinds: dict[str, str] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            spans[event["name"]].append(event["dur"] / 1e3)
            kinds[event["name"]] = event["args"]["op_name"]
    for name, milliseconds in spans.items():
        yield Operation(
            name=name.removesuffix("_kernel_time"), kind=kinds[name], milliseconds=sum(milliseconds[1:]) / RUNS
        )


def _litert_operations(path: Path) -> Iterator[Operation]:
    """Operations are named by their first outputs."""
    from ai_edge_litert.interpreter import Interpreter

    from converters.exporters.tflite import planned_operations

    tensors = {detail["index"]: detail for detail in Interpreter(str(path)).get_tensor_details()}
    for operation, delegated in planned_operations(path):
        output = tensors.get(operation["outputs"][0])
        dtype = np.dtype(output["dtype"]).name if output else "float32"
        name = output["name"] if output and output["name"] else f"operation {operation['index']}"
        yield Operation(
            name=name[-1000:], kind=f"{operation['op_name']} {dtype}", backend=XNNPACK if delegated else None
        )


def _executorch_operations(component: MeasuredComponent, threads: int) -> Iterator[Operation]:
    from executorch.devtools import Inspector
    from executorch.runtime import Runtime

    torch.set_num_threads(threads)
    inputs = [torch.from_numpy(value) for value in component.inputs.values()]
    with tempfile.TemporaryDirectory() as folder, quiet():
        program = Runtime.get().load_program(component.path, enable_etdump=True)
        method = program.load_method("forward")
        for _ in range(1 + RUNS):
            method.execute(inputs)
        trace = Path(folder) / "trace.etdp"
        program.write_etdump_result_to_file(str(trace), str(Path(folder) / "buffers.bin"))
        blocks: Any = Inspector(etdump_path=str(trace)).event_blocks
    for block in blocks:
        if block.name == "Execute":
            for event in block.events:
                if event.name not in CALLERS:
                    kind = re.sub(r" #\d+$", "", event.name)  # XNNPACK numbers its shapes
                    backend = XNNPACK if event.delegate_backend_name or event.is_delegated_op else None
                    yield Operation(name=event.name, kind=kind, backend=backend, milliseconds=event.perf_data.avg)
