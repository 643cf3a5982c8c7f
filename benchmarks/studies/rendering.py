"""How fast people are rendered.

    python -m benchmarks.studies.rendering [--pairs N]

One process, one thread: pairs per second with all labels, the truth and the unpaired picture, by CPU time, written to
the disk. A pair is a person in two garments. Prints the share of each step.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import cv2
import typer

from dmvton_mobile.contract import DEFAULT_SIZE
from dmvton_mobile.datasets.procedural.body.posed_body import pose_body
from dmvton_mobile.datasets.procedural.garment.flat import lay_flat
from dmvton_mobile.datasets.procedural.people import People, Split, scene_rng
from dmvton_mobile.datasets.procedural.render import render
from dmvton_mobile.datasets.procedural.rendered_person import RenderedPerson
from dmvton_mobile.datasets.procedural.scene.backdrop import paint_backdrop
from dmvton_mobile.datasets.procedural.scene.sampling import sample_garment, sample_person
from dmvton_mobile.datasets.procedural.writer import write_people, write_person

WANTED_PER_SECOND = 15


def main(pairs: Annotated[int, typer.Option(min=1, help="Rendered people, each in two garments.")] = 256) -> None:
    """Time the rendering of people, and each of its steps."""
    cv2.setNumThreads(1)
    people = People(Split.TRAIN, seed=0, count=pairs, size=DEFAULT_SIZE)
    with tempfile.TemporaryDirectory() as folder:
        write_people(People(Split.TRAIN, 1, 16, DEFAULT_SIZE), Path(folder) / "warm-up")
        started, wall = time.process_time(), time.perf_counter()
        write_people(people, Path(folder) / "people")
        seconds, wall = time.process_time() - started, time.perf_counter() - wall
        each = f"{seconds / pairs * 1000:.1f} ms each"
        print(f"{pairs / seconds:.1f} pairs per second and core (wanted {WANTED_PER_SECOND}), {each}")
        print(f"{pairs / wall:.1f} pairs per second by the wall clock, one process")
        for step, spent in _steps(people, Path(folder) / "people").items():
            print(f"  {step:<18} {spent / pairs * 1000:5.1f} ms")


def _steps(people: People, folder: Path) -> dict[str, float]:
    """CPU seconds of each step, over all people."""
    spent = dict.fromkeys(("flat garment", "skeleton", "backdrop", "person, twice", "files"), 0.0)

    @contextmanager
    def clock(step: str) -> Iterator[None]:
        started = time.process_time()
        yield
        spent[step] += time.process_time() - started

    for index in range(people.count):
        person = sample_person(scene_rng(people.split, people.seed, index, "person"))
        garment = sample_garment(scene_rng(people.split, people.seed, index, "garment"))
        with clock("flat garment"):
            flat = lay_flat(garment, people.size)
        with clock("skeleton"):
            posed_body = pose_body(person, people.size)
        with clock("backdrop"):
            backdrop = paint_backdrop(person.room, people.size)
        with clock("person, twice"):
            paired, unpaired = render(posed_body, flat, backdrop), render(posed_body, flat, backdrop)
        with clock("files"):
            write_person(RenderedPerson(index, posed_body, flat, paired, unpaired), folder, "train")
    return spent


if __name__ == "__main__":
    typer.run(main)
