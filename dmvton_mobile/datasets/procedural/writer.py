"""Rendered people on the disk, in the layout of VITON with the truth beside it.

    {phase}_pairs.txt                      person and garment, a pair per line
    {phase}_img/000000_0.jpg               the person in the garment
    {phase}_color/000000_1.jpg             the flat garment; {phase}_edge/000000_1.jpg, its mask
    {phase}_label/000000_0.png             `Label` ids; {phase}_densepose/000000_0.npy, DensePose ids
    {phase}_pose/000000_0.json             OpenPose
    truth/{phase}_grid/000000_0.png        how the garment lies on the person (`truth_files`)
    truth/{phase}_unpaired_pairs.txt       the same person and another garment,
    truth/{phase}_unpaired_img/, truth/{phase}_unpaired_grid/   in it
    render.json                            what made it

The same people are the same bytes, whatever the number of workers.
"""

import json
import multiprocessing
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import SerializerFunctionWrapHandler, model_serializer

from dmvton_mobile.datasets.files.truth_files import write_truth
from dmvton_mobile.datasets.procedural.pair import Pair, People, pose_keypoints, render_pairs
from dmvton_mobile.datasets.procedural.render import Rendering
from dmvton_mobile.datasets.procedural.seeds import VERSION, Split
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.imaging.decode import WRITERS
from dmvton_mobile.records.base import Record, record_json
from dmvton_mobile.utils.files import atomic_folder

RECORD = "render.json"
_CHUNK = 16  # pairs per task: neighbours share a garment
_FOLDERS = ("img", "color", "edge", "label", "densepose", "pose")
_TRUTH_FOLDERS = ("grid", "unpaired_img", "unpaired_grid")
_GARMENT_QUALITY = 95
_FULL_COLOUR = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]


class RenderRecord(Record):
    """`render.json`: what made a rendered dataset. photos: the names of the backgrounds it drew from.

    chosen: the people's indices, where they are not all from 0 on; else the file does not have it.
    """

    schema_version: Literal[1] = 1
    renderer_version: int = VERSION
    split: Split
    seed: int
    people: int
    height: int
    width: int
    photos: tuple[str, ...] = ()
    chosen: tuple[int, ...] | None = None

    @model_serializer(mode="wrap")
    def _plain(self, values: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in values(self).items() if name != "chosen" or value is not None}


def phase_of(split: Split) -> str:
    """The name that a reader knows the split's files by."""
    return "train" if split is Split.TRAIN else "test"


def find_photos(folder: Path) -> tuple[Path, ...]:
    """The pictures of a folder, by name. Raises DmvtonError where there are none."""
    photos = tuple(sorted(path for path in folder.glob("*") if path.suffix.lower() in WRITERS))
    if not photos:
        raise DmvtonError(f"{folder} holds no JPEG or PNG to stand people in front of.")
    return photos


def write_people(people: People, out: Path, workers: int = 1) -> Generator[int, None, None]:
    """Renders the people into the new folder out; yields how many are done. Raises DmvtonError; ImageError for a photo.

    The folder is there when the last one is done, whole; not before.
    """
    phase = phase_of(people.split)
    height, width = people.size
    with atomic_folder(out) as folder:
        for name in _FOLDERS:
            (folder / f"{phase}_{name}").mkdir()
        for name in _TRUTH_FOLDERS:
            (folder / "truth" / f"{phase}_{name}").mkdir(parents=True)
        chunks = [people.indices[start : start + _CHUNK] for start in range(0, people.count, _CHUNK)]
        done = 0
        for written in _in_processes(people, chunks, folder, workers):
            done += written
            yield done
        names = [(f"{i:06d}_0.jpg", f"{i:06d}_1.jpg", f"{people.other(i):06d}_1.jpg") for i in people.indices]
        (folder / f"{phase}_pairs.txt").write_text("".join(f"{person} {own}\n" for person, own, _ in names))
        unpaired = "".join(f"{person} {other}\n" for person, _, other in names)
        (folder / "truth" / f"{phase}_unpaired_pairs.txt").write_text(unpaired)
        record = RenderRecord(
            split=people.split, seed=people.seed, people=people.count, height=height, width=width,
            photos=tuple(photo.name for photo in people.photos), chosen=people.chosen,
        )  # fmt: skip
        (folder / RECORD).write_text(record_json(record))


def _in_processes(people: People, chunks: list[Sequence[int]], folder: Path, workers: int) -> Iterator[int]:
    if workers == 1:
        yield from (_write_chunk(people, chunk, folder) for chunk in chunks)
        return
    # a fork would copy OpenCV's and PyTorch's threads in whatever state they are
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        try:
            yield from pool.map(_write_chunk, repeat(people), chunks, repeat(folder))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _write_chunk(people: People, indices: Sequence[int], folder: Path) -> int:
    for pair in render_pairs(people, indices):
        write_pair(pair, folder, phase_of(people.split))
    return len(indices)


def write_pair(pair: Pair, folder: Path, phase: str) -> None:
    """All files of one pair but the lists."""
    person, garment = f"{pair.index:06d}_0", f"{pair.index:06d}_1"
    truth = folder / "truth"
    quality = pair.figure.person.camera.quality
    _jpeg(folder / f"{phase}_img" / f"{person}.jpg", pair.paired.picture, quality)
    _jpeg(folder / f"{phase}_color" / f"{garment}.jpg", _bytes(pair.garment.rgb), _GARMENT_QUALITY, _FULL_COLOUR)
    _jpeg(folder / f"{phase}_edge" / f"{garment}.jpg", _bytes(pair.garment.mask > 0.5), 100)
    _png(folder / f"{phase}_label" / f"{person}.png", pair.paired.label)
    np.save(folder / f"{phase}_densepose" / f"{person}.npy", pair.paired.densepose)
    keypoints = [round(float(value), 2) for value in pose_keypoints(pair).flat]
    pose = {"version": 1.0, "people": [{"pose_keypoints": keypoints}]}
    (folder / f"{phase}_pose" / f"{person}.json").write_text(json.dumps(pose))
    _grid(truth / f"{phase}_grid" / f"{person}.png", pair.paired)
    _jpeg(truth / f"{phase}_unpaired_img" / f"{person}.jpg", pair.unpaired.picture, quality)
    _grid(truth / f"{phase}_unpaired_grid" / f"{person}.png", pair.unpaired)


def _grid(path: Path, rendering: Rendering) -> None:
    write_truth(path, rendering.grid_x, rendering.grid_y, rendering.state)


def _bytes(plane: NDArray[np.float32] | NDArray[np.bool_]) -> NDArray[np.uint8]:
    return (plane * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def _jpeg(path: Path, pixels: NDArray[np.uint8], quality: int, options: list[int] | None = None) -> None:
    _write(path, pixels, [cv2.IMWRITE_JPEG_QUALITY, quality, *(options or [])])


def _png(path: Path, pixels: NDArray[np.uint8]) -> None:
    _write(path, pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])


def _write(path: Path, pixels: NDArray[np.uint8], options: list[int]) -> None:
    encoded, content = cv2.imencode(path.suffix, pixels[..., ::-1] if pixels.ndim == 3 else pixels, options)
    assert encoded, path
    path.write_bytes(content.tobytes())  # a full disk is an OSError here; OpenCV's own writer says only that it failed
