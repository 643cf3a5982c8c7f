"""People picked by their pose and rendered: those and no others, as they are in any other set."""

import json
from pathlib import Path

import numpy as np
import pytest

from dmvton_mobile.datasets.check import check
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.datasets.procedural.people import Split
from dmvton_mobile.errors import DmvtonError
from tests.conftest import SMALL
from training.synthesis import renderer
from training.synthesis.clusters import PoseClusters
from training.synthesis.poses import dataset_poses
from training.synthesis.renderer import Renderer, choose_people, render_chosen_people


def test_the_wanted_poses_are_rendered(clusters: PoseClusters, tmp_path: Path) -> None:
    wanted = np.array([2, 0, 1, 0, 3])
    steps: list[str] = []
    made = Renderer(5, SMALL).generate(
        wanted, clusters, tmp_path / "made", lambda step, done, total: steps.append(step)
    )
    poses = dataset_poses(open_dataset(tmp_path / "made", "train", SMALL))
    assert clusters.count(poses.joints).tolist() == wanted.tolist()
    assert clusters.assign(poses.joints).tolist() == [item.cluster for item in made]
    assert poses.names == tuple(item.name for item in made) and "seed 5" in made[0].source
    assert {"Choosing poses", "Rendering"} == set(steps)


def test_a_picked_person_is_who_they_are_in_the_whole_set(people: Path, tmp_path: Path) -> None:
    indices = [7, 1, 4]
    render_chosen_people(indices, Split.TRAIN, 0, SMALL, tmp_path / "some")
    assert check(tmp_path / "some").problems == ()
    for index in indices:
        for name in (f"train_img/{index:06}_0.jpg", f"train_color/{index:06}_1.jpg", f"train_pose/{index:06}_0.json"):
            assert (tmp_path / "some" / name).read_bytes() == (people / name).read_bytes()
    others = (tmp_path / "some/truth/train_unpaired_pairs.txt").read_text().split()
    assert others == ["000001_0.jpg", "000004_1.jpg", "000004_0.jpg", "000007_1.jpg", "000007_0.jpg", "000001_1.jpg"]


def test_the_record_names_who_was_picked_only_where_somebody_was(people: Path, tmp_path: Path) -> None:
    render_chosen_people([3, 9], Split.TEST, 4, SMALL, tmp_path / "some")
    record = json.loads((tmp_path / "some/render.json").read_text())
    assert record["chosen"] == [3, 9] and record["people"] == 2 and record["split"] == "test"
    assert "chosen" not in json.loads((people / "render.json").read_text())


def test_a_cluster_that_nobody_is_in_is_named(clusters: PoseClusters, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renderer, "_FRUITLESS_SAMPLES", 30)
    nowhere = PoseClusters(np.concatenate([clusters.centres, clusters.centres[:1] + 50]), clusters.mean_joints)
    with pytest.raises(DmvtonError, match=r"Cluster 5 .* wants 2 people, 0 were found, and then nobody among 30"):
        choose_people(nowhere, np.array([1, 0, 0, 0, 0, 2]), Split.TRAIN, 5, SMALL)


def test_one_person_alone_is_not_rendered(tmp_path: Path) -> None:
    with pytest.raises(DmvtonError, match="two people or more"):
        render_chosen_people([3], Split.TRAIN, 0, SMALL, tmp_path / "one")
