"""Every target and precision has an exporter or a reason, and a patch refuses other versions than its own."""

import pytest

from converters.exporters.vendor import require_version
from converters.registry import EXPORTERS, check_precision, find_exporter
from converters.target import Delegate, Quantizer
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.targets import Precision, Target


@pytest.mark.parametrize("delegate", Delegate)
@pytest.mark.parametrize("target", Target)
@pytest.mark.parametrize("precision", Precision)
def test_an_exporter_or_a_reason(target: Target, precision: Precision, delegate: Delegate) -> None:
    """What the plan refuses, the registry does not give out; what it takes, is found."""
    try:
        check_precision(precision, (target,), delegate)
    except DmvtonError as error:
        assert f"{precision} is not for {target}: " in str(error) and "Pass --target coreml" in str(error)
        with pytest.raises(DmvtonError, match=f"{precision} is not for {target}: "):
            find_exporter(target, precision, delegate=delegate)
    else:
        facts = find_exporter(target, precision, delegate=delegate).facts
        assert facts.target is target and precision not in facts.refused
        assert facts.delegate is (delegate if target is Target.EXECUTORCH else Delegate.XNNPACK)


def test_nncf_makes_int8_of_onnx_only() -> None:
    assert find_exporter(Target.ONNX, Precision.INT8, quantizer=Quantizer.NNCF).facts.quantizes
    assert not find_exporter(Target.ONNX, Precision.FP32, quantizer=Quantizer.NNCF).facts.quantizes
    with pytest.raises(DmvtonError, match="Nothing exports tflite by --quantizer nncf: .*onnx by nncf"):
        find_exporter(Target.TFLITE, Precision.INT8, quantizer=Quantizer.NNCF)


def test_only_the_delegates_of_phones_cannot_run_here() -> None:
    assert {each.facts.delegate for each in EXPORTERS if not each.facts.runs_on_host} == {
        Delegate.VULKAN, Delegate.COREML,
    }  # fmt: skip


def test_a_patch_refuses_another_version() -> None:
    with pytest.raises(DmvtonError, match="somewhere patches torch 0.1, and 2.* is installed: install torch==0.1, or"):
        require_version("torch", "0.1", "somewhere")
