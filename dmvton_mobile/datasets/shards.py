"""A dataset as shards: tar files of lossless PNGs, for training from slow or remote disks and with many workers.

    index.json       `ShardIndex`
    000000.tar ...   per sample KEY.names.json, one file per tensor, and KEY.json with the CRC-32 of each

Samples come out as they went in, bit by bit; the unpaired garment is the one of the epoch in which they were written.
"""

import importlib
import io
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from PIL import Image
from pydantic import Field
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from dmvton_mobile.datasets.dataset import Phase, TryOnDataset
from dmvton_mobile.datasets.files.pixels import mask_pixels, mask_tensor, picture_pixels, picture_tensor
from dmvton_mobile.datasets.files.truth_files import decode_truth, encode_truth
from dmvton_mobile.datasets.sample import DataError, Truth, TryOnSample, Unpaired
from dmvton_mobile.imaging.decode import Pixels
from dmvton_mobile.records.base import Record, Strict, parse_record, record_json
from dmvton_mobile.utils.files import atomic_folder
from dmvton_mobile.utils.optional_imports import optional_import
from dmvton_mobile.utils.progress import tracked

INDEX = "index.json"


class Shard(Strict):
    """One tar file of the index, and how many samples it holds."""

    name: Annotated[str, Field(pattern=r"^[0-9]{6}\.tar$")]
    samples: Annotated[int, Field(ge=1)]


class ShardIndex(Record):
    """`index.json`: the shards and what is in them.

    Attributes:
        schema_version: Of this record.
        layout: The dataset's layout.
        phase: The dataset's phase.
        size: (height, width) of the samples.
        shards: In the order of the samples.
    """

    schema_version: Literal[1] = 1
    layout: str
    phase: Phase
    size: tuple[int, int]
    shards: tuple[Shard, ...]


def write_shards(dataset: TryOnDataset, out: Path, samples_per_shard: int) -> ShardIndex:
    """Writes the dataset's samples, in order, into a new folder: all of them or nothing.

    Args:
        dataset: The samples to write.
        out: The folder; it must not exist.
        samples_per_shard: The last shard may hold fewer.

    Returns:
        The index as written.

    Raises:
        NotInstalledError: The extra `data` is missing.
        DataError: A sample cannot be read.
        DmvtonError: The folder exists.
    """
    webdataset = _webdataset()
    starts = range(0, len(dataset), samples_per_shard)
    shards = [
        Shard(name=f"{number:06}.tar", samples=min(samples_per_shard, len(dataset) - start))
        for number, start in enumerate(starts)
    ]
    index = ShardIndex(layout=dataset.layout, phase=dataset.phase, size=dataset.size, shards=tuple(shards))
    places = iter(tracked(range(len(dataset)), "Writing shards"))
    with atomic_folder(out) as folder:
        for shard in shards:
            # times and owners are fixed: the same samples give the same bytes
            with webdataset.TarWriter(str(folder / shard.name), encoder=False, mtime=0) as tar:
                for _ in range(shard.samples):
                    place = next(places)
                    tar.write({"__key__": f"{place:09}"} | _encode(dataset[place]))
        (folder / INDEX).write_text(record_json(index), encoding="utf-8")
    return index


class ShardDataset(IterableDataset[TryOnSample]):
    """The samples of a folder of shards, shared out to ranks and, within a rank, to the workers of a DataLoader.

    Together the ranks read each sample once, whatever the number of workers. Shares are whole shards, so not always
    equal; with fewer shards than readers some have nothing to read.

    Args:
        folder: The shards, with their index.
        rank: This process; None for that of torch.distributed where that runs, else of RANK, else 0.
        world_size: The number of processes; None for that of torch.distributed, else of WORLD_SIZE, else 1.

    Raises:
        NotInstalledError: The extra `data` is missing.
        DataError: The index is missing or damaged, or there is no such rank. While reading: a shard is damaged.
    """

    def __init__(self, folder: Path, rank: int | None = None, world_size: int | None = None) -> None:
        _webdataset()  # a missing package is an error here, not in a worker
        self.folder = folder
        try:
            text = (folder / INDEX).read_bytes()
        except OSError as error:
            raise DataError(f"{folder} holds no shards: {INDEX} cannot be read ({error.strerror}).") from error
        self.index = parse_record(text, ShardIndex, str(folder / INDEX), DataError)
        own_rank, own_world_size = _distributed()
        rank, world_size = own_rank if rank is None else rank, own_world_size if world_size is None else world_size
        if not 0 <= rank < world_size:
            raise DataError(f"There is no rank {rank} of {world_size}. Ranks count from 0.")
        self._shards = self.index.shards[rank::world_size]

    def __len__(self) -> int:
        """The number of this rank's samples."""
        return sum(shard.samples for shard in self._shards)

    def __iter__(self) -> Iterator[TryOnSample]:
        worker = get_worker_info()
        for shard in self._shards if worker is None else self._shards[worker.id :: worker.num_workers]:
            yield from self._read(shard)

    def _read(self, shard: Shard) -> Iterator[TryOnSample]:
        path, count = self.folder / shard.name, 0
        iterators = _webdataset().tariterators
        try:
            with path.open("rb") as file:
                source = {"url": str(path), "stream": file}
                for files in iterators.group_by_keys(iterators.tar_file_expander([source])):
                    sample = _decode(files, str(path), self.index.size)
                    count += 1
                    yield sample
        except DataError:
            raise
        except Exception as error:  # on damaged bytes a decoder raises whatever it ran into
            raise DataError(f"{path} is damaged ({' '.join(str(error).split())}). Write the shards again.") from error
        if count != shard.samples:
            raise DataError(
                f"{path} holds {count} samples, not {shard.samples} as {INDEX} says. Write the shards again."
            )


