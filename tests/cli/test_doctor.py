import importlib.metadata
import io
import subprocess
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path

import pytest
from rich.console import Console

from dmvton_mobile.cli import doctor
from dmvton_mobile.cli.doctor import Finding, Status, examine, print_report, remedies
from dmvton_mobile.cli.import_probe import ImportResult, import_all

EXPORTERS = {"coremltools", "litert-torch", "executorch", "onnx", "onnxscript", "onnxsim"}
REAL_VERSION = importlib.metadata.version
PIP = f"{sys.executable} -m pip install"


@pytest.fixture(scope="module")
def findings() -> list[Finding]:
    """What doctor says of this machine, everything imported for real."""
    return examine()


def trusted(modules: list[str], seconds: float) -> dict[str, ImportResult]:
    """In the place of import_all, so that a test need not wait for the exporters: all is well."""
    return {module: ImportResult(None, None) for module in modules}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "import_all", trusted)


def test_everything_here_is_ok(findings: list[Finding]) -> None:
    packages = [finding for finding in findings if finding.group in ("core", *doctor.EXTRAS)]
    assert [finding for finding in packages if finding.status is not Status.OK] == []
    assert {finding.name for finding in packages} >= EXPORTERS
    assert [finding.status for finding in findings if finding.group == "runtime"] == [Status.OK] * 4
    assert not any(finding.is_failure for finding in findings)


def test_says_which_torch_and_who_runs_core_ml(findings: list[Finding]) -> None:
    notes = {finding.name: finding.note for finding in findings}
    assert "CPU build" in notes["torch"] or "CUDA" in notes["torch"]
    assert ("our evaluator" in notes[".mlpackage"]) is (sys.platform != "darwin")


def test_every_extra_of_the_metadata_is_looked_at(findings: list[Finding]) -> None:
    declared = set(importlib.metadata.metadata("dmvton-mobile").get_all("Provides-Extra") or [])
    assert declared == {*doctor.EXTRAS, "all", "dev"}
    assert {finding.group for finding in findings} >= {*doctor.EXTRAS, "core", "runtime", "tool"}


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
    found = {finding.name: finding for finding in examine()}
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
    found = {finding.name: finding for finding in examine()}
    assert (found["onnx"].version, found["onnx"].status) == ("1.0", Status.DIFFERS)
    pin = found["onnx"].note.removeprefix("tested with ")
    assert found["onnx"].remedy == f'{PIP} "{pin}"'
    assert not found["onnx"].is_failure


def test_package_that_does_not_import_is_broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def only_onnxsim(modules: list[str], seconds: float) -> dict[str, ImportResult]:
        return trusted(modules, seconds) | import_all(["onnxsim"], seconds)

    monkeypatch.setattr(doctor, "import_all", only_onnxsim)
    fake(tmp_path, monkeypatch, onnxsim="raise ImportError('libfoo.so.7: cannot open [shared] object')")
    fine, text = printed()
    assert not fine
    assert "cannot open [shared] object" in " ".join(text.replace("│", " ").split())
    broken = [finding for finding in examine() if finding.status is Status.BROKEN]
    assert [finding.name for finding in broken] == ["onnxsim"]
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
    problems = {module: result.error for module, result in results.items()}
    assert problems["fine"] is problems["last"] is None
    assert problems["crash"] == "its import ends Python with signal 6"
    assert problems["hang"] == "its import takes over 2 s"
    assert problems["leave"] == "SystemExit: 3"
    assert problems["end"] == "its import ends Python with exit code 4"


def test_folder_it_is_started_in_is_not_imported_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "yaml.py").write_text("raise RuntimeError('not this one')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert import_all(["yaml"], seconds=60)["yaml"].error is None


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
    finding = doctor._examine_signing()
    assert finding.status is Status.MISSING
    assert not finding.is_failure
    (command,) = remedies([finding])
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
    finding = doctor._examine_signing()
    assert finding.status is status
    assert finding.version == ("9.8" if status is Status.OK else None)


def test_it_answers_where_torch_is_broken() -> None:
    code = (
        "import sys; sys.modules['torch'] = None; "
        "from dmvton_mobile.cli import doctor; doctor.import_all = lambda modules, seconds: "
        "{module: doctor.ImportResult('no such library' if module == 'torch' else None, None) for module in modules}; "
        "from dmvton_mobile.cli.main import main; main(['doctor'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "no such library" in " ".join(done.stdout.replace("│", " ").split())
    assert "--force-reinstall" in done.stdout and "torch==" in done.stdout
