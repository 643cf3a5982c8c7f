"""Forms that a network runs in on a GPU: all of PyTorch's, and ONNX Runtime's where it is installed for one."""

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.studies.forms import plain
from dmvton_mobile.contract import DEFAULT_SIZE
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork, TryOnOutput
from dmvton_mobile.targets import Target

FORMS = ("eager", "channels-last", "compiled", "half", "cuda-graph", "onnxruntime-cuda", "onnxruntime-tensorrt")
ON_CUDA_ONLY = FORMS[3:]  # half: on the CPU it gave NaN once, depending on what ran before
PROVIDERS = {"onnxruntime-cuda": "CUDAExecutionProvider", "onnxruntime-tensorrt": "TensorrtExecutionProvider"}

Inputs = tuple[Tensor, Tensor, Tensor]  # person, garment, garment_mask
Run = Callable[[], object]


def random_inputs(device: torch.device) -> Inputs:
    """Uniform, of one fixed seed: person and garment in [-1, 1], the mask in [0, 1]."""
    generator = torch.Generator().manual_seed(0)
    person, garment = (torch.rand(1, 3, *DEFAULT_SIZE, generator=generator) * 2 - 1 for _ in range(2))
    mask = torch.rand(1, 1, *DEFAULT_SIZE, generator=generator)
    return person.to(device), garment.to(device), mask.to(device)


def prepared(form: str, network: TryOnNetwork, inputs: Inputs) -> tuple[Callable[[], Tensor], Run | None]:
    """A run of the whole network that gives the try-on, and of a frame alone, or None."""
    if form in PROVIDERS:
        return _in_onnxruntime(PROVIDERS[form], network, inputs), None
    if form == "cuda-graph":
        return _captured(network, inputs), None
    if form in ("channels-last", "half"):
        network = copy.deepcopy(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        inputs = tuple(value.contiguous(memory_format=torch.channels_last) for value in inputs)  # type: ignore[assignment]
    if form == "half":
        network, inputs = network.half(), tuple(value.half() for value in inputs)  # type: ignore[assignment]
    forward = torch.compile(network) if form == "compiled" else network
    person, garment, mask = inputs
    features = network.encode_garment(garment, mask)
    return lambda: _tryon(forward(*inputs)), lambda: forward(person, garment_features=features)


def _tryon(output: TryOnOutput) -> Tensor:
    return output.tryon


def _captured(network: TryOnNetwork, inputs: Inputs) -> Callable[[], Tensor]:
    """The kernels of one run, recorded and launched as one."""
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):  # what libraries set up in a first run must not be recorded
        for _ in range(3):
            network(*inputs)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = network(*inputs)

    def run() -> Tensor:
        graph.replay()
        return output.tryon

    return run


def _in_onnxruntime(provider: str, network: TryOnNetwork, inputs: Inputs) -> Callable[[], Tensor]:
    """The plain export, its inputs and outputs bound to the device."""
    import onnxruntime

    if provider not in onnxruntime.get_available_providers():
        raise DmvtonError(f"This ONNX Runtime has no {provider}: pip install onnxruntime-gpu.")
    index = inputs[0].device.index or 0
    with tempfile.TemporaryDirectory() as folder:
        made = plain(Target.ONNX, Path(folder), copy.deepcopy(network).cpu())
        session = onnxruntime.InferenceSession(made.path, providers=[(provider, {"device_id": index})])
    contract, binding = made.example.contract, session.io_binding()
    values = [((value + 1) / 2 if value.shape[1] == 3 else value).contiguous() for value in inputs]  # RGB in [0, 1]
    for name, value in zip(contract.input_names, values, strict=True):
        binding.bind_input(name, "cuda", index, np.float32, tuple(value.shape), value.data_ptr())
    given = torch.empty_like(values[0])
    for name in contract.output_names:
        if name == "tryon":
            binding.bind_output(name, "cuda", index, np.float32, tuple(given.shape), given.data_ptr())
        else:
            binding.bind_output(name, "cuda", index)

    def run() -> Tensor:
        session.run_with_iobinding(binding)
        return given * 2 - 1

    return run
