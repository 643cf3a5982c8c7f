"""The command line: what it prints, what it writes, and the exit code that says it all."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from dmvton_mobile.bundles.signing_tool import TOOL_VARIABLE
from dmvton_mobile.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from dmvton_mobile.cli.main import app
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.tryon import TryOn
from tests.bundles.test_golden import perturb, reseal_golden, swap_channels
from tests.test_tryon import without_onnxruntime


def dmvton(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


def refusal(*arguments: str | Path, code: int = 2) -> str:
    """What the command prints to stderr when it refuses, which must be for a person."""
    result = dmvton(*arguments)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    assert result.stderr.startswith("Error: ")
    return result.stderr


@pytest.fixture
def wearing(pictures: Path, tmp_path: Path) -> list[str | Path]:
    """The arguments of a tryon whose inputs are right; it writes out.png into tmp_path."""
    paths = {"--person": "person.png", "--garment": "garment.png", "--mask": "mask.png"}
    options = [part for option, name in paths.items() for part in (option, pictures / name)]
    return ["tryon", *options, "--out", tmp_path / "out.png"]


@pytest.mark.parametrize(
    "arguments",
    [("train-a-model",), ("verify",), ("verify", "x.dmvton", "--threads", "0"), ("tryon", "--person", "p.png")],
)
def test_usage_errors_are_2(arguments: tuple[str, ...]) -> None:
    result = dmvton(*arguments)
    assert result.exit_code == 2 and "Usage: " in result.stderr


class TestVerify:
    def test_a_bundle_as_made(self, small_bundle: Path) -> None:
        result = dmvton("verify", small_bundle)
        assert result.exit_code == 0, result.output
        assert "all 3 match their hashes" in result.output
        assert "onnx" in result.output and "verified" in result.output and "60 dB" in result.output

    def test_a_flipped_byte(self, own_bundle: Path) -> None:
        artifact = own_bundle / "onnx" / "garment_encoder_fp32.onnx"
        content = bytearray(artifact.read_bytes())
        content[-1000] ^= 1
        artifact.write_bytes(content)
        assert "onnx/garment_encoder_fp32.onnx was changed" in refusal("verify", own_bundle, code=1)

    @pytest.mark.parametrize("change", [perturb("output.rendered"), swap_channels("output.rendered")])
    def test_an_artifact_that_computes_something_else(self, own_bundle: Path, change: object) -> None:
        reseal_golden(own_bundle, change)  # type: ignore[arg-type]
        result = dmvton("verify", own_bundle)
        assert result.exit_code == 1
        assert "failed" in result.stdout and "rendered" in result.stdout
        assert "onnx fp32 failed" in result.stderr and "Traceback" not in result.output

    def test_nothing_installed_is_nothing_verified(self, small_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        without_onnxruntime(monkeypatch)
        result = dmvton("verify", small_bundle)
        assert result.exit_code == 1
        assert "not installed" in result.stdout and "verified" not in result.stdout
        assert "nothing is verified" in result.stderr

    def test_no_bundle(self, tmp_path: Path) -> None:
        assert "There is no bundle at" in refusal("verify", tmp_path / "none.dmvton")

    def test_a_signature_that_is_not_there(
        self, small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(TOOL_VARIABLE, sys.executable)  # asked only where there is a signature
        (tmp_path / "public.pem").touch()
        assert "is not signed" in refusal("verify", small_bundle, "--public-key", tmp_path / "public.pem", code=1)

    def test_a_signature_nobody_checked_is_said(self, own_bundle: Path) -> None:
        (own_bundle / "signature").write_text("{}")
        assert "it was not checked" in dmvton("verify", own_bundle).output


class TestBundle:
    def test_a_zip_verifies(self, small_bundle: Path, tmp_path: Path) -> None:
        zipped = tmp_path / "student.zip"
        assert dmvton("bundle", "zip", small_bundle, zipped).exit_code == 0
        assert dmvton("verify", zipped).exit_code == 0
        assert "exists already" in refusal("bundle", "zip", small_bundle, zipped)

    def test_a_key_that_is_not_there(self, small_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(TOOL_VARIABLE, sys.executable)
        assert "no private key at" in refusal("bundle", "sign", small_bundle, "--private-key", "none.pem")


class TestTryOn:
    def test_untrained_weights_are_called_so(
        self, wearing: list[str | Path], small_network: TryOnNetwork, tmp_path: Path
    ) -> None:
        save_checkpoint(small_network, tmp_path / "student.safetensors", trained=False)
        result = dmvton(*wearing, "--checkpoint", tmp_path / "student.safetensors")
        assert result.exit_code == 0, result.output
        assert "110x160, torch, untrained weights" in result.output

    def test_our_own_weights_where_nothing_is_named(
        self, wearing: list[str | Path], pictures: Path, tmp_path: Path
    ) -> None:
        result = dmvton(*wearing)
        assert result.exit_code == 0, result.output
        assert "110x160, torch\n" in result.output
        assert "Garment prepared in " in result.output and " ms, frame in " in result.output
        written = np.array(Image.open(tmp_path / "out.png"))
        person = np.array(Image.open(pictures / "person.png"))
        assert written.shape == person.shape and not np.array_equal(written, person)
        assert [path.name for path in tmp_path.iterdir()] == ["out.png"], "a good mask has no warning sheet"

    def test_a_trained_checkpoint_is_not(
        self, wearing: list[str | Path], small_network: TryOnNetwork, tmp_path: Path
    ) -> None:
        save_checkpoint(small_network, tmp_path / "student.safetensors", trained=True)
        result = dmvton(*wearing, "--checkpoint", tmp_path / "student.safetensors")
        assert result.exit_code == 0 and "untrained" not in result.output

    def test_a_bundle(self, wearing: list[str | Path], small_bundle: Path, tmp_path: Path) -> None:
        result = dmvton(*wearing, "--bundle", small_bundle, "--runtime", "onnx")
        assert result.exit_code == 0, result.output
        assert "onnx fp32, untrained weights" in result.output
        assert Image.open(tmp_path / "out.png").size == (110, 160)

    def test_a_bad_mask_is_shown(
        self, wearing: list[str | Path], small_bundle: Path, pictures: Path, tmp_path: Path
    ) -> None:
        full = tmp_path / "full.png"
        Image.fromarray(np.full((100, 90), 255, np.uint8)).save(full)
        result = dmvton(*wearing, "--mask", full, "--bundle", small_bundle)
        assert result.exit_code == 0
        assert "Warning: The mask is full" in result.stderr and "out_mask_warning.png" in result.stderr
        assert Image.open(tmp_path / "out_mask_warning.png").width >= 640
        assert (tmp_path / "out.png").is_file()

    @pytest.mark.parametrize("option", ["--person", "--garment", "--mask"])
    def test_an_input_is_never_overwritten(self, wearing: list[str | Path], pictures: Path, option: str) -> None:
        path = Path(wearing[wearing.index(option) + 1])
        before = path.read_bytes()
        assert f"{path} is an input" in refusal(*wearing, "--out", path)
        assert path.read_bytes() == before

    def test_not_by_the_warning_sheet_either(self, wearing: list[str | Path], tmp_path: Path) -> None:
        mask = tmp_path / "out_mask_warning.png"
        Image.fromarray(np.full((100, 90), 255, np.uint8)).save(mask)
        before = mask.read_bytes()
        assert f"{mask} is an input" in refusal(*wearing, "--mask", mask)
        assert mask.read_bytes() == before and not (tmp_path / "out.png").exists()

    def test_nothing_is_written_into_a_bundle(self, wearing: list[str | Path], own_bundle: Path) -> None:
        assert "inside one" in refusal(*wearing, "--bundle", own_bundle, "--out", own_bundle / "out.png")

    def test_an_output_that_exists_stays(self, wearing: list[str | Path], tmp_path: Path) -> None:
        (tmp_path / "out.png").write_text("mine")
        assert "exists already" in refusal(*wearing)
        assert (tmp_path / "out.png").read_text() == "mine"

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            (("--person", "none.png"), "There is no file none.png"),
            (("--checkpoint", "none.safetensors"), "There is no none.safetensors"),
            (("--bundle", "none.dmvton"), "There is no bundle at none.dmvton"),
            (("--checkpoint", "c.safetensors", "--bundle", "b.dmvton"), "not both"),
            (("--runtime", "onnx"), "pass --bundle too"),
        ],
    )
    def test_what_is_refused(self, wearing: list[str | Path], tmp_path: Path, more: tuple[str, ...], said: str) -> None:
        assert said in refusal(*wearing, *more)
        assert list(tmp_path.iterdir()) == []

    def test_a_suffix_that_cannot_be_written(
        self, wearing: list[str | Path], small_bundle: Path, tmp_path: Path
    ) -> None:
        assert "'.gif' is not one of" in refusal(*wearing, "--bundle", small_bundle, "--out", tmp_path / "out.gif")

    def test_a_runtime_that_the_bundle_lacks(self, wearing: list[str | Path], small_bundle: Path) -> None:
        assert "holds onnx fp32" in refusal(*wearing, "--bundle", small_bundle, "--runtime", "executorch")

    def test_a_runtime_that_nobody_knows(self, wearing: list[str | Path], small_bundle: Path) -> None:
        result = dmvton(*wearing, "--bundle", small_bundle, "--runtime", "tensorrt")
        assert result.exit_code == 2
        assert all(name in result.stderr for name in ("tensorrt", "coreml", "tflite", "executorch", "onnx"))

    def test_debug_shows_the_traceback_and_keeps_the_code(self, wearing: list[str | Path]) -> None:
        result = dmvton("--debug", *wearing, "--person", "none.png")
        assert result.exit_code == 2
        assert "Traceback" in result.stderr and "Error: There is no file none.png" in result.stderr

    def test_an_interrupt_leaves_nothing(
        self, wearing: list[str | Path], small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(TryOn, "try_on", interrupted)
        result = dmvton(*wearing, "--bundle", small_bundle)
        assert result.exit_code == 130 and result.stderr == "Interrupted.\n"
        assert list(tmp_path.iterdir()) == []


class TestImport:
    @pytest.fixture(scope="class")
    def official(self, small_network: TryOnNetwork, tmp_path_factory: pytest.TempPathFactory) -> list[str | Path]:
        """The arguments that name a student's two files in the form their authors publish."""
        folder = tmp_path_factory.mktemp("official")
        torch.save({"epoch": 99, "model": small_network.warp.state_dict()}, folder / "warp.pt")
        torch.save(small_network.generator.state_dict(), folder / "gen.pt")
        return ["import-checkpoint", "--warp", folder / "warp.pt", "--generator", folder / "gen.pt"]

    def test_the_table_accounts_for_every_key(
        self, official: list[str | Path], small_network: TryOnNetwork, tmp_path: Path
    ) -> None:
        out = tmp_path / "student.safetensors"
        licence = ("--licence", "CC-BY-NC-4.0")
        result = dmvton(*official, "--network", "dmvton-student", "--out", out, *licence)
        assert result.exit_code == 0, result.output
        row = next(line for line in result.output.splitlines() if "warp.pt" in line)
        cells = [cell.strip() for cell in row.strip("│").split("│")]
        parameters = sum(parameter.numel() for parameter in small_network.warp.parameters())
        keys = len(small_network.warp.state_dict())
        assert cells[:8] == ["warp", "warp.pt", "training", "99", str(keys), "0", "0", f"{parameters:,}"]
        assert "non-commercial" in result.output
        loaded, card = load_checkpoint(out)
        assert (card.licence, card.trained, len(card.source)) == ("CC-BY-NC-4.0", True, 2)
        assert all(torch.equal(value, small_network.state_dict()[key]) for key, value in loaded.state_dict().items())
        assert "exists already" in refusal(*official, "--network", "dmvton-student", "--out", out)

    @pytest.mark.parametrize(
        ("network", "said"),
        [("dmvton", "There is no network 'dmvton'. Known: dmvton-student"), ("pfafn-student", "is not the")],
    )
    def test_what_does_not_fit_leaves_nothing(
        self, official: list[str | Path], tmp_path: Path, network: str, said: str
    ) -> None:
        assert said in refusal(*official, "--network", network, "--out", tmp_path / "student.safetensors")
        assert list(tmp_path.iterdir()) == []


