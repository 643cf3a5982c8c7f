"""One file into one array: each form a file may have, and each way it may be wrong."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dmvton_mobile.datasets.files.decode import ColouredIds, read_densepose, read_grey, read_ids, read_rgb
from dmvton_mobile.datasets.sample import DENSEPOSE_IDS, LABEL_IDS, DataError
from tests.datasets.written import blocks, ids, save, save_palette

SIZE = (64, 48)
LABELS = ids(0, SIZE, range(LABEL_IDS))
PARTS = ids(1, SIZE, range(DENSEPOSE_IDS))


def test_picture_as_it_is_stored(tmp_path: Path) -> None:
    save(tmp_path / "a.png", blocks(0, SIZE))
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.png"), blocks(0, SIZE))


def test_mask_is_luminance(tmp_path: Path) -> None:
    save(tmp_path / "grey.png", LABELS * 18)
    np.testing.assert_array_equal(read_grey(tmp_path / "grey.png"), LABELS * 18)
    save(tmp_path / "red.png", np.full((*SIZE, 3), (255, 0, 0), np.uint8))
    assert (read_grey(tmp_path / "red.png") == 76).all()


@pytest.mark.parametrize("read", [read_rgb, read_grey])
def test_transparent_pictures_are_refused(tmp_path: Path, read: object) -> None:
    Image.new("RGBA", (48, 64), (1, 2, 3, 200)).save(tmp_path / "clear.png")
    with pytest.raises(DataError, match=r"clear\.png is partly transparent.*without alpha"):
        read_rgb(tmp_path / "clear.png")
    Image.new("RGBA", (48, 64), (1, 2, 3, 255)).save(tmp_path / "opaque.png")
    assert (read_rgb(tmp_path / "opaque.png") == (1, 2, 3)).all()


def test_missing_files_are_named(tmp_path: Path) -> None:
    for read in (read_rgb, read_grey, lambda path: read_ids(path, LABEL_IDS), read_densepose):
        for name in ("gone.png", "gone.npy"):
            with pytest.raises(DataError, match=rf"no file .*{name}"):
                read(tmp_path / name)
        with pytest.raises(DataError, match=str(tmp_path)):
            read(tmp_path)


class TestIds:
    def test_grey(self, tmp_path: Path) -> None:
        save(tmp_path / "ids.png", LABELS)
        np.testing.assert_array_equal(read_ids(tmp_path / "ids.png", LABEL_IDS), LABELS)

    def test_palette_indices_not_colours(self, tmp_path: Path) -> None:
        save_palette(tmp_path / "ids.png", LABELS)
        assert Image.open(tmp_path / "ids.png").mode == "P"
        np.testing.assert_array_equal(read_ids(tmp_path / "ids.png", LABEL_IDS), LABELS)

    def test_grey_stored_as_colour(self, tmp_path: Path) -> None:
        save(tmp_path / "ids.png", np.repeat(LABELS[..., None], 3, 2))
        np.testing.assert_array_equal(read_ids(tmp_path / "ids.png", LABEL_IDS), LABELS)

    def test_jpeg(self, tmp_path: Path) -> None:
        """Blocks that a JPEG's 8x8 squares divide come back as they were: nothing is blurred across an edge."""
        Image.fromarray(LABELS).save(tmp_path / "ids.jpg", quality=95)
        np.testing.assert_array_equal(read_ids(tmp_path / "ids.jpg", LABEL_IDS), LABELS)

    def test_a_few_values_above_the_last_id_are_blur_in_a_jpeg_only(self, tmp_path: Path) -> None:
        high = np.full((128, 128), LABEL_IDS - 1, np.uint8)
        high[:8, :8] = LABEL_IDS + 2
        Image.fromarray(high).save(tmp_path / "ids.jpg", quality=100)
        assert (read_ids(tmp_path / "ids.jpg", LABEL_IDS) == LABEL_IDS - 1).all()
        save(tmp_path / "ids.png", high)
        with pytest.raises(DataError, match=r"ids\.png holds 16; its ids are 0 to 13"):
            read_ids(tmp_path / "ids.png", LABEL_IDS)

    def test_a_photo_is_no_map(self, tmp_path: Path) -> None:
        save(tmp_path / "photo.jpg", blocks(0, SIZE, 1)[..., 0])
        with pytest.raises(DataError, match=r"photo\.jpg holds \d+; its ids are 0 to 13"):
            read_ids(tmp_path / "photo.jpg", LABEL_IDS)

    def test_a_flipped_bit_of_a_png(self, tmp_path: Path) -> None:
        save(tmp_path / "ids.png", LABELS)
        content = bytearray((tmp_path / "ids.png").read_bytes())
        content[content.index(b"IEND") - 5] ^= 1  # of the sum over the pixels, which reading them passes over
        (tmp_path / "ids.png").write_bytes(content)
        with pytest.raises(DataError, match=r"ids\.png is damaged"):
            read_ids(tmp_path / "ids.png", LABEL_IDS)

    def test_colours_are_no_ids(self, tmp_path: Path) -> None:
        save(tmp_path / "colours.png", blocks(0, SIZE))
        with pytest.raises(ColouredIds, match=r"colours\.png is coloured"):
            read_ids(tmp_path / "colours.png", LABEL_IDS)

    @pytest.mark.parametrize("mode", ["1", "LA", "RGBA", "I", "I;16", "F", "CMYK"])
    def test_other_samples_are_refused(self, tmp_path: Path, mode: str) -> None:
        path = tmp_path / "ids.tif"
        Image.new(mode, (48, 64)).save(path)
        with pytest.raises(DataError, match=rf"ids\.tif holds '{mode}' samples"):
            read_ids(path, LABEL_IDS)


