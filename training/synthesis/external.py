"""People in wanted poses out of somebody else's pose-transfer generator, such as PIDM, for photos.

Two programs of the user's are called once per person. The generator is given a person's picture and somebody else's
pose, moved and scaled onto the person's torso, and writes the person in that pose. The parser is given what it wrote
and writes the two maps that every parser-based network needs: without them the teacher could judge nobody.

    generator   {person}  PNG, the dataset's size         {pose}       OpenPose JSON, 18 keypoints, the picture's pixels
                {out}     PNG to write, of the same size
    parser      {person}  what the generator wrote        {label}      PNG to write, `Label` ids
                                                          {densepose}  .npy to write, DensePose ids, [H, W]
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.datasets.files.decode import read_densepose, read_ids, read_rgb
from dmvton_mobile.datasets.files.pixels import mask_pixels, picture_pixels
from dmvton_mobile.datasets.sample import LABEL_IDS, DataError, TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.imaging.decode import Pixels
from training.synthesis.clusters import Numbers, PoseClusters
from training.synthesis.command import Command, CommandFailed
from training.synthesis.maker import Made, Maker, Tell
from training.synthesis.poses import Joints, Poses, as_numbers, torso, upper_body

GENERATOR_PLACEHOLDERS = ("person", "pose", "out")
PARSER_PLACEHOLDERS = ("person", "label", "densepose")
_TRIES = 100  # of person and pose together, until the pose is still in its cluster in the person's picture
_FOLDERS = ("img", "color", "edge", "label", "densepose", "pose")


@dataclass(frozen=True)
class _Plan:
    """Which person is put into whose pose. pose: [18, 3] in the pixels of the person's picture."""

    cluster: int
    person: int
    model: str
    pose: Joints


@dataclass(frozen=True)
class ExternalGenerator(Maker):
    """data: whose people are put into poses of the reference's, both drawn by the seed."""

    name: ClassVar[str] = "external generator"
    data: TryOnDataset
    reference: Poses
    generator: Command
    parser: Command

    def commands(self) -> dict[str, str]:
        return {command.option: command.text for command in (self.generator, self.parser)}

    def make(self, wanted: Numbers, clusters: PoseClusters, folder: Path, tell: Tell) -> tuple[Made, ...]:
        """As `Maker.make`. A command that fails before anybody is made is raised; later it costs that person only."""
        for name in _FOLDERS:
            (folder / f"train_{name}").mkdir(parents=True)
        plans = list(self._plans(wanted, clusters))
        made: list[Made] = []
        pairs: list[str] = []
        for number, plan in enumerate(plans):
            sample, name = self.data[plan.person], f"{number:06d}_0"
            source = f"{sample.person_name} in the pose of {plan.model}"
            try:
                self._make_one(sample, plan.pose, folder, name)
            except CommandFailed as error:
                if not pairs:
                    raise
                made.append(Made(None, plan.cluster, source, str(error)))
            else:
                made.append(Made(f"{name}.png", plan.cluster, source))
                pairs.append(f"{name}.png {_write_garment(sample, plan.person, folder)}\n")
            tell("Generating", number + 1, len(plans))
        (folder / "train_pairs.txt").write_text("".join(pairs))
        return tuple(made)

    def _plans(self, wanted: Numbers, clusters: PoseClusters) -> Iterator[_Plan]:
        random = np.random.default_rng(self.seed)
        people = cycle(random.permutation(len(self.data)).tolist())  # everybody once before anybody twice
        numbers = clusters.assign(self.reference.joints)
        for cluster in np.flatnonzero(wanted).tolist():
            models = np.flatnonzero(numbers == cluster)
            for _ in range(wanted[cluster]):
                yield self._plan(cluster, models, clusters, people, random)

    def _plan(
        self,
        cluster: int,
        models: Numbers,
        clusters: PoseClusters,
        people: Iterator[int],
        random: np.random.Generator,
    ) -> _Plan:
        for _ in range(_TRIES):
            person, model = next(people), int(random.choice(models))
            pose = self.data[person].pose
            moved = (
                None if pose is None else moved_pose(self.reference.keypoints[model], as_numbers(pose), self.data.size)
            )
            joints = None if moved is None else upper_body(moved)
            if moved is not None and joints is not None and clusters.assign(joints[None])[0] == cluster:
                return _Plan(cluster, person, self.reference.names[model], moved)
        raise DmvtonError(
            f"No pose of cluster {cluster} (hands: {clusters.hands(cluster)}) fits into the pictures of "
            f"{self.data.root}: {_TRIES} tries left another pose in view. Take fewer --clusters or another --reference."
        )

    def _make_one(self, sample: TryOnSample, pose: Joints, folder: Path, name: str) -> None:
        picture = folder / "train_img" / f"{name}.png"
        label, densepose = folder / "train_label" / f"{name}.png", folder / "train_densepose" / f"{name}.npy"
        written = folder / "train_pose" / f"{name}.json"
        written.write_text(_openpose(pose))
        with tempfile.TemporaryDirectory() as inputs:
            person = Path(inputs) / "person.png"
            Image.fromarray(picture_pixels(sample.person)).save(person)
            self.generator.run({"person": person, "pose": written, "out": picture})
        self._require(self.generator, "out", picture, read_rgb)
        self.parser.run({"person": picture, "label": label, "densepose": densepose})
        self._require(self.parser, "label", label, lambda path: read_ids(path, LABEL_IDS))
        self._require(self.parser, "densepose", densepose, read_densepose)

    def _require(self, command: Command, placeholder: str, path: Path, read: Callable[[Path], Pixels]) -> None:
        """That the command has written this file, and that it is what it must be."""
        if not path.exists():
            raise CommandFailed(f"{command.option} reports success and has not written {{{placeholder}}}.")
        try:
            found = read(path).shape[:2]
        except DataError as error:
            raise CommandFailed(f"{command.option} has written no usable {{{placeholder}}}: {error}") from error
        if found != self.data.size:
            (height, width), (wanted_height, wanted_width) = found, self.data.size
            raise CommandFailed(
                f"{command.option} has written {{{placeholder}}} in {width}x{height} instead of "
                f"{wanted_width}x{wanted_height} (width x height). Let it resize what it writes."
            )


def moved_pose(pose: Joints, person: Joints, size: tuple[int, int]) -> Joints | None:
    """The pose [18, 3] with its torso moved and scaled to the person's: neck on neck, and as long. Keypoints that are
    then outside the picture of (height, width) are 0. None where one of the two has no torso.
    """
    model, own = torso(pose), torso(person)
    if model is None or own is None:
        return None
    points = (pose[:, :2] - model[0]) * (own[1] / model[1]) + own[0]
    height, width = size
    inside = (points >= 0).all(1) & (points <= [width - 1, height - 1]).all(1) & (pose[:, 2] > 0)
    return np.concatenate([points, pose[:, 2:]], 1).round(2) * inside[:, None]


def _write_garment(sample: TryOnSample, number: int, folder: Path) -> str:
    name = f"{number:06d}_1.png"
    Image.fromarray(picture_pixels(sample.garment)).save(folder / "train_color" / name)
    Image.fromarray(mask_pixels(sample.garment_mask)).save(folder / "train_edge" / name)
    return name


def _openpose(pose: Joints) -> str:
    values = [float(value) for value in pose.flat]
    return json.dumps({"version": 1.0, "people": [{"pose_keypoints_2d": values}]})
