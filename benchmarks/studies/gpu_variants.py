"""Variants in which a network runs on a GPU: PyTorch's, and those of ONNX Runtime if it is built for GPUs."""

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.studies.variants import export_baseline
from dmvton_mobile.contract import DEFAULT_SIZE, to_signed, to_unit
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork, TryOnOutput
from dmvton_mobile.targets import Target

GPU_VARIANTS = ("eager", "channels-last", "compiled", "fp16", "cuda-graph", "onnxruntime-cuda", "onnxruntime-tensorrt")
CUDA_ONLY = GPU_VARIANTS[3:]  # fp16: on the CPU it gave NaN once, depending on what ran before
DEPRECATED_NAMES = {"half": "fp16"}
PROVIDERS = {"onnxruntime-cuda": "CUDAExecutionProvider", "onnxruntime-tensorrt": "TensorrtExecutionProvider"}

Inputs = tuple[Tensor, Tensor, Tensor]  # person, garment, garment_mask
RunOnce = Callable[[], object]


def random_inputs(device: torch.device) -> Inputs:
    """Uniform with a fixed seed: person and garment [1, 3, H, W] in [-1, 1], the mask [1, 1, H, W] in [0, 1]."""
    generator = torch.Generator().manual_seed(0)
    person, garment = (to_signed(torch.rand(1, 3, *DEFAULT_SIZE, generator=generator)) for _ in range(2))
    mask = torch.rand(1, 1, *DEFAULT_SIZE, generator=generator)
    return person.to(device), garment.to(device), mask.to(device)


def prepare_variant(variant: str, network: TryOnNetwork, inputs: Inputs) -> tuple[Callable[[], Tensor], RunOnce | None]:
    """Prepares a network to run in a variant.

    Args:
        variant: One of GPU_VARIANTS.
        network: On its device.
        inputs: On the same device.

    Returns:
        A function that runs the whole network and returns the try-on, and one that runs a frame alone; None for a
        variant without a frame of its own.
    """
    if variant in PROVIDERS:
        return _in_onnxruntime(PROVIDERS[variant], network, inputs), None
    if variant == "cuda-graph":
        return _captured(network, inputs), None
    if variant in ("channels-last", "fp16"):
        network = copy.deepcopy(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        inputs = tuple(value.contiguous(memory_format=torch.channels_last) for value in inputs)  # type: ignore[assignment]
    if variant == "fp16":
        network, inputs = network.half(), tuple(value.half() for value in inputs)  # type: ignore[assignment]
    forward = torch.compile(network) if variant == "compiled" else network
    person, garment, mask = inputs
    features = network.encode_garment(garment, mask)
    return lambda: _tryon(forward(*inputs)), lambda: forward(person, garment_features=features)


def _tryon(output: TryOnOutput) -> Tensor:
    return output.tryon


def _captured(network: TryOnNetwork, inputs: Inputs) -> Callable[[], Tensor]:
    """Records the kernels of one run as a CUDA graph, which is launched at once."""
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):  # the set-up of libraries in a first run must not be recorded
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
    """Opens the baseline export with its inputs and outputs bound to the device."""
    import onnxruntime

    if provider not in onnxruntime.get_available_providers():
        raise DmvtonError(f"This ONNX Runtime has no {provider}: pip install onnxruntime-gpu.")
    index = inputs[0].device.index or 0
    with tempfile.TemporaryDirectory() as folder:
        baseline = export_baseline(Target.ONNX, Path(folder), copy.deepcopy(network).cpu())
        session = onnxruntime.InferenceSession(baseline.path, providers=[(provider, {"device_id": index})])
    contract, binding = baseline.example.contract, session.io_binding()
    values = [(to_unit(value) if value.shape[1] == 3 else value).contiguous() for value in inputs]  # RGB in [0, 1]
    for name, value in zip(contract.input_names, values, strict=True):
        binding.bind_input(name, "cuda", index, np.float32, tuple(value.shape), value.data_ptr())
    tryon = torch.empty_like(values[0])
    for name in contract.output_names:
        if name == "tryon":
            binding.bind_output(name, "cuda", index, np.float32, tuple(tryon.shape), tryon.data_ptr())
        else:
            binding.bind_output(name, "cuda", index)

    def run() -> Tensor:
        session.run_with_iobinding(binding)
        return to_signed(tryon)

    return run
