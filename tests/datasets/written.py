"""Small datasets on disk, in the real layouts: what the readers' tests read."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from dmvton_mobile.datasets.files.truth_files import HIDDEN, SEEN, write_truth

Size = tuple[int, int]
VITON_SIZE = (256, 192)  # height, width
LARGE = (128, 96)  # stored size of the layouts that are resized


def blocks(seed: int, size: Size, channels: int = 3) -> np.ndarray:
    """A picture of random 16x16 blocks, uint8 [H, W, channels]."""
    height, width = size
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 16, width // 16, channels), np.uint8)
    return coarse.repeat(16, 0).repeat(16, 1)


def ids(seed: int, size: Size, allowed: Sequence[int]) -> np.ndarray:
    """A map of random 16x16 blocks of the allowed ids, uint8 [H, W]."""
    return np.array(allowed, np.uint8)[blocks(seed, size, 1)[..., 0] % len(allowed)]


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def save_palette(path: Path, values: np.ndarray) -> None:
    """ids as a palette picture with colours that are not the ids."""
    image = Image.fromarray(values).convert("P")
    image.putdata(values.ravel().tolist())
    image.putpalette(np.random.default_rng(0).integers(0, 256, 768, np.uint8).tobytes())
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def save_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def keypoints(count: int) -> list[list[float]]:
    """x, y, confidence of point k: 2 + k, 30 + k, 0.9; point 3 is not found."""
    return [[0, 0, 0] if point == 3 else [2 + point, 30 + point, 0.9] for point in range(count)]


def openpose(key: str = "pose_keypoints", count: int = 18) -> dict[str, object]:
    return {"version": 1.0, "people": [{key: [number for point in keypoints(count) for number in point]}]}


def mask_of(size: Size) -> np.ndarray:
    mask = np.zeros(size, np.uint8)
    mask[size[0] // 4 : -size[0] // 4, size[1] // 4 : -size[1] // 4] = 255
    return mask


def write_list(path: Path, pairs: Sequence[tuple[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{person} {garment}\n" for person, garment in pairs), encoding="utf-8")


def write_viton(root: Path, phase: str = "train", count: int = 3, size: Size = VITON_SIZE, parsed: bool = True) -> Path:
    """parsed: with labels, DensePose and poses."""
    write_list(root / f"{phase}_pairs.txt", [(f"{n:06}_0.jpg", f"{n:06}_1.jpg") for n in range(count)])
    for n in range(count):
        save(root / f"{phase}_img/{n:06}_0.jpg", blocks(n, size))
        save(root / f"{phase}_color/{n:06}_1.jpg", blocks(100 + n, size))
        save(root / f"{phase}_edge/{n:06}_1.jpg", mask_of(size))
        if parsed:
            save(root / f"{phase}_label/{n:06}_0.png", ids(n, size, [0, 1, *range(4, 14)]))
            save_json(root / f"{phase}_pose/{n:06}_0.json", openpose())
            (root / f"{phase}_densepose").mkdir(exist_ok=True)
            np.save(root / f"{phase}_densepose/{n:06}_0.npy", ids(n, size, range(25)).astype(np.float64))
    return root


def write_truths(root: Path, phase: str = "train", count: int = 3, size: Size = VITON_SIZE) -> Path:
    """The renderer's part of a VITON folder: person n wears garment n + 1 in the unpaired picture."""
    others = [(f"{n:06}_0.jpg", f"{(n + 1) % count:06}_1.jpg") for n in range(count)]
    write_list(root / f"truth/{phase}_unpaired_pairs.txt", others)
    for n in range(count):
        save(root / f"truth/{phase}_unpaired_img/{n:06}_0.jpg", blocks(200 + n, size))
        for kind in ("grid", "unpaired_grid"):
            path = root / f"truth/{phase}_{kind}/{n:06}_0.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_truth(path, *truth_arrays(n, size))
    return root


