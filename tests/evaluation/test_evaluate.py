"""An evaluation: the figures it gives to candidates whose figures are known, and what an interruption costs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dmvton_mobile.checkpoints.checkpoint import save_checkpoint
from dmvton_mobile.contract import DEFAULT_SIZE
from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.datasets.procedural.people import Split
from dmvton_mobile.datasets.sample import TryOnSample, collate
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.evaluation.candidates import (
    BundleCandidate,
    Candidate,
    CheckpointCandidate,
    GarmentInput,
    GarmentPasted,
    Kind,
    PersonUnchanged,
    Prediction,
)
from dmvton_mobile.evaluation.features import WIDTH, Extractor
from dmvton_mobile.evaluation.measure import garment_of
from dmvton_mobile.evaluation.record import EvaluationRecord, Pairing
from dmvton_mobile.evaluation.rows import ImageRow, read_rows
from dmvton_mobile.evaluation.run import Evaluation, evaluate
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.seeded import seeded_network
from dmvton_mobile.targets import Precision, Target
from tests.conftest import SMALL
from tests.evaluation.conftest import COUNT
from tests.rendered import rendered_people

BOTH = tuple(Pairing)


class Oracle(Candidate):
    """Knows the answers, and counts how often it is asked. dx: pixels its flow is wrong by."""

    kind: Kind = "baseline"
    name, identity, runtime = "oracle", "oracle", "none"

    def __init__(self, dx: float = 0.0):
        self.asked = 0
        self._dx = dx

    def predict(self, sample: TryOnSample, garment: GarmentInput, paired: bool) -> Prediction:
        self.asked += 1
        assert sample.truth is not None and sample.unpaired is not None and sample.unpaired.truth is not None
        person = sample.person if paired else sample.unpaired.person
        truth = sample.truth if paired else sample.unpaired.truth
        assert person is not None
        flow = truth.grid + torch.tensor([2 * self._dx / (SMALL[1] - 1), 0.0]).view(1, 2, 1, 1)
        return Prediction(person * 0.5 + 0.5, garment.picture, truth.garment, flow)


def figures(record: EvaluationRecord) -> dict[tuple[Pairing, str], float]:
    return {(figure.pairing, figure.metric): figure.mean for figure in record.figures}


def timeless(rows: list[ImageRow]) -> list[ImageRow]:
    return [replace(row, seconds=0.0) for row in rows]


def test_who_knows_the_truth_is_perfect(dataset: TryOnDataset, tmp_path: Path) -> None:
    means = figures(evaluate(Evaluation(Oracle(), dataset, BOTH, tmp_path / "run")))
    for pairing in BOTH:
        assert means[pairing, "psnr_image"] == means[pairing, "psnr_garment"] == means[pairing, "psnr_outside"] == 100
        assert means[pairing, "ssim_garment"] == pytest.approx(1)
        assert means[pairing, "end_point_error"] == pytest.approx(0, abs=1e-6)
        assert means[pairing, "warped_mask_iou"] == 1


def test_a_flow_two_pixels_off_is(dataset: TryOnDataset, tmp_path: Path) -> None:
    means = figures(evaluate(Evaluation(Oracle(dx=2.0), dataset, BOTH, tmp_path / "run")))
    assert means[Pairing.PAIRED, "end_point_error"] == pytest.approx(2, abs=1e-4)
    assert means[Pairing.UNPAIRED, "end_point_error"] == pytest.approx(2, abs=1e-4)


def test_the_person_unchanged_is_right_but_for_the_garment(dataset: TryOnDataset, tmp_path: Path) -> None:
    means = figures(evaluate(Evaluation(PersonUnchanged(), dataset, BOTH, tmp_path / "run")))
    assert means[Pairing.PAIRED, "psnr_image"] == 100
    assert means[Pairing.UNPAIRED, "psnr_garment"] + 8 < means[Pairing.UNPAIRED, "psnr_outside"] < 100
    assert (Pairing.UNPAIRED, "end_point_error") not in means  # it does not warp


def test_a_pasted_garment_lies_roughly_where_it_should(dataset: TryOnDataset, tmp_path: Path) -> None:
    means = figures(evaluate(Evaluation(GarmentPasted(), dataset, BOTH, tmp_path / "run")))
    assert means[Pairing.PAIRED, "warped_mask_iou"] > 0.4
    assert 0.5 < means[Pairing.PAIRED, "end_point_error"] < 20
    unchanged = figures(evaluate(Evaluation(PersonUnchanged(), dataset, BOTH, tmp_path / "unchanged")))
    assert means[Pairing.UNPAIRED, "psnr_garment"] > unchanged[Pairing.UNPAIRED, "psnr_garment"]


def test_an_interrupted_run_goes_on_where_it_was(dataset: TryOnDataset, tmp_path: Path) -> None:
    whole = evaluate(Evaluation(GarmentPasted(), dataset, BOTH, tmp_path / "whole"))
    out = tmp_path / "cut"

    def interrupt(done: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(Evaluation(GarmentPasted(), dataset, BOTH, out), interrupt)
    assert len(read_rows(out)) == 6 and not (out / "record.json").exists()
    told: list[int] = []
    resumed = evaluate(Evaluation(GarmentPasted(), dataset, BOTH, out), told.append)
    assert told == list(range(3, COUNT + 1))
    assert resumed.figures == whole.figures
    assert timeless(read_rows(out)) == timeless(read_rows(tmp_path / "whole"))


def test_a_row_that_was_cut_short_is_measured_again(dataset: TryOnDataset, tmp_path: Path) -> None:
    oracle, out = Oracle(), tmp_path / "run"
    evaluate(Evaluation(oracle, dataset, BOTH, out))
    rows = timeless(read_rows(out))
    text = (out / "images.csv").read_text()
    (out / "images.csv").write_text(text[: len(text) - 20])
    oracle.asked = 0
    evaluate(Evaluation(oracle, dataset, BOTH, out))
    assert oracle.asked == 2  # both pairings of the last image
    assert timeless(read_rows(out)) == rows


def test_workers_change_no_figure(dataset: TryOnDataset, tmp_path: Path) -> None:
    alone = evaluate(Evaluation(GarmentPasted(), dataset, BOTH, tmp_path / "alone", limit=4))
    helped = evaluate(Evaluation(GarmentPasted(), dataset, BOTH, tmp_path / "helped", limit=4, workers=2))
    assert alone.figures == helped.figures


def test_the_folder_of_another_run_is_refused(dataset: TryOnDataset, tmp_path: Path) -> None:
    evaluate(Evaluation(Oracle(), dataset, BOTH, tmp_path / "run", limit=1))
    before = (tmp_path / "run/images.csv").read_bytes()
    with pytest.raises(DmvtonError, match="another evaluation: subject differ"):
        evaluate(Evaluation(PersonUnchanged(), dataset, BOTH, tmp_path / "run", limit=1))
    with pytest.raises(DmvtonError, match="another evaluation: data, pairings differ"):
        evaluate(Evaluation(Oracle(), dataset, (Pairing.PAIRED,), tmp_path / "run", limit=2))
    assert (tmp_path / "run/images.csv").read_bytes() == before
    with pytest.raises(DmvtonError, match="not empty"):
        evaluate(Evaluation(Oracle(), dataset, BOTH, tmp_path))


def _means(pictures: torch.Tensor) -> torch.Tensor:
    """Stands for Inception, whose weights are nobody's to ship: colours in a few places, repeated."""
    small = torch.nn.functional.adaptive_avg_pool2d(pictures, 4).flatten(1)
    return small.repeat(1, WIDTH // small.shape[1] + 1)[:, :WIDTH]


def test_distances_to_the_people_survive_an_interruption(dataset: TryOnDataset, tmp_path: Path) -> None:
    extractor = Extractor(_means, "0" * 64)
    whole = evaluate(Evaluation(GarmentPasted(), dataset, BOTH, tmp_path / "whole", inception=extractor))

    def interrupt(done: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(Evaluation(GarmentPasted(), dataset, BOTH, tmp_path / "cut", inception=extractor), interrupt)
    resumed = evaluate(Evaluation(GarmentPasted(), dataset, BOTH, tmp_path / "cut", inception=extractor))
    assert resumed.distances == whole.distances and len(whole.distances) == 4
    values = {(distance.pairing, distance.metric): distance.value for distance in whole.distances}
    assert (values[Pairing.PAIRED, "fid"] or 0) > 0
    unchanged = evaluate(Evaluation(PersonUnchanged(), dataset, BOTH, tmp_path / "unchanged", inception=extractor))
    assert unchanged.distances[0].value == pytest.approx(0, abs=1e-6)


def test_one_image_has_no_distance(dataset: TryOnDataset, tmp_path: Path) -> None:
    extractor = Extractor(_means, "0" * 64)
    record = evaluate(Evaluation(Oracle(), dataset, (Pairing.PAIRED,), tmp_path / "run", limit=1, inception=extractor))
    assert [distance.value for distance in record.distances] == [None, None]
    assert all(distance.reason for distance in record.distances)


def test_a_bundle_in_its_runtime_gives_the_checkpoint_s_figures(
    dataset: TryOnDataset, small_network: TryOnNetwork, small_bundle: Path, tmp_path: Path
) -> None:
    save_checkpoint(small_network, tmp_path / "student.safetensors", trained=False)
    in_torch = Evaluation(
        CheckpointCandidate(tmp_path / "student.safetensors"), dataset, BOTH, tmp_path / "torch", limit=2
    )
    artifacts = BundleCandidate(small_bundle, Target.ONNX, Precision.FP32, threads=2)
    in_onnx = Evaluation(artifacts, dataset, BOTH, tmp_path / "onnx", limit=2)
    expected, found = figures(evaluate(in_torch)), figures(evaluate(in_onnx))
    assert artifacts.threads == evaluate(in_onnx).threads == 2
    assert expected.keys() == found.keys()
    assert all(found[key] == pytest.approx(expected[key], rel=1e-3, abs=1e-3) for key in expected)


def test_a_parser_based_network_is_evaluated_too(dataset: TryOnDataset, tmp_path: Path) -> None:
    save_checkpoint(seeded_network("dmvton-teacher"), tmp_path / "teacher.safetensors", trained=False)
    record = evaluate(
        Evaluation(CheckpointCandidate(tmp_path / "teacher.safetensors"), dataset, BOTH, tmp_path / "run", limit=1)
    )
    assert {figure.pairing for figure in record.figures} == set(BOTH)
    assert not record.run.subject.trained


def test_at_full_size_there_is_ms_ssim(tmp_path: Path) -> None:
    dataset = open_dataset(rendered_people(tmp_path / "people", 2, split=Split.TEST, size=DEFAULT_SIZE), "test")
    means = figures(evaluate(Evaluation(GarmentPasted(), dataset, BOTH, tmp_path / "run")))
    assert 0 < means[Pairing.PAIRED, "ms_ssim_garment"] < means[Pairing.PAIRED, "ms_ssim_outside"] < 1


def test_pasting_needs_keypoints(dataset: TryOnDataset) -> None:
    sample = replace(collate([dataset[0]]), pose=None)
    with pytest.raises(DmvtonError, match="keypoints"):
        GarmentPasted().predict(sample, garment_of(sample, Pairing.PAIRED), paired=True)


def test_a_garment_follows_the_torso(dataset: TryOnDataset) -> None:
    """Moved by ten pixels and turned, the torso takes the garment along."""
    sample = collate([dataset[0]])
    assert sample.pose is not None
    garment = garment_of(sample, Pairing.PAIRED)
    first = GarmentPasted().predict(sample, garment, paired=True).warped_mask
    moved = replace(sample, pose=sample.pose + torch.tensor([10.0, 0.0, 0.0]))
    second = GarmentPasted().predict(moved, garment, paired=True).warped_mask
    assert first is not None and second is not None
    assert np.allclose(first[..., :, :-10], second[..., :, 10:], atol=1e-4)
