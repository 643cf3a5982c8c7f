"""PyTorch as a runtime: the reference that every artifact is compared with."""

from pathlib import Path

import numpy as np
import torch

from dmvton_mobile.components import component_examples
from dmvton_mobile.contract import DEFAULT_SIZE, Component
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.runtimes.session import Session


class TorchSession(Session):
    """A component of a network in eval mode; its native layout is NCHW.

    Args:
        network: a parser-free network.
        component: the part of it to run.
        size: height and width of its pictures.
    """

    evaluator = "PyTorch"

    def __init__(self, network: TryOnNetwork, component: Component, size: tuple[int, int] = DEFAULT_SIZE):
        [example] = component_examples(network.eval(), (component,), size=size)
        super().__init__(Path(f"{network.config.name}/{component}"), example.contract, torch.get_num_threads())
        self._graph = example.graph

    @torch.no_grad()
    def run_native(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """Runs the component's graph without gradients."""
        return [output.numpy() for output in self._graph(*(torch.from_numpy(value) for value in inputs))]