class TestProcess:
    """The console script as a process of its own."""

    command = (sys.executable, "-m", "dmvton_mobile.cli")

    def test_an_error_is_one_paragraph(self, tmp_path: Path) -> None:
        done = subprocess.run([*self.command, "verify", "none.dmvton"], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", "Error: There is no bundle at none.dmvton.\n")

    def test_ctrl_c(self, wearing: list[str | Path], tmp_path: Path) -> None:
        pipe = tmp_path / "garment.png"
        os.mkfifo(pipe)  # the command waits for a picture that never comes
        arguments = [str(argument) for argument in (*wearing, "--garment", pipe)]
        with subprocess.Popen(
            [*self.command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heed_ctrl_c
        ) as process:
            writer = open_for_writing(pipe, process)
            try:
                error = interrupted(process)
            finally:
                process.kill()
                os.close(writer)
        assert (process.returncode, error) == (130, b"Interrupted.\n")
        assert list(tmp_path.iterdir()) == [pipe]


def heed_ctrl_c() -> None:
    """As at a terminal: a shell that runs the tests in the background has them, and their children, ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupted(process: subprocess.Popen[bytes]) -> bytes:
    """What a process says to Ctrl-C, pressed again while nothing happens: one that comes between opening the pipe and
    reading from it waits, like Python itself, for the read."""
    for _ in range(30):
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        try:
            return process.communicate(timeout=2)[1]
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError("the command does not heed Ctrl-C")


def open_for_writing(pipe: Path, reader: subprocess.Popen[bytes]) -> int:
    """The pipe, as soon as the process reads it."""
    for _ in range(600):
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            assert error.errno == errno.ENXIO and reader.poll() is None
            time.sleep(0.1)
    reader.kill()
    raise AssertionError("the command never read the garment")
