"""Rendered people on the disk, in the layout of VITON with the ground truth beside it.

    {phase}_pairs.txt                      person and garment, a pair per line
    {phase}_img/000000_0.jpg               the person in the garment
    {phase}_color/000000_1.jpg             the flat garment; {phase}_edge/000000_1.jpg, its mask
    {phase}_label/000000_0.png             `Label` ids; {phase}_densepose/000000_0.npy, DensePose ids
    {phase}_pose/000000_0.json             OpenPose
    truth/{phase}_grid/000000_0.png        how the garment lies on the person (`truth_files`)
    truth/{phase}_unpaired_pairs.txt       the same person and another garment,
    truth/{phase}_unpaired_img/, truth/{phase}_unpaired_grid/   in it
    render.json                            the renderer's version and options

The same people give the same bytes, whatever the number of workers.
"""

import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import SerializerFunctionWrapHandler, model_serializer

from dmvton_mobile.datasets.files.truth_files import write_truth
from dmvton_mobile.datasets.procedural.people import VERSION, People, Split
from dmvton_mobile.datasets.procedural.render import Rendering
from dmvton_mobile.datasets.procedural.rendered_person import RenderedPerson, render_people
from dmvton_mobile.records.base import Record, record_json
from dmvton_mobile.utils.files import atomic_folder

RECORD = "render.json"
_PEOPLE_PER_TASK = 16  # neighbours share a garment
_FOLDERS = ("img", "color", "edge", "label", "densepose", "pose")
_TRUTH_FOLDERS = ("grid", "unpaired_img", "unpaired_grid")
_GARMENT_QUALITY = 95  # of the JPEG
_FULL_COLOUR = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]


class RenderRecord(Record):
    """`render.json`: the renderer and the options behind a rendered dataset.

    Attributes:
        schema_version: Of this record.
        renderer_version: Another version renders other people.
        split: The split that the people belong to.
        seed: The seed of the set.
        people: How many.
        height: Of the pictures, in pixels.
        width: Of the pictures, in pixels.
        photos: File names of the photos that people may stand before.
        chosen: The people's indices where they are not 0 to people - 1; the file leaves the field out otherwise.
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
    def _without_chosen(self, values: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in values(self).items() if name != "chosen" or value is not None}


def write_people(
    people: People, out: Path, workers: int = 1, on_rendered: Callable[[int], None] = lambda done: None
) -> None:
    """Renders the people into a new folder, which appears when the last one is done and not before.

    Args:
        people: The people to render.
        out: The folder; it must not exist.
        workers: Processes; the bytes do not depend on their number.
        on_rendered: Called with the number of people done, after each task of 16.

    Raises:
        DmvtonError: The folder exists already.
        ImageError: A photo cannot be read.
    """
    phase = people.split.phase
    with atomic_folder(out) as folder:
        for name in _FOLDERS:
            (folder / f"{phase}_{name}").mkdir()
        for name in _TRUTH_FOLDERS:
            (folder / "truth" / f"{phase}_{name}").mkdir(parents=True)
        tasks = [people.indices[start : start + _PEOPLE_PER_TASK] for start in range(0, people.count, _PEOPLE_PER_TASK)]
        done = 0
        for written in _in_processes(people, tasks, folder, workers):
            done += written
            on_rendered(done)
        _write_pair_lists(people, folder)
        (folder / RECORD).write_text(record_json(_record(people)))


def write_person(rendered: RenderedPerson, folder: Path, phase: str) -> None:
    """Writes all files of one person, without the pair lists and the record.

    Args:
        rendered: The person in both garments.
        folder: The dataset's folder, with its subfolders.
        phase: The prefix of the subfolders, "train" or "test".
    """
    person, garment = f"{rendered.index:06d}_0", f"{rendered.index:06d}_1"
    truth = folder / "truth"
    quality = rendered.posed_body.person.camera.quality
    flat, paired, unpaired = rendered.garment, rendered.paired, rendered.unpaired
    _write_jpeg(folder / f"{phase}_img" / f"{person}.jpg", paired.picture, quality)
    _write_jpeg(folder / f"{phase}_color" / f"{garment}.jpg", _to_bytes(flat.rgb), _GARMENT_QUALITY, _FULL_COLOUR)
    _write_jpeg(folder / f"{phase}_edge" / f"{garment}.jpg", _to_bytes(flat.mask > 0.5), 100)
    _write_image(folder / f"{phase}_label" / f"{person}.png", paired.label, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    np.save(folder / f"{phase}_densepose" / f"{person}.npy", paired.densepose)
    keypoints = [round(float(value), 2) for value in rendered.posed_body.visible_keypoints().flat]
    pose = {"version": 1.0, "people": [{"pose_keypoints": keypoints}]}
    (folder / f"{phase}_pose" / f"{person}.json").write_text(json.dumps(pose))
    _write_grid(truth / f"{phase}_grid" / f"{person}.png", paired)
    _write_jpeg(truth / f"{phase}_unpaired_img" / f"{person}.jpg", unpaired.picture, quality)
    _write_grid(truth / f"{phase}_unpaired_grid" / f"{person}.png", unpaired)


def _in_processes(people: People, tasks: list[Sequence[int]], folder: Path, workers: int) -> Iterator[int]:
    """Writes the people of every task, in order; yields the number of each task's people."""
    if workers == 1:
        yield from (_write_task(people, task, folder) for task in tasks)
        return
    # a fork would copy OpenCV's and PyTorch's threads in whatever state they are
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        try:
            yield from pool.map(_write_task, repeat(people), tasks, repeat(folder))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _write_task(people: People, indices: Sequence[int], folder: Path) -> int:
    for rendered in render_people(people, indices):
        write_person(rendered, folder, people.split.phase)
    return len(indices)


def _write_pair_lists(people: People, folder: Path) -> None:
    phase = people.split.phase
    names = [(f"{i:06d}_0.jpg", f"{i:06d}_1.jpg", f"{people.garment_donor(i):06d}_1.jpg") for i in people.indices]
    (folder / f"{phase}_pairs.txt").write_text("".join(f"{person} {own}\n" for person, own, _ in names))
    unpaired = "".join(f"{person} {other}\n" for person, _, other in names)
    (folder / "truth" / f"{phase}_unpaired_pairs.txt").write_text(unpaired)


def _record(people: People) -> RenderRecord:
    height, width = people.size
    return RenderRecord(
        split=people.split,
        seed=people.seed,
        people=people.count,
        height=height,
        width=width,
        photos=tuple(photo.name for photo in people.photos),
        chosen=people.chosen,
    )


def _to_bytes(values: NDArray[np.float32] | NDArray[np.bool_]) -> NDArray[np.uint8]:
    return (values * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def _write_grid(path: Path, rendering: Rendering) -> None:
    write_truth(path, rendering.grid_x, rendering.grid_y, rendering.state)


def _write_jpeg(path: Path, pixels: NDArray[np.uint8], quality: int, options: list[int] | None = None) -> None:
    _write_image(path, pixels, [cv2.IMWRITE_JPEG_QUALITY, quality, *(options or [])])


def _write_image(path: Path, pixels: NDArray[np.uint8], options: list[int]) -> None:
    encoded, content = cv2.imencode(path.suffix, pixels[..., ::-1] if pixels.ndim == 3 else pixels, options)
    assert encoded, path
    path.write_bytes(content.tobytes())  # a full disk is an OSError here; OpenCV's own writer says only that it failed
