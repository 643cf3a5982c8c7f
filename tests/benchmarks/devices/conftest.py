"""A bundle for boards, and a board that was just switched on."""

import platform
from collections.abc import Iterator

import pytest

from converters.convert import convert
from converters.plan import Plan
from converters.target import Delegate
from converters.weights import Weights
from dmvton_mobile.bundles.bundle import Bundle, read_bundle
from dmvton_mobile.contract import Components
from dmvton_mobile.targets import Precision, Target
from tests.benchmarks.devices.board import Board, free_port, own_adb_server, script
from tests.conftest import SMALL


@pytest.fixture(scope="session")
def lite_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The default network for both runtimes of boards."""
    path = tmp_path_factory.mktemp("lite") / "lite.dmvton"
    plan = Plan(
        weights=Weights(),
        targets=(Target.TFLITE, Target.ONNX),
        precisions=(Precision.FP32,),
        components=Components.SPLIT,
        delegate=Delegate.XNNPACK,
        out=path,
        size=SMALL,
    )
    convert(plan, on_result=lambda _: None, on_step=lambda _: None)
    return read_bundle(path)


@pytest.fixture(scope="session")
def adb_server() -> Iterator[None]:
    with own_adb_server():
        yield


@pytest.fixture(scope="session")
def made() -> str:
    """The architecture of a board that can be started. Made once, then taken from the cache."""
    arch = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    script(arch, "make", free_port())
    return arch


@pytest.fixture
def board(adb_server: None, made: str) -> Iterator[Board]:
    """As it was made: whatever a test does to it is gone with it."""
    board = Board(made, free_port())
    yield board
    board.stop()
