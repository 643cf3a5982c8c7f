"""What several tests share: a small network, two pictures, and a real bundle of the network."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from converters.convert import convert
from converters.plan import Plan
from converters.registry import export_component
from converters.target import Delegate
from converters.weights import Weights
from dmvton_mobile.bundles.bundle import Bundle, new_bundle, read_bundle, seal, write_golden
from dmvton_mobile.bundles.manifest import Artifact, Manifest, ParityFigure
from dmvton_mobile.bundles.parity import BOUNDS_DB
from dmvton_mobile.components import component_examples
from dmvton_mobile.contract import Components
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.seeded import seeded_network
from dmvton_mobile.runtimes.bundled import run_components
from dmvton_mobile.runtimes.torch import TorchSession
from dmvton_mobile.targets import Precision, Target, artifact_path

SMALL = (128, 96)  # height, width: a 3:4 window that is quick to run
SEED = 7
INT8_IMAGES = 16  # that ranges come from


@pytest.fixture(scope="session")
def small_network() -> TryOnNetwork:
    return seeded_network("dmvton-student")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte: too small for any garment encoder."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("mounting a file system of one megabyte needs root")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with person.png (110x160), garment.png (90x100, plain background) and mask.png (the garment's)."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(SEED)
    person = random.integers(0, 256, (16, 11, 3), np.uint8).repeat(10, 0).repeat(10, 1)
    garment = np.full((100, 90, 3), 240, np.uint8)
    mask = np.zeros((100, 90), np.uint8)
    mask[20:80, 15:75] = 255
    garment[mask > 0] = random.integers(0, 160, (int((mask > 0).sum()), 3), np.uint8)
    for name, pixels in (("person", person), ("garment", garment), ("mask", mask)):
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="session")
def small_bundle(small_network: TryOnNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real bundle, student.dmvton: the small network in ONNX, fp32. Only to be read; `own_bundle` is a copy."""
    path = tmp_path_factory.mktemp("bundle") / "student.dmvton"
    precision, members = Precision.FP32, Components.SPLIT.members
    with new_bundle(path) as folder:
        artifacts = []
        for example in component_examples(small_network, members, size=SMALL):
            name = artifact_path(example.contract.component, Target.ONNX, precision)
            (folder / name).parent.mkdir(exist_ok=True)
            exported = export_component(example, folder / name, Target.ONNX, precision)
            bound_db = BOUNDS_DB[precision]
            figure = ParityFigure(output="tryon", inputs="random", psnr_db=None, max_abs_error=0.0, bound_db=bound_db)
            artifacts.append(
                Artifact(
                    target=Target.ONNX,
                    precision=precision,
                    path=name,
                    contract=example.contract,
                    parity=(figure,),
                    footprint=exported.footprint,
                    reproducible=exported.reproducible,
                    evaluator="ONNX Runtime",
                )
            )
        seal(
            folder,
            Manifest(
                network=small_network.config.name,
                align_corners=small_network.config.align_corners,
                size=SMALL,
                components=Components.SPLIT,
                trained=False,
                artifacts=tuple(artifacts),
                golden=(write_golden(folder, "tryon", _golden(small_network)),),
                tool_versions={},
            ),
        )
    return path


@pytest.fixture(scope="session")
def int8_people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many rendered people as ranges need."""
    from tests.rendered import rendered_people

    return rendered_people(tmp_path_factory.mktemp("people") / "people", INT8_IMAGES)


@pytest.fixture(scope="session")
def int8_bundle(int8_people: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The default network for three runtimes in fp32 and int8, converted once for all processes. Only to be read."""
    path = shared_folder(tmp_path_factory) / "int8.dmvton"
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            plan = Plan(
                weights=Weights(calibration=int8_people, keep_float=("warp.aflow_net.narrow",)),
                targets=(Target.TFLITE, Target.EXECUTORCH, Target.ONNX),
                precisions=(Precision.FP32, Precision.INT8),
                components=Components.SPLIT,
                delegate=Delegate.XNNPACK,
                out=path,
                size=SMALL,
            )
            convert(plan, on_result=lambda _: None, on_step=lambda _: None)
    return read_bundle(path)


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run of pytest that all of its processes share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture
def own_bundle(small_bundle: Path, tmp_path: Path) -> Path:
    """A copy of `small_bundle` to damage."""
    return Path(shutil.copytree(small_bundle, tmp_path / small_bundle.name))


def _golden(network: TryOnNetwork) -> dict[str, np.ndarray]:
    random = np.random.default_rng(SEED)
    channels = {"person": 3, "garment": 3, "garment_mask": 1}
    inputs = {name: random.random((1, count, *SMALL), np.float32) for name, count in channels.items()}
    sessions = [TorchSession(network, component, SMALL) for component in Components.SPLIT.members]
    computed = run_components(sessions, inputs)
    outputs = {f"output.{name}": computed[name] for name in ("tryon", "flow", "composition", "rendered")}
    return {f"input.{name}": value for name, value in inputs.items()} | outputs
