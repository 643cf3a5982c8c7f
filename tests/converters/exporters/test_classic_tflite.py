"""A .tflite file of ours runs in the runtime that apps have shipped for years, not only in LiteRT.

That runtime wants an older numpy and stops at Python 3.11, hence an environment of its own: .venv-classic, kept.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from converters.example import example_pair
from converters.registry import export_component, find_exporter, lowered_components
from dmvton_mobile.bundles.parity import BOUNDS_DB, compare
from dmvton_mobile.contract import Component, ComponentContract, Components
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.runtimes.bundled import run_components
from dmvton_mobile.runtimes.session import Session
from dmvton_mobile.runtimes.torch import TorchSession
from dmvton_mobile.targets import Precision, Target

pytestmark = [pytest.mark.slow, pytest.mark.network]

REQUIREMENTS = ("tflite-runtime==2.14.0", "numpy<2")
ENVIRONMENT = Path(__file__).parents[3] / ".venv-classic"
FACTS = find_exporter(Target.TFLITE).facts
PROGRAM = Path(__file__).parent / "classic_runtime.py"


class ClassicSession(Session):
    """A .tflite file in tflite_runtime, a process per run."""

    evaluator = "tflite_runtime"

    def __init__(self, path: Path, contract: ComponentContract, python: Path):
        super().__init__(path, contract)
        self._python = python

    def run_native(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        given, made = self.path.with_suffix(".inputs.npz"), self.path.with_suffix(".outputs.npz")
        named: dict[str, np.ndarray] = dict(zip(self.contract.input_names, inputs, strict=True))
        np.savez(given, **named)  # type: ignore[arg-type]  # its allow_pickle is no tensor of ours
        run([self._python, PROGRAM, self.path, given, made])
        with np.load(made) as outputs:
            assert sorted(outputs.files) == sorted(self.contract.output_names)
            return [outputs[name] for name in self.contract.output_names]


def run(command: Iterable[str | Path]) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def classic_python() -> Path:
    """The interpreter of .venv-classic, which is made where it is not there or not whole."""
    python = ENVIRONMENT / "bin" / "python"
    made = ENVIRONMENT / ".installed"
    if not made.exists() or made.read_text() != "\n".join(REQUIREMENTS):
        base = sys.executable if sys.version_info[:2] == (3, 11) else shutil.which("python3.11")
        if base is None:
            pytest.skip("tflite-runtime 2.14.0 has wheels up to Python 3.11, and there is no python3.11 here")
        run([base, "-m", "venv", "--clear", ENVIRONMENT])
        run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *REQUIREMENTS])
        made.write_text("\n".join(REQUIREMENTS))
    return python


@pytest.mark.parametrize("precision", [each for each in Precision if each not in FACTS.refused])
def test_the_classic_runtime_computes_the_same(
    classic_python: Path, small_network: TryOnNetwork, precision: Precision, tmp_path: Path
) -> None:
    examples = lowered_components(small_network, FACTS, Components.SPLIT.members)
    lowered = examples[0].graph.network
    sessions = []
    for example in examples:
        path = tmp_path / f"{example.contract.component}.tflite"
        export_component(example, path, Target.TFLITE, precision)
        sessions.append(ClassicSession(path, example.contract, classic_python))
    inputs = example_pair()
    computed = run_components(sessions, inputs)
    references = (TorchSession(lowered, Component.GARMENT_ENCODER), TorchSession(small_network, Component.WHOLE))
    for session, reference in zip(sessions, references, strict=True):
        figures = compare(
            reference.run({name: inputs[name] for name in reference.contract.input_names}),
            {name: computed[name] for name in session.contract.output_names},
            contracts=session.contract.outputs,
            bound_db=BOUNDS_DB[precision],
            inputs="example",
            what=f"{session.path.name} in {session.evaluator}",
        )
        for figure in figures:
            print(f"{precision} {session.path.name} {figure.output}: {figure.psnr_db} dB, {figure.max_abs_error:.3g}")
        assert len(figures) == len(session.contract.outputs)
