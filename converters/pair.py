"""The components of one target in one precision: lowered, exported, proved one after the other."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import dmvton_mobile
from converters.exporters.exported import Exported
from converters.plan import Plan
from converters.registry import export_component
from converters.results import Row
from converters.source import Source
from converters.target import Delegate, layouts, lower
from converters.verification import Proof, Reference, verify_component
from dmvton_mobile.bundles.manifest import DEVICE_ONLY, Artifact
from dmvton_mobile.components import ComponentExample, component_examples
from dmvton_mobile.contract import Component
from dmvton_mobile.errors import CheckFailed
from dmvton_mobile.networks import TryOnNetwork, build_network
from dmvton_mobile.networks.config import Quantization
from dmvton_mobile.targets import Precision, Target, artifact_path

if TYPE_CHECKING:
    from converters.exporters.onnx_nncf import NncfQuantizer


@dataclass(frozen=True)
class Pair:
    """The components of one target in one precision. nncf: what makes them where that is int8, if not PT2E."""

    plan: Plan
    precision: Precision
    target: Target
    source: Source
    exportable: TryOnNetwork
    reference: Reference
    nncf: "NncfQuantizer | None"

    def convert(
        self, folder: Path, *, on_row: Callable[[Row], None], on_step: Callable[[str], None]
    ) -> tuple[list[Artifact], list[str]]:
        """Writes and proves them; gives those that were proved, and what to say of the others."""
        target, delegate = self.target, self.plan.delegate
        lowered = lower(self.exportable, target, delegate)
        examples = component_examples(lowered, self.plan.components.members, layouts(target, delegate), self.plan.size)
        paths = [folder / artifact_path(each.contract.component, target, self.precision) for each in examples]
        exports = self._exports(examples, paths)
        made: list[tuple[ComponentExample, Path]] = []
        artifacts: list[Artifact] = []
        failures: list[str] = []
        for example, path in zip(examples, paths, strict=True):
            component = example.contract.component
            on_step(f"{target} {self.precision} {component}")
            started = time.perf_counter()
            path.parent.mkdir(exist_ok=True)
            exported = next(exports)
            made.append((example, path))
            try:
                proof = self._prove(made)
            except CheckFailed as error:
                failures.append(str(error))
                on_row(Row(target, component, exported, None, time.perf_counter() - started, "failed"))
                continue
            artifacts.append(
                Artifact(
                    target=target,
                    precision=self.precision,
                    path=path.relative_to(folder).as_posix(),
                    contract=example.contract,
                    kept_float32=(*exported.kept_float32, *self._kept()),
                    parity=proof.figures,
                    footprint=exported.footprint,
                    reproducible=exported.reproducible,
                    evaluator=proof.evaluator,
                )
            )
            status = "verified" if proof.figures else DEVICE_ONLY
            on_row(Row(target, component, exported, artifacts[-1], time.perf_counter() - started, status))
        list(exports)  # whatever is to be done after the last
        return artifacts, failures

    def _exports(self, examples: list[ComponentExample], paths: list[Path]) -> Iterator[Exported]:
        """Writes the next component each time it is asked for one."""
        if self.nncf is not None and self.precision is Precision.INT8:
            yield from self.nncf.export(examples, paths)
            return
        for example, path in zip(examples, paths, strict=True):
            about = _describe(self.source, example.contract.component)
            yield export_component(example, path, self.target, self.precision, self.plan.delegate, about)

    def _prove(self, made: list[tuple[ComponentExample, Path]]) -> Proof:
        if self.target is Target.EXECUTORCH and self.plan.delegate is not Delegate.XNNPACK:
            return Proof((), DEVICE_ONLY)  # no host has these backends; the bundle says that nothing was compared
        return verify_component(self.target, self.precision, made, self.reference)

    def _kept(self) -> tuple[str, ...]:
        """The layers that a quantized network keeps in float32, and why."""
        quantization = quantization_of(self.source, self.nncf) if self.precision is Precision.INT8 else None
        if quantization is None:
            return ()
        from dmvton_mobile.quantization import float_layers

        named = build_network(self.source.network.config.name)
        layers = (f"{kept.layer}: {kept.reason}" for kept in float_layers(named, quantization.keep_float))
        return ("matching, sampling positions, warps and composition: what decides where, and pixels", *layers)


def _describe(source: Source, component: Component) -> dict[str, str]:
    card, name = source.card, source.network.config.name
    weights = "trained" if card and card.trained else "untrained"
    return {
        "author": "DM-VTON Mobile",
        "license": (card and card.licence) or "not set",
        "version": dmvton_mobile.__version__,
        "short_description": f"Virtual try-on, {component} of {name}, {weights} weights",
        "network": name,
        "weights": weights,
    }


def quantization_of(source: Source, nncf: "NncfQuantizer | None") -> Quantization | None:
    """Of a source's int8 artifacts."""
    return source.network.config.quantization if nncf is None else nncf.record
