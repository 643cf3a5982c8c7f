"""A pose from its JSON file: 18 keypoints in OpenPose's COCO order, in the file's own pixels."""

from pathlib import Path
from typing import Annotated, TypeVar

import torch
from pydantic import AliasChoices, BaseModel, Field, ValidationError
from torch import Tensor

from dmvton_mobile.datasets.sample import KEYPOINTS, DataError

MAX_BYTES = 1_000_000  # a file with hands and face of one person has about 10 000
_COCO_IN_BODY_25 = (*range(8), *range(9, 19))  # all but the middle of the hips and the feet
_BODY_25 = 25

_Number = Annotated[float, Field(strict=True, ge=-1e5, le=1e5, allow_inf_nan=False)]
_Row = tuple[_Number, _Number, _Number, _Number]


class _Person(BaseModel):
    keypoints: list[_Number] = Field(validation_alias=AliasChoices("pose_keypoints_2d", "pose_keypoints"))


class _OpenPose(BaseModel):
    people: list[_Person]


class _DressCode(BaseModel):
    keypoints: Annotated[list[_Row], Field(min_length=KEYPOINTS, max_length=KEYPOINTS)]


AnyFile = TypeVar("AnyFile", _OpenPose, _DressCode)


def read_openpose(path: Path) -> Tensor:
    """The first person of an OpenPose file.

    18 keypoints are taken as they are; of 25 (BODY_25), the 18 that COCO has.

    Returns:
        float32 [18, 3]: x and y in the file's pixels, and confidence; all 0 where there is no person.

    Raises:
        DataError: The file cannot be read, or is no such file.
    """
    people = _parsed(path, _OpenPose).people
    if not people:
        return torch.zeros(KEYPOINTS, 3)
    values = people[0].keypoints
    if len(values) == 3 * KEYPOINTS:
        return torch.tensor(values).view(KEYPOINTS, 3)
    if len(values) == 3 * _BODY_25:
        return torch.tensor(values).view(_BODY_25, 3)[list(_COCO_IN_BODY_25)]
    raise DataError(
        f"{path} holds {len(values)} keypoint values; 18 or 25 points have 54 or 75. Detect the pose again."
    )


def read_dresscode_keypoints(path: Path) -> Tensor:
    """DressCode's keypoints: rows of x, y, confidence and id.

    Returns:
        float32 [18, 3]: x and y in the file's pixels, and confidence; all 0 for a keypoint at a negative place, which
        was not found.

    Raises:
        DataError: The file cannot be read, or is no such file.
    """
    points = torch.tensor(_parsed(path, _DressCode).keypoints)[:, :3]
    return points * (points[:, :2] >= 0).all(1, keepdim=True)


def _parsed(path: Path, schema: type[AnyFile]) -> AnyFile:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}. Add it, or take its person out of the pair list.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Check the path.") from error
    if len(content) > MAX_BYTES:
        raise DataError(f"{path} is larger than {MAX_BYTES // 1_000_000} MB, so it is no pose. Detect the pose again.")
    try:
        return schema.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise DataError(f"{path} is not a pose: {place}: {first['msg']}. Detect the pose again.") from error
