"""What ran in a frame: every operation by the name that the runtime gives it, how long where it tells, and summed by
kernel.

ONNX Runtime's own profile; the operations of LiteRT's plan, whose interpreter in Python tells no times; ExecuTorch's
event trace.
"""

import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.measure.process import Part
from benchmarks.record import Operation
from converters.exporters.quiet import quiet
from dmvton_mobile.records.base import Strict
from dmvton_mobile.targets import Target

RUNS = 10  # after one that does not count
AROUND = ("Method::execute", "DELEGATE_CALL", "OPERATOR_CALL")  # ExecuTorch's names of what kernels run in
XNNPACK = "XNNPACK"


class Kernel(Strict):
    """milliseconds: of a run, all its calls together; None where the runtime does not tell."""

    name: str
    count: int
    milliseconds: float | None


def operations(target: Target, part: Part, threads: int) -> list[Operation] | None:
    """Of one run, in its order; None for a runtime that names none."""
    if target is Target.ONNX:
        return list(_of_onnx(part, threads))
    if target is Target.TFLITE:
        return list(_of_litert(part.path))
    if target is Target.EXECUTORCH:
        return list(_of_executorch(part, threads))
    return None


def kernels(target: Target, part: Part, threads: int) -> list[Kernel] | None:
    """`operations` by kind and backend, those that take longest first."""
    found = operations(target, part, threads)
    return None if found is None else summed(found)


def summed(found: Iterable[Operation]) -> list[Kernel]:
    """By kind and backend, those that take longest first."""
    counts: dict[str, int] = defaultdict(int)
    times: dict[str, float | None] = {}
    for each in found:
        name = f"{each.kind}, {each.backend}" if each.backend else each.kind
        counts[name] += 1
        times[name] = None if each.milliseconds is None else (times.get(name) or 0.0) + each.milliseconds
    made = [Kernel(name=name, count=count, milliseconds=times[name]) for name, count in counts.items()]
    return sorted(made, key=lambda kernel: (-(kernel.milliseconds or 0.0), -kernel.count, kernel.name))


def _of_onnx(part: Part, threads: int) -> Iterator[Operation]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_profiling = True
    fed = dict(zip(part.contract.input_names, part.inputs, strict=True))
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(part.path, options, providers=["CPUExecutionProvider"])
        for _ in range(1 + RUNS):
            session.run(None, fed)
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


def _of_litert(path: Path) -> Iterator[Operation]:
    """Named by their first outputs."""
    from ai_edge_litert.interpreter import Interpreter

    from converters.exporters.tflite import planned

    tensors = {detail["index"]: detail for detail in Interpreter(str(path)).get_tensor_details()}
    for operation, delegated in planned(path):
        output = tensors.get(operation["outputs"][0])
        made = np.dtype(output["dtype"]).name if output else "float32"
        name = output["name"] if output and output["name"] else f"operation {operation['index']}"
        yield Operation(
            name=name[-1000:], kind=f"{operation['op_name']} {made}", backend=XNNPACK if delegated else None
        )


def _of_executorch(part: Part, threads: int) -> Iterator[Operation]:
    from executorch.devtools import Inspector
    from executorch.runtime import Runtime

    torch.set_num_threads(threads)
    fed = [torch.from_numpy(value) for value in part.inputs]
    with tempfile.TemporaryDirectory() as folder, quiet():
        program = Runtime.get().load_program(part.path, enable_etdump=True)
        method = program.load_method("forward")
        for _ in range(1 + RUNS):
            method.execute(fed)
        trace = Path(folder) / "trace.etdp"
        program.write_etdump_result_to_file(str(trace), str(Path(folder) / "buffers.bin"))
        blocks: Any = Inspector(etdump_path=str(trace)).event_blocks
    for block in blocks:
        if block.name == "Execute":
            for event in block.events:
                if event.name not in AROUND:
                    kind = re.sub(r" #\d+$", "", event.name)  # XNNPACK numbers its shapes
                    backend = XNNPACK if event.delegate_backend_name or event.is_delegated_op else None
                    yield Operation(name=event.name, kind=kind, backend=backend, milliseconds=event.perf_data.avg)
