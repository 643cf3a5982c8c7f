"""People in wanted poses out of an external pose-transfer generator, such as PIDM, for photos.

Two programs of the user are called once per person. The generator gets a person's picture and somebody else's pose,
moved and scaled onto the person's torso, and writes the person in that pose. The parser gets what it wrote and writes
the two maps that every parser-based network needs: without them the teacher could verify nobody.

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
from training.synthesis.clusters import PoseClusters
from training.synthesis.command import CommandFailed, ExternalCommand
from training.synthesis.people import GeneratedPerson, PersonGenerator, ProgressCallback
from training.synthesis.poses import FloatArray, IntArray, Poses, as_float64, torso, upper_body_joints

GENERATOR_PLACEHOLDERS = ("person", "pose", "out")
PARSER_PLACEHOLDERS = ("person", "label", "densepose")
_TRIES = 100
_FOLDERS = ("img", "color", "edge", "label", "densepose", "pose")


@dataclass(frozen=True)
class _PoseTransfer:
    """Which person is put into whose pose; pose: [18, 3] in the pixels of the person's picture."""

    cluster: int
    person: int
    pose_name: str
    pose: FloatArray


@dataclass(frozen=True)
class ExternalGenerator(PersonGenerator):
    """Puts people of a dataset into poses of a reference, both chosen by the seed.

    Attributes:
        data: The dataset of the people.
        reference: The poses.
        generator: The program that writes pictures.
        parser: The program that writes their label and DensePose maps.
    """

    name: ClassVar[str] = "external generator"
    data: TryOnDataset
    reference: Poses
    generator: ExternalCommand
    parser: ExternalCommand

    def commands(self) -> dict[str, str]:
        """See `PersonGenerator.commands`."""
        return {command.option: command.text for command in (self.generator, self.parser)}

    def generate(
        self, wanted: IntArray, clusters: PoseClusters, folder: Path, on_progress: ProgressCallback
    ) -> tuple[GeneratedPerson, ...]:
        """See `PersonGenerator.generate`.

        Raises:
            CommandFailed: A command fails before anybody is generated; later a failure costs that person only.
            DmvtonError: A cluster cannot be filled.
        """
        for name in _FOLDERS:
            (folder / f"train_{name}").mkdir(parents=True)
        transfers = list(self._transfers(wanted, clusters))
        people: list[GeneratedPerson] = []
        pair_lines: list[str] = []
        for number, transfer in enumerate(transfers):
            sample, name = self.data[transfer.person], f"{number:06d}_0"
            source = f"{sample.person_name} in the pose of {transfer.pose_name}"
            try:
                self._generate_one(sample, transfer.pose, folder, name)
            except CommandFailed as error:
                if not pair_lines:
                    raise
                people.append(GeneratedPerson(None, transfer.cluster, source, str(error)))
            else:
                people.append(GeneratedPerson(f"{name}.png", transfer.cluster, source))
                pair_lines.append(f"{name}.png {_write_garment(sample, transfer.person, folder)}\n")
            on_progress("Generating", number + 1, len(transfers))
        (folder / "train_pairs.txt").write_text("".join(pair_lines))
        return tuple(people)

    def _transfers(self, wanted: IntArray, clusters: PoseClusters) -> Iterator[_PoseTransfer]:
        random = np.random.default_rng(self.seed)
        people = cycle(random.permutation(len(self.data)).tolist())  # everybody once before anybody twice
        assigned = clusters.assign(self.reference.joints)
        for cluster in np.flatnonzero(wanted).tolist():
            poses = np.flatnonzero(assigned == cluster)
            for _ in range(wanted[cluster]):
                yield self._transfer(cluster, poses, clusters, people, random)

    def _transfer(
        self,
        cluster: int,
        poses: IntArray,
        clusters: PoseClusters,
        people: Iterator[int],
        random: np.random.Generator,
    ) -> _PoseTransfer:
        """Tries people and poses until a pose is still in its cluster in the person's picture."""
        for _ in range(_TRIES):
            person, index = next(people), int(random.choice(poses))
            own_pose = self.data[person].pose
            if own_pose is None:
                continue
            pose = transfer_pose(self.reference.keypoints[index], as_float64(own_pose), self.data.size)
            joints = None if pose is None else upper_body_joints(pose)
            if pose is not None and joints is not None and clusters.assign(joints[None])[0] == cluster:
                return _PoseTransfer(cluster, person, self.reference.names[index], pose)
        raise DmvtonError(
            f"No pose of cluster {cluster} (hands: {clusters.describe_hands(cluster)}) fits into the pictures of "
            f"{self.data.root}: {_TRIES} tries left another pose in view. Take fewer --clusters or another --reference."
        )

    def _generate_one(self, sample: TryOnSample, pose: FloatArray, folder: Path, name: str) -> None:
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

    def _require(self, command: ExternalCommand, placeholder: str, path: Path, read: Callable[[Path], Pixels]) -> None:
        """Checks that the command has written this file, in the right format and size."""
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


def transfer_pose(pose: FloatArray, person: FloatArray, size: tuple[int, int]) -> FloatArray | None:
    """Moves and scales a pose so that its torso is the person's: neck on neck, and as long.

    Args:
        pose: The keypoints of the pose, [18, 3].
        person: The keypoints of the person, [18, 3].
        size: Height and width of the person's picture; keypoints that are then outside it become 0.

    Returns:
        [18, 3] in the pixels of the person's picture; None where one of the two has no torso.
    """
    pose_torso, own_torso = torso(pose), torso(person)
    if pose_torso is None or own_torso is None:
        return None
    points = (pose[:, :2] - pose_torso[0]) * (own_torso[1] / pose_torso[1]) + own_torso[0]
    height, width = size
    inside = (points >= 0).all(1) & (points <= [width - 1, height - 1]).all(1) & (pose[:, 2] > 0)
    return np.concatenate([points, pose[:, 2:]], 1).round(2) * inside[:, None]


def _write_garment(sample: TryOnSample, number: int, folder: Path) -> str:
    name = f"{number:06d}_1.png"
    Image.fromarray(picture_pixels(sample.garment)).save(folder / "train_color" / name)
    Image.fromarray(mask_pixels(sample.garment_mask)).save(folder / "train_edge" / name)
    return name


def _openpose(pose: FloatArray) -> str:
    values = [float(value) for value in pose.flat]
    return json.dumps({"version": 1.0, "people": [{"pose_keypoints_2d": values}]})
