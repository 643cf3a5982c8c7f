"""Hostile files of every kind: the answer is a DataError or a valid sample, never a crash, never a guess."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.datasets.files.pose_files import read_dresscode_keypoints, read_openpose
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.datasets.sample import DataError, Label, TryOnSample
from tests.datasets.written import save, write_dresscode, write_truths, write_viton

SIZE = (64, 48)
FILES = {
    "person": "train_img/000000_0.jpg",
    "mask": "train_edge/000000_1.jpg",
    "label": "train_label/000000_0.png",
    "densepose": "train_densepose/000000_0.npy",
    "pose": "train_pose/000000_0.json",
    "grid": "truth/train_grid/000000_0.png",
    "list": "train_pairs.txt",
}
some = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["people", "pose_keypoints", "pose_keypoints_2d", "keypoints"]), inner)
    ),
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_viton(tmp_path_factory.mktemp("fuzz"), count=2, size=SIZE)
    return write_truths(root, count=2, size=SIZE)


def first(root: Path) -> TryOnSample | None:
    """The first sample, or None for a DataError, which must name a file of the dataset and be one short line."""
    try:
        return open_dataset(root, "train", SIZE)[0]
    except DataError as error:
        assert str(root) in str(error) and "\n" not in str(error) and len(str(error)) < 1000
        return None


def assert_valid(sample: TryOnSample) -> None:
    """What `TryOnSample` promises."""
    for picture in (sample.person, sample.garment):
        assert picture.shape == (3, *SIZE) and picture.dtype == torch.float32 and picture.abs().max() <= 1
    assert sample.garment_mask.shape == (1, *SIZE) and 0 <= sample.garment_mask.min() <= sample.garment_mask.max() <= 1
    assert sample.label is not None and sample.densepose is not None and sample.pose is not None
    assert sample.label.shape == sample.densepose.shape == SIZE
    assert (
        sample.label.max() <= Label.RIGHT_ARM
        and not (sample.label == Label.NOISE).any()
        and sample.densepose.max() < 25
    )
    assert sample.pose.shape == (18, 3) and sample.pose.isfinite().all()
    assert sample.truth is not None and sample.truth.grid.abs().max() <= 1.1


@contextmanager
def damaged(path: Path, content: bytes) -> Iterator[None]:
    """A file with other content, for the length of a block."""
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(before)


@pytest.mark.parametrize("kind", FILES)
@some
@given(data=st.data())
def test_cut_short_at_any_byte(root: Path, kind: str, data: st.DataObject) -> None:
    path = root / FILES[kind]
    content = path.read_bytes()
    with damaged(path, content[: data.draw(st.integers(0, len(content) - 1))]):
        sample = first(root)
    if sample is not None:
        assert_valid(sample)


@pytest.mark.parametrize("kind", FILES)
@some
@given(data=st.data())
def test_other_bytes_anywhere(root: Path, kind: str, data: st.DataObject) -> None:
    path = root / FILES[kind]
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with damaged(path, bytes(content)):
        sample = first(root)
    if sample is not None:
        assert_valid(sample)


@pytest.mark.parametrize("kind", FILES)
@some
@given(content=st.binary(max_size=200))
def test_bytes_without_any_meaning(root: Path, kind: str, content: bytes) -> None:
    with damaged(root / FILES[kind], content):
        assert first(root) is None


@pytest.mark.parametrize("kind", ["person", "mask", "label"])
@some
@given(
    mode=st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "F"]),
    width=st.sampled_from([1, 31, 47, 48, 49, 64]),
    height=st.sampled_from([1, 48, 63, 64, 65]),
    level=st.integers(0, 255),
)
def test_pictures_of_other_modes_and_sizes(
    root: Path, kind: str, mode: str, width: int, height: int, level: int
) -> None:
    path = root / FILES[kind]
    with damaged(path, path.read_bytes()):
        Image.new("L", (width, height), level).convert(mode).save(path, "TIFF")
        sample = first(root)
    if sample is not None:
        assert (height, width) == SIZE
        assert_valid(sample)


@some
@given(value=json_values)
def test_json_of_any_kind(tmp_path: Path, value: object) -> None:
    (tmp_path / "a.json").write_text(json.dumps(value))
    for read in (read_openpose, read_dresscode_keypoints):
        try:
            pose = read(tmp_path / "a.json")
        except DataError as error:
            assert "a.json" in str(error)
        else:
            assert pose.shape == (18, 3) and pose.isfinite().all()


numbers = st.floats() | st.integers() | st.integers(-(10**400), 10**400)


@some
@given(values=st.lists(numbers, min_size=54, max_size=54), place=st.integers(0, 53))
def test_numbers_of_any_kind(tmp_path: Path, values: list[float], place: int) -> None:
    plain = [5.0] * 54
    for points in (values, [*plain[:place], values[place], *plain[place + 1 :]]):
        (tmp_path / "a.json").write_text(json.dumps({"people": [{"pose_keypoints": points}]}))
        sound = all(-1e5 <= point <= 1e5 for point in points)  # NaN is neither
        if sound:
            assert torch.equal(
                read_openpose(tmp_path / "a.json"), torch.tensor(points, dtype=torch.float32).view(18, 3)
            )
        else:
            with pytest.raises(DataError, match=r"a\.json is not a pose"):
                read_openpose(tmp_path / "a.json")


@some
@given(
    kind=st.sampled_from(["u1", "i2", "i8", "f4", "f8", "?"]),
    shape=st.sampled_from([SIZE, SIZE[::-1], (1, *SIZE), (0, 48), (64, 48, 3)]),
    value=st.integers(-2, 27),
)
def test_arrays_of_any_kind(root: Path, kind: str, shape: tuple[int, ...], value: int) -> None:
    path = root / FILES["densepose"]
    with damaged(path, path.read_bytes()):
        array = np.full(shape, value).astype(kind)
        np.save(path, array)
        sample = first(root)
    assert (sample is not None) == (shape == SIZE and 0 <= array.min(initial=0) and array.max(initial=0) <= 24)
    if sample is not None:
        np.testing.assert_array_equal(sample.densepose, array)


@pytest.fixture(scope="module")
def resized(tmp_path_factory: pytest.TempPathFactory) -> TryOnDataset:
    return open_dataset(write_dresscode(tmp_path_factory.mktemp("resized"), ["dresses"], count=2), "train", SIZE)


@some
@given(width=st.integers(1, 90), height=st.integers(1, 90), level=st.integers(0, 30))
def test_maps_of_any_size_where_the_layout_resizes(resized: TryOnDataset, width: int, height: int, level: int) -> None:
    path = resized.root / "dresses/dense/000000_5.png"
    with damaged(path, path.read_bytes()):
        save(path, np.full((height, width), level, np.uint8))
        if level <= 24:
            densepose = resized[0].densepose
            assert densepose is not None and densepose.shape == SIZE and (densepose == level).all()
        else:
            with pytest.raises(DataError, match=r"000000_5\.png holds"):
                resized[0]
