"""What an agent measures of one target and precision of a bundle: its job, the files that it needs, and its run."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.measure.collector import EventCollector
from benchmarks.measure.job import AgentJob, ComponentJob, input_files
from benchmarks.run_record import Run
from benchmarks.suite import Suite
from dmvton_mobile.bundles.bundle import Bundle
from dmvton_mobile.bundles.golden import golden_tensors
from dmvton_mobile.bundles.manifest import Artifact
from dmvton_mobile.contract import Component, ComponentContract
from dmvton_mobile.runtimes.bundled import bundled_components
from dmvton_mobile.runtimes.session import to_native
from dmvton_mobile.targets import Precision, Target


@dataclass(frozen=True)
class AgentTask:
    """One process of an agent.

    Attributes:
        bundle: Whose artifacts are measured.
        target: Of the artifacts.
        precision: Of the artifacts.
        threads: CPU threads of the runtime.
        round: Number of the round, from 1.
        suite: How long everything runs.
        slow_down: See `AgentJob`.
    """

    bundle: Bundle
    target: Target
    precision: Precision
    threads: int
    round: int
    suite: Suite
    slow_down: float = 0.0

    @property
    def artifacts(self) -> list[Artifact]:
        """The artifacts in the order that they run.

        Raises:
            BundleError: One is missing.
        """
        return bundled_components(self.bundle, self.target, self.precision)

    @property
    def frame(self) -> ComponentContract:
        """The component that runs once per frame."""
        return self.artifacts[-1].contract

    def files(self) -> Iterator[tuple[str, Path]]:
        """The name that the job gives each artifact, and the artifact's path here."""
        for item in self.artifacts:
            yield Path(item.path).name, self.bundle.folder / item.path

    def tensors(self) -> Iterator[tuple[str, np.ndarray]]:
        """The file name that the job gives each golden input, and the input in the artifact's layout."""
        golden, _ = golden_tensors(self.bundle, self.precision)
        for item in self.artifacts:
            for tensor in item.contract.inputs:
                if tensor.name in golden:
                    yield _tensor_file(item.contract.component, tensor.name), to_native(tensor, golden[tensor.name])

    def job(self, locate: Callable[[str], str], outputs: str) -> AgentJob:
        """The agent's job.

        Args:
            locate: The path, where the agent runs, of a file by its name in `files` or `tensors`.
            outputs: The folder, where the agent runs, for the frame's outputs.
        """
        golden, _ = golden_tensors(self.bundle, self.precision)
        suite, components = self.suite, []
        for (file, _), item in zip(self.files(), self.artifacts, strict=True):
            component, names = item.contract.component, item.contract.input_names
            tensors = {name: locate(_tensor_file(component, name)) for name in names if name in golden}
            components.append(
                ComponentJob(
                    component=component,
                    artifact=locate(file),
                    inputs=input_files(names, tensors),
                    outputs=tuple(item.contract.output_names),
                    until=suite.garment if component is Component.GARMENT_ENCODER else suite.frame,
                )
            )
        return AgentJob(
            target=self.target,
            threads=self.threads,
            warmup_runs=suite.warmup_runs,
            components=tuple(components),
            outputs=outputs,
            camera=suite.camera,
            sustained=suite.sustained,
            slow_down=self.slow_down,
        )

    def run(self, events: EventCollector, exit_failure: str | None = None) -> Run:
        """The record of what was measured.

        Args:
            events: What the agent sent.
            exit_failure: How its process ended, if it failed without saying so.
        """
        return Run(
            target=self.target,
            precision=self.precision,
            threads=self.threads,
            round=self.round,
            affinity=events.affinity,
            versions=events.versions,
            before=events.before,
            after=events.after,
            loads=events.loads,
            series=events.series,
            memory=events.memory,
            failure=events.failure(exit_failure),
        )


def _tensor_file(component: Component, name: str) -> str:
    return f"{component}-{name}.npy"