def _encode(sample: TryOnSample) -> dict[str, bytes]:
    """The content of a sample's files, by suffix."""
    names = {"person": sample.person_name, "garment": sample.garment_name}
    files = {
        "person.png": _png(picture_pixels(sample.person)),
        "garment.png": _png(picture_pixels(sample.garment)),
        "mask.png": _png(mask_pixels(sample.garment_mask)),
    }
    if sample.label is not None:
        files["label.png"] = _png(sample.label.numpy())
    if sample.densepose is not None:
        files["densepose.png"] = _png(sample.densepose.numpy())
    if sample.pose is not None:
        files["pose.npy"] = _npy(sample.pose)
    if sample.truth is not None:
        files["truth.png"] = encode_truth(sample.truth)
    if (unpaired := sample.unpaired) is not None:
        names["unpaired"] = unpaired.garment_name
        files["unpaired_garment.png"] = _png(picture_pixels(unpaired.garment))
        files["unpaired_mask.png"] = _png(mask_pixels(unpaired.garment_mask))
        if unpaired.person is not None:
            files["unpaired_person.png"] = _png(picture_pixels(unpaired.person))
        if unpaired.truth is not None:
            files["unpaired_truth.png"] = encode_truth(unpaired.truth)
    files["names.json"] = json.dumps(names, sort_keys=True).encode()
    sums = {suffix: zlib.crc32(content) for suffix, content in files.items()}
    return files | {"json": json.dumps(sums, sort_keys=True).encode()}


def _decode(files: dict[str, Any], name: str, size: tuple[int, int]) -> TryOnSample:
    """The inverse of `_encode`."""
    for suffix, checksum in json.loads(files["json"]).items():
        if zlib.crc32(files.get(suffix, b"")) != checksum:
            raise ValueError(f"of sample {files['__key__']}, {suffix} is missing or not what was written")
    names = json.loads(files["names.json"])

    def picture(suffix: str) -> Tensor | None:
        return picture_tensor(_pixels(files[suffix])) if suffix in files else None

    def ids(suffix: str) -> Tensor | None:
        return torch.from_numpy(_pixels(files[suffix])) if suffix in files else None

    def truth(suffix: str) -> Truth | None:
        return decode_truth(files[suffix], f"{name}, {suffix}", size) if suffix in files else None

    unpaired = None
    if "unpaired" in names:
        unpaired = Unpaired(
            garment_name=names["unpaired"],
            garment=picture_tensor(_pixels(files["unpaired_garment.png"])),
            garment_mask=mask_tensor(_pixels(files["unpaired_mask.png"])),
            person=picture("unpaired_person.png"),
            truth=truth("unpaired_truth.png"),
        )
    return TryOnSample(
        person_name=names["person"],
        garment_name=names["garment"],
        person=picture_tensor(_pixels(files["person.png"])),
        garment=picture_tensor(_pixels(files["garment.png"])),
        garment_mask=mask_tensor(_pixels(files["mask.png"])),
        label=ids("label.png"),
        densepose=ids("densepose.png"),
        pose=_pose(files["pose.npy"]) if "pose.npy" in files else None,
        truth=truth("truth.png"),
        unpaired=unpaired,
    )


def _png(pixels: Pixels) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG", compress_level=1)
    return content.getvalue()


def _pixels(content: bytes) -> Pixels:
    return np.array(Image.open(io.BytesIO(content), formats=["PNG"]))


def _npy(pose: Tensor) -> bytes:
    content = io.BytesIO()
    np.save(content, pose.numpy(), allow_pickle=False)
    return content.getvalue()


def _pose(content: bytes) -> Tensor:
    return torch.from_numpy(np.load(io.BytesIO(content), allow_pickle=False))


def _distributed() -> tuple[int, int]:
    """(rank, world size) of this process."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


def _webdataset() -> Any:
    with optional_import("Shards need", extra="data"):
        return importlib.import_module("webdataset")
