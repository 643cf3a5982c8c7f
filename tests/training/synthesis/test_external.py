"""People out of somebody's generator: real programs, small ones, which do what they are told or go wrong."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dmvton_mobile.datasets.check import check
from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.datasets.procedural.people import Split
from tests.conftest import SMALL
from training.synthesis.clusters import PoseClusters
from training.synthesis.command import CommandFailed, parse_command
from training.synthesis.external import GENERATOR_PLACEHOLDERS, PARSER_PLACEHOLDERS, ExternalGenerator, transfer_pose
from training.synthesis.people import GeneratedPerson, no_progress
from training.synthesis.poses import Poses, dataset_poses, torso
from training.synthesis.renderer import sampled_keypoints

# argv: person, pose, out. Paints a square on every joint of the person's picture.
GENERATOR = """
import json, sys
from PIL import Image
person, pose, out = sys.argv[1:4]
picture = Image.open(person)
values = json.load(open(pose))["people"][0]["pose_keypoints_2d"]
for x, y, found in zip(values[::3], values[1::3], values[2::3]):
    if found:
        picture.paste((255, 0, 0), (int(x) - 2, int(y) - 2, int(x) + 3, int(y) + 3))
picture.save(out)
"""
# argv: person, label, densepose. The middle of the picture is garment, the middle of that torso.
PARSER = """
import sys
import numpy as np
from PIL import Image
person, label, densepose = sys.argv[1:4]
width, height = Image.open(person).size
ids = np.zeros((height, width), np.uint8)
ids[height // 4 : -height // 4, width // 4 : -width // 4] = 4
Image.fromarray(ids).save(label)
np.save(densepose, ids // 2)
"""
WANTED = np.array([1, 0, 0, 1, 1])


def external(
    dataset: TryOnDataset, reference: Poses, folder: Path, generator: str = GENERATOR, parser: str = PARSER
) -> ExternalGenerator:
    (folder / "generator.py").write_text(generator)
    (folder / "parser.py").write_text(parser)
    make = f"{sys.executable} {folder}/generator.py {{person}} {{pose}} {{out}}"
    parse = f"{sys.executable} {folder}/parser.py {{person}} {{label}} {{densepose}}"
    return ExternalGenerator(
        1,
        dataset,
        reference,
        parse_command(make, GENERATOR_PLACEHOLDERS, 30, "--generator"),
        parse_command(parse, PARSER_PLACEHOLDERS, 30, "--parser"),
    )


def test_what_the_programs_write_is_a_dataset(
    dataset: TryOnDataset, reference: Poses, clusters: PoseClusters, tmp_path: Path
) -> None:
    made = external(dataset, reference, tmp_path).generate(WANTED, clusters, tmp_path / "made", no_progress)
    assert check(tmp_path / "made").problems == ()
    found = open_dataset(tmp_path / "made", "train", SMALL)
    poses = dataset_poses(found)
    assert clusters.count(poses.joints).tolist() == WANTED.tolist()
    assert clusters.assign(poses.joints).tolist() == [item.cluster for item in made]
    assert [item.name for item in made] == list(poses.names) == [f"{n:06}_0.png" for n in range(3)]
    pixels = np.array(Image.open(tmp_path / "made/train_img/000000_0.png"))
    x, y = poses.keypoints[0, 1, :2].astype(int)
    assert pixels[y, x].tolist() == [255, 0, 0]  # the generator was told this pose
    source, model = made[0].source.split(" in the pose of ")
    assert source in [pair.person for pair in dataset.pairs] and model in reference.names


def test_a_made_person_wears_the_garment_of_the_one_they_were_made_of(
    dataset: TryOnDataset, reference: Poses, clusters: PoseClusters, tmp_path: Path
) -> None:
    made = external(dataset, reference, tmp_path).generate(WANTED, clusters, tmp_path / "made", no_progress)
    people = {sample.person_name: sample for sample in (dataset[place] for place in range(len(dataset)))}
    found = open_dataset(tmp_path / "made", "train", SMALL)
    for place, item in enumerate(made):
        own, sample = people[item.source.split(" ")[0]], found[place]
        assert (sample.garment == own.garment).all() and (sample.garment_mask == own.garment_mask).all()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"generator": "pass"}, r"--generator reports success and has not written \{out\}"),
        (
            {"generator": "import sys; open(sys.argv[3], 'w').write('png')"},
            r"--generator has written no usable \{out\}",
        ),
        ({"generator": GENERATOR.replace("picture.save", "picture.resize((64, 64)).save")}, "64x64 instead of 96x128"),
        ({"generator": "import sys; sys.exit('no GPU')"}, "--generator failed with status 1.*no GPU"),
        ({"parser": "pass"}, r"--parser reports success and has not written \{label\}"),
        ({"parser": PARSER.replace("= 4", "= 77")}, r"--parser has written no usable \{label\}.*holds 77"),
        ({"parser": PARSER.replace("ids // 2", "ids[:, 1:]")}, r"\{densepose\} in 95x128 instead of 96x128"),
        ({"parser": PARSER.replace("ids // 2", "ids * 10")}, r"no usable \{densepose\}.*holds 40"),
    ],
)
def test_a_program_that_does_not_do_its_work_is_named(
    change: dict[str, str],
    sentence: str,
    dataset: TryOnDataset,
    reference: Poses,
    clusters: PoseClusters,
    tmp_path: Path,
) -> None:
    with pytest.raises(CommandFailed, match=sentence):
        external(dataset, reference, tmp_path, **change).generate(WANTED, clusters, tmp_path / "made", no_progress)


def test_once_somebody_is_made_a_failure_costs_that_person_only(
    dataset: TryOnDataset, reference: Poses, clusters: PoseClusters, tmp_path: Path
) -> None:
    fails_second = 'import sys\nif "000001_0" in sys.argv[3]: sys.exit("out of memory")\n' + GENERATOR
    generator = external(dataset, reference, tmp_path, generator=fails_second)
    made = generator.generate(WANTED, clusters, tmp_path / "made", no_progress)
    assert [item.name for item in made] == ["000000_0.png", None, "000002_0.png"]
    assert isinstance(made[1], GeneratedPerson) and "out of memory" in str(made[1].failure)
    assert len(open_dataset(tmp_path / "made", "train", SMALL)) == 2


def test_a_pose_is_moved_onto_the_person_s_torso() -> None:
    model, person = sampled_keypoints(Split.TRAIN, 0, 3, SMALL), sampled_keypoints(Split.TRAIN, 0, 4, SMALL)
    moved = transfer_pose(model * [2, 2, 1] + [30, 50, 0], person, SMALL)
    assert moved is not None
    own, put = torso(person), torso(moved)
    assert own is not None and put is not None
    assert np.allclose(own[0], put[0], atol=0.01) and own[1] == pytest.approx(put[1], abs=0.02)
    found = moved[moved[:, 2] > 0, :2]
    assert (found >= 0).all() and (found <= [SMALL[1] - 1, SMALL[0] - 1]).all()
    larger = person.copy()
    larger[[8, 11], 1] = SMALL[0] - 1
    grown = transfer_pose(model, larger, SMALL)
    assert grown is not None and (grown[:, 2] > 0).sum() <= (moved[:, 2] > 0).sum()
    assert (grown[grown[:, 2] == 0] == 0).all()


def test_the_pose_file_is_openpose_s(
    dataset: TryOnDataset, reference: Poses, clusters: PoseClusters, tmp_path: Path
) -> None:
    external(dataset, reference, tmp_path).generate(WANTED, clusters, tmp_path / "made", no_progress)
    written = json.loads((tmp_path / "made/train_pose/000000_0.json").read_text())
    assert len(written["people"][0]["pose_keypoints_2d"]) == 54
