import importlib.metadata
import io
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path

import pytest
from rich.console import Console

from dmvton_mobile.cli import doctor
from dmvton_mobile.cli.doctor import Check, Imported, Status, failing, import_all, print_report, remedies, report

EXPORTERS = {"coremltools", "litert-torch", "executorch", "onnx", "onnxscript", "onnxsim"}
REAL_VERSION = importlib.metadata.version
PIP = f"{sys.executable} -m pip install"


@pytest.fixture(scope="module")
def checks() -> list[Check]:
    """What doctor says of this machine, everything imported for real."""
    return report()


def trusted(modules: list[str], seconds: float) -> dict[str, Imported]:
    """In the place of import_all, so that a test need not wait for the exporters: all is well."""
    return {module: Imported(None, None) for module in modules}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "import_all", trusted)


def test_everything_here_is_ok(checks: list[Check]) -> None:
    packages = [check for check in checks if check.group in ("core", *doctor.EXTRAS)]
    assert [check for check in packages if check.status is not Status.OK] == []
    assert {check.name for check in packages} >= EXPORTERS
    assert [check.status for check in checks if check.group == "runtime"] == [Status.OK] * 4
    assert not any(failing(check) for check in checks)


def test_says_which_torch_and_who_runs_core_ml(checks: list[Check]) -> None:
    notes = {check.name: check.note for check in checks}
    assert "CPU build" in notes["torch"] or "CUDA" in notes["torch"]
    assert ("our evaluator" in notes[".mlpackage"]) is (sys.platform != "darwin")


def test_every_extra_of_the_metadata_is_looked_at(checks: list[Check]) -> None:
    declared = set(importlib.metadata.metadata("dmvton-mobile").get_all("Provides-Extra") or [])
    assert declared == {*doctor.EXTRAS, "all", "dev"}
    assert {check.group for check in checks} >= {*doctor.EXTRAS, "core", "runtime", "tool"}


def without(names: Iterable[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name in names:
            raise importlib.metadata.PackageNotFoundError(name)
        return REAL_VERSION(name)

    monkeypatch.setattr(importlib.metadata, "version", version)


def printed(width: int = 100) -> tuple[bool, str]:
    console = Console(file=io.StringIO(), width=width)
    fine = print_report(console)
    assert isinstance(console.file, io.StringIO)
    return fine, console.file.getvalue()


@pytest.mark.usefixtures("quick")
def test_missing_extras_are_one_command_and_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    without({"coremltools", "onnx", "onnxruntime"}, monkeypatch)
    found = {check.name: check for check in report()}
    assert found["coremltools"].status is Status.MISSING
    assert found["coremltools"].version is None
    assert found["coremltools"].remedy == f'{PIP} "dmvton-mobile[coreml]"'
    assert found[".onnx"].status is found[".mlpackage"].status is Status.MISSING
    assert found[".tflite"].status is Status.OK
    fine, text = printed(width=40)  # narrower than the command, which stays whole
    assert fine
    assert f'{PIP} "dmvton-mobile[coreml,onnx]"' in text.splitlines()


@pytest.mark.usefixtures("quick")
def test_missing_core_package_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    without({"safetensors"}, monkeypatch)
    fine, text = printed()
    assert not fine
    assert f'{PIP} "safetensors==0.8.0"' in text.splitlines()


@pytest.mark.usefixtures("quick")
def test_other_version_is_named_and_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.0" if name == "onnx" else REAL_VERSION(name))
    found = {check.name: check for check in report()}
    assert (found["onnx"].version, found["onnx"].status) == ("1.0", Status.DIFFERS)
    pin = found["onnx"].note.removeprefix("tested with ")
    assert found["onnx"].remedy == f'{PIP} "{pin}"'
    assert not failing(found["onnx"])


def test_package_that_does_not_import_is_broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def only_onnxsim(modules: list[str], seconds: float) -> dict[str, Imported]:
        return trusted(modules, seconds) | import_all(["onnxsim"], seconds)

    monkeypatch.setattr(doctor, "import_all", only_onnxsim)
    fake(tmp_path, monkeypatch, onnxsim="raise ImportError('libfoo.so.7: cannot open [shared] object')")
    fine, text = printed()
    assert not fine
    assert "cannot open [shared] object" in " ".join(text.replace("│", " ").split())
    broken = [check for check in report() if check.status is Status.BROKEN]
    assert [check.name for check in broken] == ["onnxsim"]
    assert broken[0].remedy == f'{PIP} --force-reinstall --no-deps "onnxsim=={REAL_VERSION("onnxsim")}"'


def fake(folder: Path, monkeypatch: pytest.MonkeyPatch, **modules: str) -> None:
    """Puts modules of that code before the installed ones, for the processes that this one starts."""
    for name, code in modules.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(code))
    monkeypatch.setenv("PYTHONPATH", str(folder))


def test_crash_and_hang_and_exit_are_each_blamed_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hang = """
        import ctypes
        ctypes.PyDLL(None).sleep(60)  # native code that keeps the interpreter to itself
    """
    fake(
        tmp_path,
        monkeypatch,
        fine="print('chatter')",
        crash="import os; os.abort()",
        hang=hang,
        leave="import sys; sys.exit(3)",
        end="import os; os._exit(4)",
        last="",
    )
    results = import_all(["fine", "crash", "hang", "leave", "end", "last"], seconds=2)
    problems = {module: result.problem for module, result in results.items()}
    assert problems["fine"] is problems["last"] is None
    assert problems["crash"] == "its import ends Python with signal 6"
    assert problems["hang"] == "its import takes over 2 s"
    assert problems["leave"] == "SystemExit: 3"
    assert problems["end"] == "its import ends Python with exit code 4"


def test_folder_it_is_started_in_is_not_imported_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "yaml.py").write_text("raise RuntimeError('not this one')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert import_all(["yaml"], seconds=60)["yaml"].problem is None


def test_uninstalled_code_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def distribution(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
    fine, text = printed()
    assert not fine
    assert f"{PIP} -e ." in text.splitlines()


def test_signing_tool_missing_is_two_commands_and_no_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv" / "bin" / "python"))
    monkeypatch.delenv("DMVTON_MODEL_SIGNING", raising=False)
    check = doctor._check_signing()
    assert check.status is Status.MISSING
    assert not failing(check)
    (command,) = remedies([check])
    make, _, install = command.partition(" && ")
    assert make == f"{tmp_path}/venv/bin/python -m venv {tmp_path}/.venv-signing"
    assert install.startswith(f"{tmp_path}/.venv-signing/bin/pip install model-signing==")


@pytest.mark.parametrize(("code", "status"), [(0, Status.OK), (1, Status.BROKEN)])
def test_signing_tool_is_asked_for_its_version(
    code: int, status: Status, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool = tmp_path / "model_signing"
    tool.write_text(f"#!{sys.executable}\nprint('model_signing, version 9.8')\nraise SystemExit({code})\n")
    tool.chmod(0o755)
    monkeypatch.setenv("DMVTON_MODEL_SIGNING", str(tool))
    check = doctor._check_signing()
    assert check.status is status
    assert check.version == ("9.8" if status is Status.OK else None)