def truth_arrays(seed: int, size: Size) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y in pixels and the state of each pixel; the right half has no garment."""
    random = np.random.default_rng(seed)
    height, width = size
    x, y = (random.uniform(0, side - 1, size).astype(np.float32) for side in (width, height))
    state = random.choice(np.array([HIDDEN, SEEN], np.uint8), size)
    state[:, width // 2 :] = 0
    return x, y, state


def write_pfafn(root: Path, count: int = 3) -> Path:
    for n in range(count):
        save(root / f"train_img/{n:06}_0.jpg", blocks(n, VITON_SIZE))
        save(root / f"train_color/{n:06}_1.jpg", blocks(100 + n, VITON_SIZE))
        save(root / f"train_edge/{n:06}_1.jpg", mask_of(VITON_SIZE))
        save(root / f"train_label/{n:06}_0.png", ids(n, VITON_SIZE, [0, 1, *range(4, 14)]))
        save_json(root / f"train_pose/{n:06}_0_keypoints.json", openpose())
        (root / "train_densepose").mkdir(exist_ok=True)
        np.save(root / f"train_densepose/{n:06}_0.npy", ids(n, VITON_SIZE, range(25)))
    return root


def write_pfafn_test(root: Path) -> Path:
    write_list(root / "demo.txt", [("a_0.jpg", "b_1.jpg"), ("c_0.jpg", "d_1.jpg")])
    for n, (person, garment) in enumerate((("a_0", "b_1"), ("c_0", "d_1"))):
        save(root / f"test_img/{person}.jpg", blocks(n, VITON_SIZE))
        save(root / f"test_clothes/{garment}.jpg", blocks(100 + n, VITON_SIZE))
        save(root / f"test_edge/{garment}.jpg", mask_of(VITON_SIZE))
    return root


def write_viton_hd(root: Path, phase: str = "train", count: int = 3, densepose: str = "npy") -> Path:
    """densepose: npy or png for ids, jpg for colours as published."""
    names = [f"{n:05}_00.jpg" for n in range(count)]
    write_list(root / f"{phase}_pairs.txt", list(zip(names, names[1:] + names[:1], strict=True)))
    folder = root / phase
    for n in range(count):
        stem, parts = f"{n:05}_00", ids(n, LARGE, range(25))
        save(folder / f"image/{stem}.jpg", blocks(n, LARGE))
        save(folder / f"cloth/{stem}.jpg", blocks(100 + n, LARGE))
        save(folder / f"cloth-mask/{stem}.jpg", mask_of(LARGE))
        save_palette(folder / f"image-parse-v3/{stem}.png", ids(n, LARGE, range(20)))
        save_json(folder / f"openpose_json/{stem}_keypoints.json", openpose("pose_keypoints_2d", 25))
        (folder / "image-densepose").mkdir(exist_ok=True)
        if densepose == "npy":
            np.save(folder / f"image-densepose/{stem}.npy", parts)
        else:
            save(folder / f"image-densepose/{stem}.{densepose}", parts if densepose == "png" else blocks(n, LARGE))
    return root


def write_dresscode(root: Path, categories: Sequence[str], count: int = 3) -> Path:
    """Train and test of the same pairs; in the test's unpaired list person n has garment n + 1."""
    for place, category in enumerate(categories):
        folder, first = root / category, place * 10  # ids differ between categories, as in the release
        pairs = [(f"{first + n:06}_0.jpg", f"{first + n:06}_1.jpg") for n in range(count)]
        garments = [garment for _, garment in pairs]
        write_list(folder / "train_pairs.txt", pairs)
        write_list(folder / "test_pairs_paired.txt", pairs)
        write_list(
            folder / "test_pairs_unpaired.txt", [(p, g) for (p, _), g in zip(pairs, garments[1:] + garments[:1])]
        )
        for n in range(count):
            stem = f"{first + n:06}"
            save(folder / f"images/{stem}_0.jpg", blocks(n, LARGE))
            save(folder / f"images/{stem}_1.jpg", blocks(100 + first + n, LARGE))
            save(folder / f"edge/{stem}_1.jpg", mask_of(LARGE))
            save(folder / f"label_maps/{stem}_4.png", ids(n, LARGE, range(18)))
            save(folder / f"dense/{stem}_5.png", ids(n, LARGE, range(25)))
            rows = [[-1, -1, 0, -1] if p == 3 else [10 + p, 100 + p, 0.9, p] for p in range(18)]
            save_json(folder / f"keypoints/{stem}_2.json", {"keypoints": rows})
    return root
