"""Real files of every kind, well-formed and not, through rules 1 and 2."""

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.imaging.decode import ImageError, Pixels, read_mask, read_picture, write_picture


def gradient(height: int = 60, width: int = 40) -> Pixels:
    y, x = np.mgrid[:height, :width]
    return np.stack([4 * y, 6 * x, 255 - 4 * y], 2).astype(np.uint8)


def png(path: Path, width: int, height: int, bits: int, colour_type: int, rows: bytes) -> Path:
    """A PNG byte by byte: Pillow writes neither 16-bit colour nor a header without its pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    return path


def png_16_bit(path: Path, values: np.ndarray) -> Path:
    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return png(path, width, height, 16, {1: 0, 3: 2}[channels], rows)


def test_plain_picture_is_read_as_it_is(tmp_path: Path) -> None:
    Image.fromarray(gradient()).save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.rgb, gradient())
    assert picture.alpha is None
    assert picture.size == (60, 40)
    assert picture.rgb.flags.writeable


# EXIF orientation: how the stored picture has to be turned (numpy quarter turns, counterclockwise) to be upright.
@pytest.mark.parametrize(("orientation", "turns"), [(3, 2), (6, 3), (8, 1)])
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int, turns: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(gradient()).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_picture(tmp_path / "turned.png").rgb, np.rot90(gradient(), turns))


def test_rotated_jpeg_swaps_its_sides(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(gradient()).save(tmp_path / "turned.jpg", exif=exif)
    assert read_picture(tmp_path / "turned.jpg").size == (40, 60)


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    ink = np.zeros((40, 40, 4), np.uint8)
    ink[..., 1:3] = 255  # magenta and yellow: red
    Image.fromarray(ink, "CMYK").save(tmp_path / "print.tif")
    np.testing.assert_array_equal(read_picture(tmp_path / "print.tif").rgb[5, 5], [255, 0, 0])
    Image.fromarray(ink, "CMYK").save(tmp_path / "print.jpg", quality=100)
    assert np.abs(read_picture(tmp_path / "print.jpg").rgb[5, 5].astype(int) - [255, 0, 0]).max() <= 3


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_are_scaled_not_clipped(tmp_path: Path, channels: int) -> None:
    values = np.linspace(0, 65535, 64 * 64 * channels).reshape(64, 64, channels).astype(np.uint16)
    rgb = read_picture(png_16_bit(tmp_path / "deep.png", values)).rgb
    assert rgb.shape == (64, 64, 3)
    assert np.abs(rgb - values / 257).max() < 1
    exact = np.broadcast_to(np.arange(64, dtype=np.uint16)[:, None, None] * 4 * 257, values.shape)
    np.testing.assert_array_equal(
        read_picture(png_16_bit(tmp_path / "deep.png", exact)).rgb[:, 0, 0], np.arange(64) * 4
    )


def test_16_bit_grey_tiff(tmp_path: Path) -> None:
    values = (np.arange(1600, dtype=np.uint16).reshape(40, 40) * 40).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.tif")
    assert np.abs(read_picture(tmp_path / "deep.tif").rgb[..., 1] - values / 257).max() < 1


def test_float_samples_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.ones((40, 40), np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(ImageError, match=r"float\.tif.*8 or 16 bits"):
        read_picture(tmp_path / "float.tif")


def test_grey_repeats_into_three_channels(tmp_path: Path) -> None:
    grey = gradient()[..., 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "grey.png").rgb, np.repeat(grey[..., None], 3, 2))


def test_alpha_is_kept_apart(tmp_path: Path) -> None:
    alpha = np.tile(np.arange(40, dtype=np.uint8) * 6, (60, 1))
    Image.fromarray(np.dstack([gradient(), alpha])).save(tmp_path / "rgba.png")
    picture = read_picture(tmp_path / "rgba.png")
    np.testing.assert_array_equal(picture.rgb, gradient())
    np.testing.assert_array_equal(picture.alpha, alpha)


def test_grey_with_alpha(tmp_path: Path) -> None:
    grey, alpha = gradient()[..., 0], gradient()[..., 1]
    Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha)]).save(tmp_path / "la.png")
    picture = read_picture(tmp_path / "la.png")
    np.testing.assert_array_equal(picture.rgb[..., 2], grey)
    np.testing.assert_array_equal(picture.alpha, alpha)


def test_palette_with_transparency(tmp_path: Path) -> None:
    indices = np.zeros((40, 40), np.uint8)
    indices[:, 20:] = 1
    image = Image.fromarray(indices, "P")
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.save(tmp_path / "palette.png", transparency=0)
    picture = read_picture(tmp_path / "palette.png")
    np.testing.assert_array_equal(picture.rgb[0, 39], [200, 100, 50])
    assert picture.alpha is not None
    assert (picture.alpha[0, 0], picture.alpha[0, 39]) == (0, 255)


def test_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read_picture(tmp_path / "moving.gif").rgb[0, 0], [255, 0, 0])


def test_colour_profile_is_converted(tmp_path: Path) -> None:
    """An sRGB profile with red and green swapped: unlike a camera's, its effect is known to the level."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    profile[:] = profile.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    image = Image.new("RGB", (40, 40), (255, 0, 0))
    image.save(tmp_path / "swapped.png", icc_profile=bytes(profile))
    assert np.abs(read_picture(tmp_path / "swapped.png").rgb[0, 0].astype(int) - [0, 255, 0]).max() <= 2
    image.putalpha(100)
    image.save(tmp_path / "clear.png", icc_profile=bytes(profile))
    clear = read_picture(tmp_path / "clear.png")
    assert clear.alpha is not None
    assert clear.alpha[0, 0] == 100
    assert np.abs(clear.rgb[0, 0].astype(int) - [0, 255, 0]).max() <= 2
    image.save(tmp_path / "broken.png", icc_profile=b"not a profile")
    np.testing.assert_array_equal(read_picture(tmp_path / "broken.png").rgb[0, 0], [255, 0, 0])


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_truncated_picture_is_named(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    path = tmp_path / f"cut.{suffix}"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError, match=rf"cut\.{suffix} is (damaged or cut short|not a picture)"):
        read_picture(path)


