"""What an agent is given to measure the artifacts of one target and precision: its job and the files that it names."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from benchmarks.suite import Suite
from dmvton_mobile.bundles.bundle import Bundle
from dmvton_mobile.bundles.golden import golden_tensors
from dmvton_mobile.bundles.manifest import Artifact
from dmvton_mobile.contract import Component, ComponentContract
from dmvton_mobile.runtimes.session import to_artifact
from dmvton_mobile.targets import Precision, Target
from dmvton_mobile.tryon import held_components

AGENT = Path(__file__).parents[1] / "measure" / "agent.py"


@dataclass(frozen=True)
class Work:
    """One process of an agent: what is measured, and for how long."""

    bundle: Bundle
    target: Target
    precision: Precision
    threads: int
    round: int
    suite: Suite
    slow_down: float = 0.0

    @property
    def artifacts(self) -> list[Artifact]:
        """In the order that they run. Raises BundleError where one is missing."""
        return held_components(self.bundle, self.target, self.precision)

    @property
    def last(self) -> ComponentContract:
        return self.artifacts[-1].contract

    def files(self) -> Iterator[tuple[str, Path]]:
        """The artifacts: the name that the job gives each, and where it lies."""
        for item in self.artifacts:
            yield Path(item.path).name, self.bundle.folder / item.path

    def tensors(self) -> Iterator[tuple[str, np.ndarray]]:
        """The golden inputs, in the artifacts' layouts: the name that the job gives each, and the array."""
        golden, _ = golden_tensors(self.bundle, self.precision)
        for item in self.artifacts:
            for tensor in item.contract.inputs:
                if tensor.name in golden:
                    yield _tensor_file(item.contract.component, tensor.name), to_artifact(tensor, golden[tensor.name])

    def job(self, place: Callable[[str], str], outputs: str) -> JsonValue:
        """place: where the agent finds a file of those names. outputs: the folder that takes the frame's outputs."""
        golden, _ = golden_tensors(self.bundle, self.precision)
        parts: list[JsonValue] = []
        for (name, _), item in zip(self.files(), self.artifacts, strict=True):
            component = item.contract.component
            until = self.suite.garment if component is Component.GARMENT_ENCODER else self.suite.frame
            inputs: dict[str, JsonValue] = {
                taken: place(_tensor_file(component, taken)) if taken in golden else None
                for taken in item.contract.input_names
            }
            given: list[JsonValue] = list(item.contract.output_names)
            parts.append(
                {
                    "component": component,
                    "artifact": place(name),
                    "inputs": inputs,
                    "outputs": given,
                    "until": until.model_dump(),
                }
            )
        suite = self.suite
        return {
            "target": self.target,
            "threads": self.threads,
            "warmup_runs": suite.warmup_runs,
            "outputs": outputs,
            "parts": parts,
            "camera": suite.camera.model_dump() if suite.camera else None,
            "sustained": suite.sustained.model_dump() if suite.sustained else None,
            "slow_down": self.slow_down,
        }


def _tensor_file(component: Component, name: str) -> str:
    return f"{component}-{name}.npy"
