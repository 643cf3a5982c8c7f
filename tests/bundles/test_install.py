"""A bundle in an app's project: whole for its platform, and nothing of another."""

import shutil
from pathlib import Path

import pytest
from typer.testing import Result

from dmvton_mobile.bundles.bundle import Bundle, read_bundle, verify_files
from dmvton_mobile.bundles.golden import ReplayStatus, golden_path, replay_all
from dmvton_mobile.targets import Precision, Target
from tests.bundles.made import make_bundle
from tests.cli.test_cli import dmvton, refusal


def install(*arguments: str | Path) -> Result:
    return dmvton("bundle", "install", *arguments)


def test_what_is_installed_still_proves_itself(int8_bundle: Bundle, tmp_path: Path) -> None:
    done = install(int8_bundle.folder, "--android", tmp_path, "--precision", "int8", "--target", "tflite")
    assert done.exit_code == 0, done.output
    installed = read_bundle(tmp_path / "src/main/assets" / int8_bundle.folder.name)
    verify_files(installed)
    assert {(item.target, item.precision) for item in installed.manifest.artifacts} == {(Target.TFLITE, Precision.INT8)}
    assert installed.manifest.golden == (golden_path(Precision.INT8),)
    assert [each.status for each in replay_all(installed)] == [ReplayStatus.VERIFIED]
    assert {path.name for path in installed.folder.iterdir()} == {"manifest.json", "golden", "tflite"}


def test_both_platforms_at_once(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "phone.dmvton")
    (tmp_path / "signed").mkdir()
    signed = Path(shutil.copytree(bundle, tmp_path / "signed" / "phone.dmvton"))
    (signed / "signature").write_text("{}")
    for project in ("android", "ios"):
        (tmp_path / project).mkdir()
    done = install(signed, "--android", tmp_path / "android", "--ios", tmp_path / "ios")
    assert done.exit_code == 0, done.output
    assert "Not signed" in done.output and "no licence" in done.output
    package = tmp_path / "ios/Resources/phone.dmvton"
    assert [item.target for item in read_bundle(package).manifest.artifacts] == [Target.COREML]
    assert (package / "coreml/whole_fp16.mlpackage/Data/com.apple.CoreML/weights/weight.bin").is_file()
    verify_files(read_bundle(package))
    assert not (package / "signature").exists() and not (package / "tflite").exists()
    assert "exists already" in refusal("bundle", "install", signed, "--ios", tmp_path / "ios")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ([], "Say where to: --android DIR, --ios DIR"),
        (["--android", "nowhere"], "There is no folder nowhere"),
        (["--android", ".", "--precision", "int8"], "has nothing for android that was asked for. It holds coreml fp16"),
        (["--ios", ".", "--target", "tflite"], "has nothing for ios"),
    ],
)
def test_what_cannot_be_installed(asked: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    bundle = make_bundle(tmp_path / "phone.dmvton")
    assert said in refusal("bundle", "install", bundle, *asked)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["phone.dmvton"]
