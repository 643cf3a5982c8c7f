"""Widths of layers: a pruned network is the named network with narrower layers, and its widths build it again."""

from collections.abc import Mapping

import torch
from pydantic import StrictInt
from torch import nn

from dmvton_mobile.errors import DmvtonError

Widths = Mapping[str, tuple[StrictInt, StrictInt]]  # layer, as a path of modules -> its input and output channels
Layer = nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d


def widths_of(network: nn.Module) -> dict[str, tuple[int, int]]:
    """The channels of every convolution and batch norm."""
    layers = {name: module for name, module in network.named_modules() if isinstance(module, Layer)}
    return {name: _width(layer) for name, layer in layers.items()}


def narrow(network: nn.Module, widths: Widths) -> None:
    """Narrows layers, in place; their weights are freshly initialised.

    Args:
        network: as `build_network` returns it.
        widths: input and output channels of each layer that is narrowed.

    Raises:
        DmvtonError: a layer is not there, or a width is zero or larger than the layer's.
    """
    known = widths_of(network)
    for name, (inputs, outputs) in widths.items():
        if name not in known:
            raise DmvtonError(f"The widths name {name}, and the network has no such convolution or batch norm.")
        layer = network.get_submodule(name)
        same_channels = isinstance(layer, nn.BatchNorm2d) or getattr(layer, "groups", 1) == known[name][0] > 1
        fits = 1 <= inputs <= known[name][0] and 1 <= outputs <= known[name][1]
        if not fits or (same_channels and inputs != outputs):
            before = " to ".join(map(str, known[name]))
            raise DmvtonError(f"{name} has {before} channels and cannot be narrowed to {inputs} to {outputs}.")
        _replace(network, network.get_submodule(name), inputs, outputs)


def require_fit(network: nn.Module, height: int, width: int) -> None:
    """Runs the network once on pictures of that size. Raises DmvtonError where its layers do not fit each other."""
    picture = torch.zeros(1, 3, height, width)
    training = network.training
    try:
        with torch.no_grad():
            network.eval()(picture, picture, picture[:, :1])
    except RuntimeError as error:
        raise DmvtonError(f"The widths do not fit each other: {str(error).splitlines()[0]}") from error
    finally:
        network.train(training)


def _width(layer: Layer) -> tuple[int, int]:
    if isinstance(layer, nn.BatchNorm2d):
        return layer.num_features, layer.num_features
    return layer.in_channels, layer.out_channels


def _replace(network: nn.Module, layer: nn.Module, inputs: int, outputs: int) -> None:
    """Replaces a layer under every path it has: one convolution smooths all levels of a mobile pyramid."""
    assert isinstance(layer, Layer)
    narrowed = _narrowed(layer, inputs, outputs)
    for parent in list(network.modules()):
        for name, child in list(parent._modules.items()):  # named_children() leaves a module's other names out
            if child is layer:
                setattr(parent, name, narrowed)


def _narrowed(layer: Layer, inputs: int, outputs: int) -> Layer:
    if isinstance(layer, nn.BatchNorm2d):
        return nn.BatchNorm2d(outputs, layer.eps, layer.momentum)
    if layer.groups not in (1, layer.in_channels):
        raise DmvtonError(f"A convolution in {layer.groups} groups of several channels cannot be narrowed.")
    return type(layer)(
        inputs,
        outputs,
        layer.kernel_size,  # type: ignore[arg-type]
        layer.stride,  # type: ignore[arg-type]
        layer.padding,  # type: ignore[arg-type]
        groups=inputs if layer.groups > 1 else 1,
        bias=layer.bias is not None,
    )
