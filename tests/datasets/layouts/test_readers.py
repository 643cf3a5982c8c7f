"""Each real layout, from files on disk to a sample, against what was written."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dmvton_mobile.datasets.dataset import Phase
from dmvton_mobile.datasets.files.decode import ColouredIds
from dmvton_mobile.datasets.layouts.dresscode import DressCode
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.datasets.sample import DataError, TryOnSample
from dmvton_mobile.errors import UnknownName
from tests.datasets.written import (
    LARGE,
    VITON_SIZE,
    blocks,
    ids,
    keypoints,
    mask_of,
    save,
    save_json,
    write_dresscode,
    write_list,
    write_pfafn,
    write_pfafn_test,
    write_truths,
    write_viton,
    write_viton_hd,
)

HALF = (64, 48)  # the layouts that resize are stored at twice this


def stored(path: Path) -> torch.Tensor:
    """A picture in [-1, 1], as Pillow alone reads it."""
    return torch.from_numpy(np.asarray(Image.open(path).convert("RGB"), np.float32) / 255 * 2 - 1).permute(2, 0, 1)


def halved(path: Path) -> torch.Tensor:
    """`stored` at half the size, each pixel the mean of four: what any linear filter gives inside a 16x16 block."""
    return torch.nn.functional.avg_pool2d(stored(path), 2)


def inside_blocks(size: tuple[int, int]) -> torch.Tensor:
    """Pixels of a halved picture that see only one of its 8x8 blocks."""
    rows, columns = (torch.arange(side) % 8 for side in size)
    return ((rows > 0) & (rows < 7))[:, None] & ((columns > 0) & (columns < 7))


def assert_halved(tensor: torch.Tensor, path: Path) -> None:
    difference = (tensor - halved(path)).abs()[:, inside_blocks(HALF)]
    assert tensor.shape == (3, *HALF) and difference.max() < 0.03


def assert_parsed(sample: TryOnSample, n: int) -> None:
    """As `write_viton` and `write_pfafn` wrote it."""
    label = ids(n, VITON_SIZE, [0, 1, *range(4, 14)])
    assert (label == 7).any()
    assert sample.label is not None and sample.densepose is not None and sample.pose is not None
    np.testing.assert_array_equal(sample.label, np.where(label == 7, 4, label))
    np.testing.assert_array_equal(sample.densepose, ids(n, VITON_SIZE, range(25)))
    assert sample.label.dtype == sample.densepose.dtype == torch.uint8
    assert torch.equal(sample.pose, torch.tensor(keypoints(18)))


class TestViton:
    def test_train(self, tmp_path: Path) -> None:
        dataset = open_dataset(write_viton(tmp_path), "train")
        assert (dataset.layout, len(dataset)) == ("viton", 3)
        for n in range(3):
            sample = dataset[n]
            assert (sample.person_name, sample.garment_name) == (f"{n:06}_0.jpg", f"{n:06}_1.jpg")
            assert torch.equal(sample.person, stored(tmp_path / f"train_img/{n:06}_0.jpg"))
            assert torch.equal(sample.garment, stored(tmp_path / f"train_color/{n:06}_1.jpg"))
            np.testing.assert_allclose(sample.garment_mask[0], mask_of(VITON_SIZE) / 255, atol=0.1)
            assert_parsed(sample, n)
            assert sample.truth is None

    def test_a_drawn_garment_is_read_whole(self, tmp_path: Path) -> None:
        unpaired = open_dataset(write_viton(tmp_path, count=2), "train")[0].unpaired
        assert unpaired is not None and unpaired.garment_name == "000001_1.jpg"
        assert torch.equal(unpaired.garment, stored(tmp_path / "train_color/000001_1.jpg"))
        assert unpaired.garment_mask.shape == (1, *VITON_SIZE)
        assert unpaired.person is None and unpaired.truth is None

    def test_test_phase_goes_without_parsing(self, tmp_path: Path) -> None:
        sample = open_dataset(write_viton(tmp_path, "test", parsed=False), "test")[1]
        assert sample.label is None and sample.densepose is None and sample.pose is None
        assert torch.equal(sample.person, stored(tmp_path / "test_img/000001_0.jpg"))

    def test_test_phase_takes_parsing_where_it_is(self, tmp_path: Path) -> None:
        dataset = open_dataset(write_viton(tmp_path, "test"), "test")
        assert_parsed(dataset[2], 2)
        (tmp_path / "test_label/000002_0.png").unlink()  # a folder with holes is not a choice
        with pytest.raises(DataError, match=r"test_label/000002_0\.png"):
            dataset[2]

    @pytest.mark.parametrize("kind", ["label", "densepose", "pose"])
    def test_training_needs_parsing(self, tmp_path: Path, kind: str) -> None:
        write_viton(tmp_path)
        (tmp_path / f"train_{kind}").rename(tmp_path / "elsewhere")
        with pytest.raises(DataError, match=rf"train_{kind}/000000_0"):
            open_dataset(tmp_path, "train")[0]

    def test_jpeg_labels_come_first(self, tmp_path: Path) -> None:
        write_viton(tmp_path)
        Image.new("L", VITON_SIZE[::-1], 12).save(tmp_path / "train_label/000000_0.jpg", quality=95)
        label = open_dataset(tmp_path, "train")[0].label
        assert label is not None and (label == 12).all()

    @pytest.mark.parametrize(
        "name", ["img/000000_0.jpg", "color/000000_1.jpg", "edge/000000_1.jpg", "label/000000_0.png"]
    )
    def test_nothing_is_resized(self, tmp_path: Path, name: str) -> None:
        write_viton(tmp_path)
        save(tmp_path / f"train_{name}", np.zeros((128, 96), np.uint8))
        with pytest.raises(DataError, match=rf"train_{name} is 96x128, not 192x256 .*own size"):
            open_dataset(tmp_path, "train")[0]

    def test_another_size_can_be_asked_for(self, tmp_path: Path) -> None:
        sample = open_dataset(write_viton(tmp_path, size=(64, 48)), "train", (64, 48))[0]
        assert sample.person.shape == (3, 64, 48) and sample.label is not None and sample.label.shape == (64, 48)

    def test_rendered_truth(self, tmp_path: Path) -> None:
        write_truths(write_viton(tmp_path, size=(64, 48)), size=(64, 48))
        sample = open_dataset(tmp_path, "train", (64, 48))[1]
        assert sample.truth is not None and sample.unpaired is not None and sample.unpaired.truth is not None
        assert sample.truth.grid.shape == (2, 64, 48)
        assert sample.truth.garment[..., :24].all() and not sample.truth.garment[..., 24:].any()
        assert sample.unpaired.garment_name == "000002_1.jpg"
        assert torch.equal(sample.unpaired.garment, stored(tmp_path / "train_color/000002_1.jpg"))
        assert sample.unpaired.person is not None
        assert torch.equal(sample.unpaired.person, stored(tmp_path / "truth/train_unpaired_img/000001_0.jpg"))

    def test_rendered_truth_with_a_person_left_out(self, tmp_path: Path) -> None:
        write_truths(write_viton(tmp_path, size=(64, 48)), size=(64, 48))
        write_list(tmp_path / "truth/train_unpaired_pairs.txt", [("000000_0.jpg", "000001_1.jpg")])
        with pytest.raises(DataError, match=r"train_unpaired_pairs\.txt names no other garment for 000001_0\.jpg"):
            open_dataset(tmp_path, "train", (64, 48))


class TestPfAfn:
    def test_train_pairs_by_place(self, tmp_path: Path) -> None:
        dataset = open_dataset(write_pfafn(tmp_path), "train")
        assert (dataset.layout, len(dataset)) == ("pf-afn", 3)
        sample = dataset[1]
        assert (sample.person_name, sample.garment_name) == ("000001_0.jpg", "000001_1.jpg")
        assert torch.equal(sample.garment, stored(tmp_path / "train_color/000001_1.jpg"))
        assert_parsed(sample, 1)

    def test_names_need_not_agree(self, tmp_path: Path) -> None:
        write_pfafn(tmp_path, count=2)
        for kind in ("color", "edge"):
            (tmp_path / f"train_{kind}/000000_1.jpg").rename(tmp_path / f"train_{kind}/zebra.jpg")
        dataset = open_dataset(tmp_path, "train")
        assert [pair.garment for pair in dataset.pairs] == ["000001_1.jpg", "zebra.jpg"]
        assert torch.equal(dataset[1].garment, stored(tmp_path / "train_color/zebra.jpg"))

    def test_another_number_of_garments(self, tmp_path: Path) -> None:
        write_pfafn(tmp_path)
        (tmp_path / "train_color/000001_1.jpg").unlink()
        with pytest.raises(DataError, match="3 pictures in train_img and 2 in train_color"):
            open_dataset(tmp_path, "train")

    @pytest.mark.parametrize(("kind", "stem"), [("label", "000001_0"), ("edge", "000001_1")])
    def test_a_hole_would_shift_all_behind_it(self, tmp_path: Path, kind: str, stem: str) -> None:
        write_pfafn(tmp_path)
        next((tmp_path / f"train_{kind}").glob(f"{stem}.*")).unlink()
        with pytest.raises(DataError, match=rf"train_{kind}: {stem} has no partner"):
            open_dataset(tmp_path, "train")

    def test_test_list(self, tmp_path: Path) -> None:
        sample = open_dataset(write_pfafn_test(tmp_path), "test")[1]
        assert (sample.person_name, sample.garment_name) == ("c_0.jpg", "d_1.jpg")
        assert torch.equal(sample.garment, stored(tmp_path / "test_clothes/d_1.jpg"))
        assert sample.label is None and sample.unpaired is not None and sample.unpaired.garment_name == "b_1.jpg"


class TestVitonHd:
    def test_train(self, tmp_path: Path) -> None:
        dataset = open_dataset(write_viton_hd(tmp_path), "train", HALF)
        assert (dataset.layout, len(dataset)) == ("viton-hd", 3)
        sample = dataset[1]
        assert sample.person_name == sample.garment_name == "00001_00.jpg"  # the list names another one
        assert_halved(sample.person, tmp_path / "train/image/00001_00.jpg")
        assert_halved(sample.garment, tmp_path / "train/cloth/00001_00.jpg")
        assert sample.garment_mask[0, 32, 24] > 0.9 and sample.garment_mask[0, 0, 0] < 0.1

    def test_ids_of_its_own_parsing(self, tmp_path: Path) -> None:
        #   bg hat hair glove glasses upper dress coat socks pants neck scarf skirt face arms    legs   shoes
        viton = [0, 1, 1, 2, 12, 4, 4, 4, 8, 8, 12, 2, 8, 12, 11, 13, 9, 10, 5, 6]
        sample = open_dataset(write_viton_hd(tmp_path), "train", HALF)[0]
        expected = np.array(viton)[ids(0, LARGE, range(20))]
        np.testing.assert_array_equal(sample.label, expected[::2, ::2])  # in blocks: any neighbour is the nearest
        np.testing.assert_array_equal(sample.densepose, ids(0, LARGE, range(25))[::2, ::2])

    def test_body_25_poses_shrink_with_the_picture(self, tmp_path: Path) -> None:
        pose = open_dataset(write_viton_hd(tmp_path), "train", HALF)[0].pose
        point = keypoints(25)[9]  # the right hip, COCO's eighth
        assert pose is not None and pose[8].tolist() == pytest.approx([point[0] / 2, point[1] / 2, point[2]])
        assert pose[3].tolist() == [0, 0, 0]
        stretched = open_dataset(tmp_path, "train", (128, 48))[0].pose
        assert stretched is not None and stretched[8].tolist() == pytest.approx([point[0] / 2, point[1], point[2]])

    def test_test_list_names_the_unpaired_garment(self, tmp_path: Path) -> None:
        sample = open_dataset(write_viton_hd(tmp_path, "test"), "test", HALF)[2]
        assert sample.garment_name == "00002_00.jpg"
        assert sample.unpaired is not None and sample.unpaired.garment_name == "00000_00.jpg"
        assert_halved(sample.unpaired.garment, tmp_path / "test/cloth/00000_00.jpg")

    @pytest.mark.parametrize("suffix", ["jpg", "png"])
    def test_coloured_densepose_is_refused_in_training(self, tmp_path: Path, suffix: str) -> None:
        write_viton_hd(tmp_path, densepose="jpg")
        colours = tmp_path / "train/image-densepose/00000_00.jpg"
        if suffix == "png":
            save(colours.with_suffix(".png"), blocks(0, LARGE))
        with pytest.raises(
            ColouredIds, match=rf"00000_00\.{suffix} shows DensePose in colours.*00000_00\.npy beside it"
        ):
            open_dataset(tmp_path, "train", HALF)[0]

    def test_testing_goes_without_coloured_densepose(self, tmp_path: Path) -> None:
        sample = open_dataset(write_viton_hd(tmp_path, "test", densepose="jpg"), "test", HALF)[0]
        assert sample.densepose is None and sample.label is not None

    def test_densepose_ids_as_a_picture(self, tmp_path: Path) -> None:
        sample = open_dataset(write_viton_hd(tmp_path, densepose="png"), "train", HALF)[0]
        np.testing.assert_array_equal(sample.densepose, ids(0, LARGE, range(25))[::2, ::2])


class TestDressCode:
    CATEGORIES = ("upper_body", "dresses")

    def test_train(self, tmp_path: Path) -> None:
        dataset = open_dataset(write_dresscode(tmp_path, self.CATEGORIES), "train", HALF)
        assert (dataset.layout, len(dataset)) == ("dresscode", 6)
        sample = dataset[4]
        assert (sample.person_name, sample.garment_name) == ("000011_0.jpg", "000011_1.jpg")
        assert_halved(sample.person, tmp_path / "dresses/images/000011_0.jpg")
        assert_halved(sample.garment, tmp_path / "dresses/images/000011_1.jpg")

    def test_ids_of_its_own_parsing(self, tmp_path: Path) -> None:
        viton = [0, 1, 1, 12, 4, 8, 8, 4, 8, 5, 6, 12, 9, 10, 11, 13, 2, 11]
        sample = open_dataset(write_dresscode(tmp_path, self.CATEGORIES), "train", HALF)[0]
        np.testing.assert_array_equal(sample.label, np.array(viton)[ids(0, LARGE, range(18))][::2, ::2])
        np.testing.assert_array_equal(sample.densepose, ids(0, LARGE, range(25))[::2, ::2])

    def test_keypoints_count_on_a_canvas_of_their_own(self, tmp_path: Path) -> None:
        pose = open_dataset(write_dresscode(tmp_path, self.CATEGORIES), "train", HALF)[0].pose
        assert pose is not None and pose[5].tolist() == pytest.approx([15 * 48 / 384, 105 * 64 / 512, 0.9])
        assert pose[3].tolist() == [0, 0, 0]

    def test_unpaired_list_of_the_test(self, tmp_path: Path) -> None:
        dataset = open_dataset(write_dresscode(tmp_path, self.CATEGORIES), "test", HALF)
        for place, garment in ((0, "000001_1.jpg"), (5, "000010_1.jpg")):
            unpaired = dataset[place].unpaired
            assert unpaired is not None and unpaired.garment_name == garment

    def test_categories_can_be_chosen(self, tmp_path: Path) -> None:
        write_dresscode(tmp_path, self.CATEGORIES)
        chosen = DressCode(tmp_path, Phase.TRAIN, HALF, categories=["dresses"])
        assert {pair.category for pair in chosen.pairs} == {"dresses"} and len(chosen) == 3
        with pytest.raises(UnknownName, match=r"'hats'. Known: upper_body, lower_body, dresses"):
            DressCode(tmp_path, Phase.TRAIN, HALF, categories=["hats"])
        with pytest.raises(DataError, match=r"lower_body/train_pairs\.txt cannot be read"):
            DressCode(tmp_path, Phase.TRAIN, HALF, categories=["lower_body"])

    def test_masks_are_not_in_the_official_release(self, tmp_path: Path) -> None:
        write_dresscode(tmp_path, ["dresses"])
        (tmp_path / "dresses/edge").rename(tmp_path / "dresses/masks")
        with pytest.raises(DataError, match=r"dresses/edge/000000_1\.jpg"):
            open_dataset(tmp_path, "train", HALF)[0]

    def test_a_person_of_another_name(self, tmp_path: Path) -> None:
        write_dresscode(tmp_path, ["dresses"])
        write_list(tmp_path / "dresses/train_pairs.txt", [("000000_1.jpg", "000000_0.jpg")])
        with pytest.raises(DataError, match=r"train_pairs\.txt names the person 000000_1\.jpg; persons are named ID_0"):
            open_dataset(tmp_path, "train", HALF)


def test_a_pose_without_people_is_read_as_not_found(tmp_path: Path) -> None:
    save_json(write_viton(tmp_path) / "train_pose/000000_0.json", {"people": []})
    pose = open_dataset(tmp_path, "train")[0].pose
    assert pose is not None and torch.equal(pose, torch.zeros(18, 3))


def test_indices_as_a_list_has_them(tmp_path: Path) -> None:
    dataset = open_dataset(write_viton(tmp_path, size=(64, 48)), "train", (64, 48))
    last, again = dataset[-1], dataset[2]
    assert last.person_name == again.person_name
    assert last.unpaired is not None and again.unpaired is not None
    assert last.unpaired.garment_name == again.unpaired.garment_name
    with pytest.raises(IndexError):
        dataset[3]
