"""The weights that come with the package: that they load, are small, say what they are, and do what they say."""

from pathlib import Path
from typing import Any

import pytest

import dmvton_mobile.checkpoints.weights
from dmvton_mobile.checkpoints.checkpoint import Card, load_checkpoint, read_card
from dmvton_mobile.checkpoints.weights import default_network, default_quantized, default_weights
from dmvton_mobile.contract import DEFAULT_SIZE
from dmvton_mobile.datasets.procedural.people import Split
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.evaluation.record import EvaluationRecord
from dmvton_mobile.networks.registry import DEFAULT_NETWORK
from dmvton_mobile.records.base import parse_record
from tests.cli.test_cli import dmvton
from tests.rendered import rendered_people

FOLDER = Path(dmvton_mobile.checkpoints.weights.__file__).parent
MOST_BYTES = 6_000_000  # of all together
PEOPLE = 12


def test_all_of_them_load_and_are_small() -> None:
    files = sorted(FOLDER.glob("*.safetensors"))
    assert [path.stem for path in files] == [f"{DEFAULT_NETWORK}-int8", DEFAULT_NETWORK]
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < MOST_BYTES
    for path in files:
        network, card = load_checkpoint(path)
        assert (network.config.name, card.trained, card.precision) == (DEFAULT_NETWORK, True, "fp16")
        assert (card.quantization is not None) == path.stem.endswith("-int8")


def cards() -> list[Card]:
    files = (default_weights(DEFAULT_NETWORK), default_quantized(DEFAULT_NETWORK))
    return [read_card(file) for file in files if file is not None]


def test_eight_bits_were_made_from_the_float_weights() -> None:
    plain, eight = cards()
    assert eight.quantization and eight.quantization.calibration
    assert plain.training and eight.training
    before, after = plain.training["stages"], eight.training["stages"]
    assert isinstance(before, list) and isinstance(after, list) and after[: len(before)] == before
    [calibrated] = after[len(before) :]
    assert isinstance(calibrated, dict) and calibrated["of"] == plain.weights_sha256


@pytest.mark.parametrize("which", [0, 1], ids=["float", "int8"])
def test_the_card_says_what_they_are(which: int) -> None:
    card = cards()[which]
    assert card.licence == "Apache-2.0"
    training: Any = card.training
    assert "rendered people" in training["note"] and "photo" in training["note"]
    for stage in training["stages"]:
        if "calibrated" in stage:
            continue  # it trained nothing
        assert stage["hours"] > 0 and stage["data"]["digest"] and stage["hardware"]["device"]
        assert stage["recipe"]["start"] is None or "/" not in stage["recipe"]["start"], "no path of where it was made"
        assert isinstance(stage["seed"], int) and stage["recipe"]["network"] == DEFAULT_NETWORK
    figures = training["figures"]
    assert figures["data"]["benchmark"] and figures["data"]["pairs"] == 512


def test_a_network_without_weights_of_ours() -> None:
    assert default_weights("dmvton-student") is None
    network, card = default_network("dmvton-student")
    assert card is None and not network.training
    with pytest.raises(DmvtonError, match="no network 'nobody'"):
        default_network("nobody")


def test_they_try_garments_on(tmp_path: Path) -> None:
    """Nearer to the truth than the garment pasted by the torso, in colour and in place."""
    rendered_people(tmp_path / "people", PEOPLE, split=Split.TEST, seed=5, size=DEFAULT_SIZE)
    weights = default_weights(DEFAULT_NETWORK)
    assert weights is not None
    ours = figures(tmp_path / "ours", "--checkpoint", weights)
    pasted = figures(tmp_path / "pasted", "--baseline", "pasted")
    assert ours["psnr_garment"] > pasted["psnr_garment"] + 2
    assert ours["end_point_error"] < pasted["end_point_error"] / 2


def figures(out: Path, *chosen: str | Path) -> dict[str, float]:
    """The means of an evaluation of the people beside `out`, in garments that are not their own."""
    result = dmvton("evaluate", "--data", out.with_name("people"), *chosen, "--pairing", "unpaired", "--out", out)
    assert result.exit_code == 0, result.output
    record = parse_record((out / "record.json").read_bytes(), EvaluationRecord, "record.json", DmvtonError)
    return {figure.metric: figure.mean for figure in record.figures}
