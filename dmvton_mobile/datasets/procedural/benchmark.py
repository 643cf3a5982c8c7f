"""The benchmark: 512 rendered people that never change under one version of the renderer.

`benchmark.json` beside this file has two digests: `scenes` of the sampled numbers, equal on every machine, and `files`
of the dataset on the disk, equal wherever the pinned NumPy and OpenCV round alike (made on x86-64 with AVX-512).
"""

import hashlib
import json
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Literal

from dmvton_mobile.contract import DEFAULT_SIZE
from dmvton_mobile.datasets.dataset import dataset_digest
from dmvton_mobile.datasets.procedural.people import VERSION, People, Split, scene_rng
from dmvton_mobile.datasets.procedural.scene.sampling import sample_garment, sample_person
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.records.base import Record, parse_record

BENCHMARK = People(Split.BENCHMARK, seed=0, count=512, size=DEFAULT_SIZE)


class BenchmarkDigests(Record):
    """`benchmark.json`: the published digests.

    Attributes:
        schema_version: Of this record.
        renderer_version: Another version renders other people.
        people: How many.
        scenes: SHA-256 of the sampled numbers, see `scenes_digest`.
        files: SHA-256 of the dataset, see `dataset_digest`.
    """

    schema_version: Literal[1] = 1
    renderer_version: int = VERSION
    people: int = BENCHMARK.count
    scenes: str
    files: str


def published() -> BenchmarkDigests:
    """The digests of this version of the renderer."""
    content = resources.files(__package__).joinpath("benchmark.json").read_bytes()
    return parse_record(content, BenchmarkDigests, "benchmark.json", DmvtonError)


def is_benchmark(folder: Path) -> bool:
    """Whether a rendered dataset is the published benchmark, byte by byte."""
    return dataset_digest(folder) == published().files


def scenes_digest(people: People) -> str:
    """SHA-256 of everything that is sampled for the people, numbers to nine digits."""
    digest = hashlib.sha256()
    for index in people.indices:
        person = sample_person(scene_rng(people.split, people.seed, index, "person"), bool(people.photos))
        garment = sample_garment(scene_rng(people.split, people.seed, index, "garment"))
        text = json.dumps(_rounded([asdict(person), asdict(garment)]), sort_keys=True)
        digest.update(text.encode())
    return digest.hexdigest()


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.9g}"
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list | tuple) else value