class TestDensePose:
    @pytest.mark.parametrize("kind", ["u1", "i1", "<i8", ">i4", "f4", "f8", "f2"])
    def test_any_number_type(self, tmp_path: Path, kind: str) -> None:
        np.save(tmp_path / "a.npy", PARTS.astype(kind))
        read = read_densepose(tmp_path / "a.npy")
        assert read.dtype == np.uint8
        np.testing.assert_array_equal(read, PARTS)

    def test_columns_first(self, tmp_path: Path) -> None:
        np.save(tmp_path / "a.npy", np.asfortranarray(PARTS))
        np.testing.assert_array_equal(read_densepose(tmp_path / "a.npy"), PARTS)

    def test_grey_picture(self, tmp_path: Path) -> None:
        save(tmp_path / "a.png", PARTS)
        np.testing.assert_array_equal(read_densepose(tmp_path / "a.png"), PARTS)

    @pytest.mark.parametrize("value", [25, -1, 256, 0.5, np.nan, np.inf, -np.inf, 1e300])
    def test_a_single_value_that_is_no_id(self, tmp_path: Path, value: float) -> None:
        parts = PARTS.astype(np.float64)
        parts[7, 5] = value
        np.save(tmp_path / "a.npy", parts)
        with pytest.raises(DataError, match=r"a\.npy holds \S+; its ids are 0 to 24"):
            read_densepose(tmp_path / "a.npy")

    @pytest.mark.parametrize(
        "values",
        [PARTS[None], PARTS[0], np.array(3), PARTS.astype("U2"), PARTS.astype("c8"), PARTS.astype("M8[s]"), PARTS[:0]],
        ids=["3-D", "1-D", "0-D", "text", "complex", "dates", "empty"],
    )
    def test_other_arrays(self, tmp_path: Path, values: np.ndarray) -> None:
        np.save(tmp_path / "a.npy", values)
        with pytest.raises(DataError, match=r"a\.npy (holds|is damaged)"):
            read_densepose(tmp_path / "a.npy")

    def test_no_code_in_a_file_runs(self, tmp_path: Path) -> None:
        class Touch:
            def __reduce__(self) -> tuple[object, tuple[Path]]:
                return Path.touch, (tmp_path / "ran",)

        (tmp_path / "pickle.npy").write_bytes(pickle.dumps(Touch()))
        np.save(tmp_path / "object.npy", np.array([[Touch()]], object), allow_pickle=True)
        for name in ("pickle.npy", "object.npy"):
            with pytest.raises(DataError, match=name):
                read_densepose(tmp_path / name)
        assert not (tmp_path / "ran").exists()

    def test_a_header_that_promises_a_terabyte(self, tmp_path: Path) -> None:
        np.save(tmp_path / "a.npy", PARTS)
        content = (tmp_path / "a.npy").read_bytes()
        lie = content.replace(b"(64, 48), }" + b" " * 12, b"(1000000, 1000000), }"[:-1] + b"} ")
        assert lie != content
        (tmp_path / "a.npy").write_bytes(lie)
        with pytest.raises(DataError, match=r"a\.npy is damaged"):
            read_densepose(tmp_path / "a.npy")

    def test_several_arrays(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "a.npz", PARTS, PARTS)
        (tmp_path / "a.npz").rename(tmp_path / "a.npy")
        with pytest.raises(DataError, match=r"a\.npy holds several arrays"):
            read_densepose(tmp_path / "a.npy")
