"""ExecuTorch programs for phones' own backends: made and counted here, run and proved on a phone only."""

from pathlib import Path

import pytest

from converters.convert import convert
from converters.plan import Plan
from converters.results import ArtifactResult
from converters.target import Delegate
from converters.weights import Weights
from dmvton_mobile.bundles.bundle import read_bundle, verify_files
from dmvton_mobile.bundles.golden import ReplayStatus, replay_all
from dmvton_mobile.bundles.manifest import DEVICE_ONLY, Manifest
from dmvton_mobile.contract import Component, Components
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.targets import Precision, Target
from dmvton_mobile.tryon import TryOn
from tests.cli.test_cli import refusal

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=[Delegate.VULKAN, Delegate.COREML])
def delegated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    """A bundle of .pte files for that delegate."""
    out = tmp_path_factory.mktemp(request.param) / "student.dmvton"
    plan = Plan(
        weights=Weights(network="dmvton-student"),
        targets=(Target.EXECUTORCH,),
        precisions=(Precision.FP32,),
        components=Components.SPLIT,
        delegate=request.param,
        out=out,
    )
    results: list[ArtifactResult] = []
    manifest = convert(plan, on_result=results.append, on_step=lambda _: None)
    assert [result.status for result in results] == [DEVICE_ONLY, DEVICE_ONLY]
    return out, manifest


def test_the_manifest_claims_nothing(delegated: tuple[Path, Manifest]) -> None:
    path, manifest = delegated
    verify_files(read_bundle(path))
    assert [item.contract.component for item in manifest.artifacts] == [Component.GARMENT_ENCODER, Component.TRYON]
    for artifact in manifest.artifacts:
        assert artifact.evaluator == DEVICE_ONLY and artifact.parity == ()


def test_most_operations_are_delegated(delegated: tuple[Path, Manifest]) -> None:
    for artifact in delegated[1].artifacts:
        footprint = artifact.footprint
        assert footprint.delegated_operations is not None and footprint.leftover_operations is not None
        left = sum(footprint.leftover_operations.values())
        assert footprint.delegated_operations > left, (artifact.path, footprint.leftover_operations)


def test_verify_says_device_only(delegated: tuple[Path, Manifest]) -> None:
    path, _ = delegated
    [result] = replay_all(read_bundle(path))
    assert (result.status, result.figures) == (ReplayStatus.DEVICE_ONLY, ())
    assert "nothing is verified" in refusal("verify", path, code=1)


def test_it_is_not_run_here(delegated: tuple[Path, Manifest]) -> None:
    with pytest.raises(DmvtonError, match="executorch fp32 artifacts run on a phone only"):
        TryOn.from_bundle(delegated[0])
