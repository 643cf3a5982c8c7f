"""Who is rendered: the same bytes for the same seed, other people for another, a wide choice of everything."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dmvton_mobile.datasets.dataset import dataset_digest
from dmvton_mobile.datasets.procedural.benchmark import BENCHMARK, is_benchmark, published, scenes_digest
from dmvton_mobile.datasets.procedural.garment.design import GarmentKind, Neckline, Textile
from dmvton_mobile.datasets.procedural.people import People, Split, scene_rng
from dmvton_mobile.datasets.procedural.rendered_person import render_people
from dmvton_mobile.datasets.procedural.scene.backdrop import find_photos
from dmvton_mobile.datasets.procedural.scene.sampling import sample_garment, sample_person
from dmvton_mobile.datasets.procedural.scene.scene import ArmPose, Backdrop, HairStyle, LowerBody
from dmvton_mobile.datasets.procedural.writer import write_people
from dmvton_mobile.errors import DmvtonError

SMALL = (128, 96)


def write(people: People, out: Path, workers: int = 1) -> str:
    write_people(people, out, workers)
    return dataset_digest(out)


def test_the_same_bytes_whatever_the_number_of_workers(tmp_path: Path) -> None:
    people = People(Split.TRAIN, 3, 35, SMALL)
    assert write(people, tmp_path / "one") == write(people, tmp_path / "three", workers=3)


@pytest.mark.parametrize("other", [People(Split.TEST, 3, 4, SMALL), People(Split.TRAIN, 4, 4, SMALL)])
def test_another_split_or_seed_is_other_people(other: People) -> None:
    people = People(Split.TRAIN, 3, 4, SMALL)
    ours = {person.paired.picture.tobytes() for person in render_people(people, range(4))}
    theirs = {person.paired.picture.tobytes() for person in render_people(other, range(4))}
    assert len(ours) == len(theirs) == 4 and not ours & theirs


def test_no_seed_of_one_split_is_one_of_another() -> None:
    draws = {
        scene_rng(split, seed, index, "person").random() for split in Split for seed in range(5) for index in range(40)
    }
    assert len(draws) == len(Split) * 5 * 40


def test_everything_there_is_appears() -> None:
    people = [sample_person(scene_rng(Split.TRAIN, 0, index, "person")) for index in range(400)]
    garments = [sample_garment(scene_rng(Split.TRAIN, 0, index, "garment")) for index in range(400)]
    assert {garment.kind for garment in garments} == set(GarmentKind)
    assert {garment.textile for garment in garments} == set(Textile)
    assert {garment.neckline for garment in garments} == set(Neckline)
    assert {person.hair.style for person in people} == set(HairStyle)
    assert {person.bottoms.kind for person in people} == set(LowerBody)
    assert {arm.pose for person in people for arm in (person.pose.left, person.pose.right)} == set(ArmPose)
    assert {person.room.backdrop for person in people} == set(Backdrop) - {Backdrop.PHOTO}
    tones = np.array([person.body.skin for person in people]).mean(1)
    assert tones.min() < 0.2 and tones.max() > 0.75


def test_photos_stand_behind_the_people_and_change_nobody(tmp_path: Path) -> None:
    Image.fromarray(np.full((300, 400, 3), (10, 200, 30), np.uint8)).save(tmp_path / "green.png")
    photos = find_photos(tmp_path)
    with_photos = list(render_people(People(Split.TRAIN, 0, 12, SMALL, photos), range(12)))
    without = list(render_people(People(Split.TRAIN, 0, 12, SMALL), range(12)))
    assert all(np.array_equal(a.paired.label, b.paired.label) for a, b in zip(with_photos, without, strict=True))
    corners = np.array([person.paired.picture[2, 2] for person in with_photos]).astype(int)
    assert ((corners[:, 1] - corners[:, 0]) > 100).sum() >= 4


def test_what_cannot_be_rendered_is_said(tmp_path: Path) -> None:
    with pytest.raises(DmvtonError, match="two people or more"):
        People(Split.TRAIN, 0, 1, SMALL)
    with pytest.raises(DmvtonError, match="no JPEG or PNG"):
        find_photos(tmp_path)
    (tmp_path / "there").mkdir()
    with pytest.raises(DmvtonError, match="exists already"):
        write(People(Split.TRAIN, 0, 2, SMALL), tmp_path / "there")


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_people(People(Split.TRAIN, 0, 40, SMALL), tmp_path / "people", on_rendered=interrupt)
    assert not list(tmp_path.iterdir())


def test_the_benchmark_is_who_it_was() -> None:
    assert scenes_digest(BENCHMARK) == published().scenes


def test_another_benchmark_is_noticed(tmp_path: Path) -> None:
    write(People(Split.BENCHMARK, 0, 2, SMALL), tmp_path / "two")
    assert not is_benchmark(tmp_path / "two")
    assert scenes_digest(People(Split.BENCHMARK, 1, 512, BENCHMARK.size)) != published().scenes


@pytest.mark.slow
def test_the_benchmark_is_the_same_on_the_disk(tmp_path: Path) -> None:
    write(BENCHMARK, tmp_path / "benchmark", workers=2)
    assert is_benchmark(tmp_path / "benchmark")
