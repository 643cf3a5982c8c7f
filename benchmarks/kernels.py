"""What ran: the kernels of a frame by the names that the runtime gives them, how often, and how long where it tells.

ONNX Runtime's own profile; the operations of LiteRT's plan, which tells no times; ExecuTorch's event trace.
"""

import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.process import Part
from converters.quiet import quiet
from dmvton_mobile.files import Strict
from dmvton_mobile.targets import Target

RUNS = 10  # after one that does not count
AROUND = ("Method::execute", "DELEGATE_CALL", "OPERATOR_CALL")  # ExecuTorch's names of what kernels run in


class Kernel(Strict):
    """milliseconds: of a run, all its calls together; None where the runtime does not tell."""

    name: str
    count: int
    milliseconds: float | None


def kernels(target: Target, part: Part, threads: int) -> list[Kernel] | None:
    """Of one run, those that take longest first; None for a runtime that names none."""
    if target is Target.ONNX:
        return _summed(_of_onnx(part, threads))
    if target is Target.TFLITE:
        return _summed((name, None) for name in _of_litert(part.path))
    if target is Target.EXECUTORCH:
        return _summed(_of_executorch(part, threads))
    return None


Call = tuple[str, float | None]  # its kernel, milliseconds


def _summed(calls: Iterator[Call]) -> list[Kernel]:
    counts: dict[str, int] = defaultdict(int)
    times: dict[str, float | None] = {}
    for name, milliseconds in calls:
        counts[name] += 1
        times[name] = None if milliseconds is None else (times.get(name) or 0.0) + milliseconds
    found = [Kernel(name=name, count=count, milliseconds=times[name]) for name, count in counts.items()]
    return sorted(found, key=lambda kernel: (-(kernel.milliseconds or 0.0), -kernel.count, kernel.name))


def _of_onnx(part: Part, threads: int) -> Iterator[Call]:
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
        yield kinds[name], sum(milliseconds[1:]) / RUNS


def _of_litert(path: Path) -> Iterator[str]:
    """`CONV_2D int8, XNNPACK`: what its plan holds; the interpreter that Python has tells no times."""
    from ai_edge_litert.interpreter import Interpreter

    from converters.tflite import planned

    kinds = {detail["index"]: np.dtype(detail["dtype"]).name for detail in Interpreter(str(path)).get_tensor_details()}
    for operation, delegated in planned(path):
        made = kinds.get(operation["outputs"][0], "float32")
        yield f"{operation['op_name']} {made}{', XNNPACK' if delegated else ''}"


def _of_executorch(part: Part, threads: int) -> Iterator[Call]:
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
                    yield re.sub(r" #\d+$", "", event.name), event.perf_data.avg  # XNNPACK numbers its shapes