def test_corrupt_picture_is_named(tmp_path: Path) -> None:
    path = png(tmp_path / "bad.png", 40, 40, 8, 2, b"\0" * 41 * 3 * 40)
    data = bytearray(path.read_bytes())
    data[45:50] = b"\xff" * 5
    path.write_bytes(bytes(data))
    with pytest.raises(ImageError, match=r"bad\.png is damaged"):
        read_picture(path)


def test_not_a_picture(tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("just words")
    with pytest.raises(ImageError, match=r"notes\.jpg is not a picture.*JPEG or PNG"):
        read_picture(tmp_path / "notes.jpg")
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(ImageError, match=r"empty\.png is not a picture"):
        read_picture(tmp_path / "empty.png")


def test_folder_and_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is a folder"):
        read_picture(tmp_path)
    with pytest.raises(ImageError, match=r"There is no file .*nowhere\.png"):
        read_picture(tmp_path / "nowhere.png")


@pytest.mark.parametrize(("width", "height"), [(1, 1), (31, 400)])
def test_too_small(tmp_path: Path, width: int, height: int) -> None:
    Image.new("RGB", (width, height)).save(tmp_path / "small.png")
    with pytest.raises(ImageError, match=rf"small\.png is only {width}x{height}"):
        read_picture(tmp_path / "small.png")


@pytest.mark.parametrize("side", [10_001, 12_000, 20_000])
def test_too_large_is_told_from_the_header(tmp_path: Path, side: int) -> None:
    path = png(tmp_path / "giant.png", side, side, 8, 2, b"")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ImageError, match=r"giant\.png is larger than 100 megapixels"):
            read_picture(path)


def test_mask_is_luminance_or_alpha(tmp_path: Path) -> None:
    colours = np.zeros((40, 40, 3), np.uint8)
    colours[:, 20:] = (255, 0, 0)
    Image.fromarray(colours).save(tmp_path / "red.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "red.png", (40, 40))[0, [0, 39]], [0, 76])

    alpha = np.where(np.arange(40) < 20, 0, 255).astype(np.uint8) * np.ones((40, 1), np.uint8)
    Image.fromarray(np.dstack([colours, alpha])).save(tmp_path / "alpha.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "alpha.png", (40, 40)), alpha)

    Image.fromarray(np.dstack([colours, np.full((40, 40), 255, np.uint8)])).save(tmp_path / "opaque.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "opaque.png", (40, 40))[0, [0, 39]], [0, 76])

    Image.fromarray(alpha > 0).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "bits.png", (40, 40)), alpha)


def test_mask_of_another_size_names_both(tmp_path: Path) -> None:
    Image.new("L", (40, 60)).save(tmp_path / "mask.png")
    with pytest.raises(ImageError, match=r"mask\.png is 40x60, its garment is 80x120"):
        read_mask(tmp_path / "mask.png", (120, 80))


@pytest.mark.parametrize(("name", "tolerance"), [("out.png", 0), ("out.jpg", 12), ("out.JPEG", 12)])
def test_write_picture(tmp_path: Path, name: str, tolerance: int) -> None:
    write_picture(tmp_path / name, gradient())
    assert np.abs(read_picture(tmp_path / name).rgb.astype(int) - gradient()).max() <= tolerance
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_write_picture_refuses_unknown_suffixes(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"'\.bmp' is not one of \.png, \.jpg, \.jpeg"):
        write_picture(tmp_path / "out.bmp", gradient())
    assert not list(tmp_path.iterdir())


def test_failed_write_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, told by the encoder halfway. Mocked: a test cannot fill a disk."""
    write_picture(tmp_path / "out.png", gradient())
    before = (tmp_path / "out.png").read_bytes()

    def full(self: Image.Image, path: Path, *_: object, **__: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(DmvtonError, match=r"No space left on the disk while writing out\.png"):
        write_picture(tmp_path / "out.png", gradient())
    assert (tmp_path / "out.png").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


def test_write_over_a_folder(tmp_path: Path) -> None:
    (tmp_path / "out.png").mkdir()
    with pytest.raises(ImageError, match=r"Cannot write .*out\.png"):
        write_picture(tmp_path / "out.png", gradient())
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]
