"""The whole way: what is written is an ordinary dataset that says where everybody comes from, or nothing is."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from dmvton_mobile.datasets.check import check
from dmvton_mobile.datasets.dataset import TryOnDataset, dataset_digest
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.datasets.sample import DataError
from dmvton_mobile.errors import DmvtonError
from tests.conftest import SMALL
from tests.datasets.written import write_viton_hd
from tests.training.synthesis.conftest import CLUSTERS, COUNT
from training.synthesis.poses import Poses, dataset_poses
from training.synthesis.provenance import Provenance, rendered_seeds
from training.synthesis.quality_filter import QualityFilter
from training.synthesis.renderer import Renderer
from training.synthesis.synthesise import PoseReference, SynthesisPlan, synthesise

MADE = 4


@pytest.fixture
def plan(dataset: TryOnDataset, reference: Poses, quality_filter: QualityFilter, tmp_path: Path) -> SynthesisPlan:
    wanted = PoseReference("the renderer's own poses", None, reference)
    return SynthesisPlan(
        dataset, wanted, CLUSTERS, MADE, Renderer(1, SMALL), quality_filter, tmp_path / "out", threshold_db=0.0
    )


def splitting(plan: SynthesisPlan) -> float:
    """A threshold that some of the made people reach and some do not."""
    values = [person.agreement_db for person in synthesise(replace(plan, out=plan.out.with_name("all"))).people]
    known = sorted(value for value in values if value is not None)
    return (known[1] + known[2]) / 2


def test_made_people_are_written_beside_the_dataset_s_own(plan: SynthesisPlan) -> None:
    before = dataset_digest(plan.data.root)
    provenance = synthesise(replace(plan, with_source=True))
    assert check(plan.out).problems == ()
    found = open_dataset(plan.out, "train", SMALL)
    assert [pair.person for pair in found.pairs[:COUNT]] == [pair.person for pair in plan.data.pairs]
    assert [pair.person for pair in found.pairs[COUNT:]] == [person.name for person in provenance.people]
    own, linked = plan.data[3], found[3]
    assert (own.person == linked.person).all() and linked.truth is not None
    made = found[COUNT]
    assert made.truth is not None and made.unpaired is not None and made.unpaired.truth is not None
    assert made.unpaired.garment_name.startswith("made1_")
    assert dataset_digest(plan.data.root) == before == provenance.data.digest
    inside = {path.name for path in plan.out.iterdir()}
    assert inside == {
        *(f"train_{kind}" for kind in ("img", "color", "edge", "label", "densepose", "pose", "pairs.txt")),
        *("truth", "provenance.json"),
    }


def test_who_is_refused_is_not_written_but_summarised(plan: SynthesisPlan) -> None:
    threshold = splitting(plan)
    returned = synthesise(replace(plan, threshold_db=threshold))
    provenance = Provenance.model_validate_json((plan.out / "provenance.json").read_bytes())
    assert provenance == returned and check(plan.out).problems == ()
    kept = [person for person in provenance.people if person.kept]
    refused = [person for person in provenance.people if not person.kept]
    assert (len(kept), len(refused)) == (MADE - 2, 2) and provenance.threshold_origin == "given"
    assert [pair.person for pair in open_dataset(plan.out, "train", SMALL).pairs] == [person.name for person in kept]
    for person in provenance.people:
        assert person.agreement_db is not None and (person.agreement_db >= threshold) == person.kept
        assert "split train, seed 1" in person.source and person.pose is not None and len(person.pose.split()) == 18
    assert all(person.name is None and person.reason for person in refused)
    rows = provenance.clusters
    assert sum(row.wanted for row in rows) == sum(row.made for row in rows) == MADE
    assert sum(row.kept for row in rows) == len(kept)
    assert sum(row.share_after for row in rows) == pytest.approx(1) == pytest.approx(sum(row.share for row in rows))
    assert not provenance.teacher.trained and provenance.rendered_seeds == (1,)
    assert provenance.maker == "renderer" and provenance.commands == {} and provenance.truth


def test_the_same_request_writes_the_same_bytes(plan: SynthesisPlan) -> None:
    synthesise(plan)
    synthesise(replace(plan, out=plan.out.with_name("again")))
    assert dataset_digest(plan.out) == dataset_digest(plan.out.with_name("again"))


def test_without_a_threshold_the_dataset_s_own_people_set_it(
    plan: SynthesisPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.synthesis.quality_filter.CALIBRATION_PEOPLE", 4)
    steps: list[str] = []
    provenance = synthesise(replace(plan, threshold_db=None), lambda step, done, total: steps.append(step))
    assert provenance.threshold_origin == "usual" and 5 < provenance.threshold_db < 40
    assert steps.count("Measuring the threshold") == 4 and steps.count("Trying on") == MADE


def test_where_nobody_is_kept_nothing_is_written(plan: SynthesisPlan, tmp_path: Path) -> None:
    with pytest.raises(DmvtonError, match=r"agrees with nobody of 4 made people: the best reached \d+\.\d\d dB"):
        synthesise(replace(plan, threshold_db=99.0))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("moment", ["Choosing poses", "Rendering", "Trying on"])
def test_an_interrupt_leaves_nothing_and_takes_nothing(plan: SynthesisPlan, moment: str, tmp_path: Path) -> None:
    before = dataset_digest(plan.data.root)

    def interrupt(step: str, done: int, total: int) -> None:
        if step == moment:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesise(replace(plan, with_source=True), interrupt)
    assert not list(tmp_path.iterdir()) and dataset_digest(plan.data.root) == before


def test_people_are_made_in_the_dataset_s_own_size_only(plan: SynthesisPlan, people: Path) -> None:
    with pytest.raises(DataError, match="is 96x128, not 192x256"):
        synthesise(replace(plan, data=open_dataset(people, "train")))
    assert not plan.out.exists()


def test_what_is_there_is_not_written_over(plan: SynthesisPlan) -> None:
    plan.out.mkdir()
    with pytest.raises(DmvtonError, match="exists already"):
        synthesise(plan)


def test_the_dataset_s_own_people_are_not_made_again(plan: SynthesisPlan, dataset: TryOnDataset) -> None:
    assert rendered_seeds(dataset.root) == {0}
    with pytest.raises(DmvtonError, match="rendered with seed 0.*another --seed"):
        synthesise(replace(plan, generator=Renderer(0, SMALL)))
    synthesise(replace(plan, with_source=True))
    assert rendered_seeds(plan.out) == {0, 1}
    more = replace(plan, data=open_dataset(plan.out, "train", SMALL), out=plan.out.with_name("more"))
    with pytest.raises(DmvtonError, match="rendered with seed 1"):
        synthesise(more)


def test_without_truth_on_one_side_there_is_none(plan: SynthesisPlan, people: Path, tmp_path: Path) -> None:
    shutil.rmtree(Path(shutil.copytree(people, tmp_path / "photos")) / "truth")
    (tmp_path / "photos/render.json").unlink()
    photos = replace(plan, data=open_dataset(tmp_path / "photos", "train", SMALL), with_source=True)
    assert not synthesise(photos).truth
    assert not (plan.out / "truth").exists() and check(plan.out).problems == ()
    assert len(open_dataset(plan.out, "train", SMALL)) == COUNT + MADE


def test_other_layouts_are_filled_up_but_not_linked(plan: SynthesisPlan, tmp_path: Path) -> None:
    hd = open_dataset(write_viton_hd(tmp_path / "hd"), "train", SMALL)
    with pytest.raises(DmvtonError, match="viton-hd; --with-source links files of the layout viton only"):
        synthesise(replace(plan, data=hd, with_source=True))
    synthesise(replace(plan, data=hd))
    assert len(open_dataset(plan.out, "train", SMALL)) == MADE


def test_a_dataset_like_the_reference_is_left_as_it_is(
    plan: SynthesisPlan, dataset: TryOnDataset, tmp_path: Path
) -> None:
    with pytest.raises(DmvtonError, match="no gap to fill"):
        synthesise(replace(plan, reference=PoseReference("itself", None, dataset_poses(dataset)), clusters=2))
    assert not list(tmp_path.iterdir())


def test_a_person_listed_twice_is_named(plan: SynthesisPlan, people: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(people, tmp_path / "twice"))
    shutil.rmtree(copy / "truth")
    with (copy / "train_pairs.txt").open("a") as pairs:
        pairs.write("000000_0.jpg 000000_1.jpg\n")
    with pytest.raises(DmvtonError, match=r"000000_0.jpg would be in train_img twice.*data check"):
        synthesise(replace(plan, data=open_dataset(copy, "train", SMALL), with_source=True))
    assert not plan.out.exists()
