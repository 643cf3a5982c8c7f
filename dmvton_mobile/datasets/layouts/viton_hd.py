"""VITON-HD as published.

    {phase}_pairs.txt                            person and another person's garment per line
    {phase}/image, {phase}/cloth/                pictures of persons, of garments
    {phase}/cloth-mask/GARMENT                   masks
    {phase}/image-parse-v3/STEM.png              palette of 20 ids, those of CIHP
    {phase}/openpose_json/STEM_keypoints.json    BODY_25, in pixels of the person's picture
    {phase}/image-densepose/STEM.npy or .png     DensePose ids, which the published dataset does not hold: see below

The garment that a person wears has the person's own file name; the lists name another one, which is the unpaired
garment in testing, while in training one is drawn anew each epoch. The published DensePose files are coloured JPEGs.
Ids cannot be told from them for certain, so training needs DensePose run again (detectron2, `apply_net.py dump`), and
testing goes without. Everything is resized.
"""

from pathlib import Path

from torch import Tensor

from dmvton_mobile.datasets.dataset import GarmentFiles, PersonFiles, Phase, TryOnDataset, TryOnPair, first_existing
from dmvton_mobile.datasets.files.decode import ColouredIds
from dmvton_mobile.datasets.files.pair_list import OnFault, read_pair_list
from dmvton_mobile.datasets.sample import OTHER_GARMENT, Label

CIHP = (  # the sample's label by the id in the file
    Label.BACKGROUND,
    Label.HAIR,  # hat
    Label.HAIR,
    OTHER_GARMENT,  # glove
    Label.FACE,  # sunglasses
    Label.UPPER_CLOTHES,
    Label.UPPER_CLOTHES,  # dress
    Label.UPPER_CLOTHES,  # coat
    Label.PANTS,  # socks: like trousers they stay
    Label.PANTS,
    Label.FACE,  # neck; jumpsuits in LIP, whose other ids are the same
    OTHER_GARMENT,  # scarf
    Label.PANTS,  # skirt
    Label.FACE,
    Label.LEFT_ARM,
    Label.RIGHT_ARM,
    Label.LEFT_LEG,
    Label.RIGHT_LEG,
    Label.LEFT_SHOE,
    Label.RIGHT_SHOE,
)


class VitonHd(TryOnDataset):
    """VITON-HD, resized."""

    layout = "viton-hd"
    marks = "train_pairs.txt or test_pairs.txt beside {phase}/image and {phase}/cloth"
    resizes = True
    labels = CIHP

    @classmethod
    def phases(cls, root: Path) -> list[Phase]:
        """Those with a pair list beside `image` or `cloth`."""
        return [
            phase
            for phase in Phase
            if (root / f"{phase}_pairs.txt").is_file()
            and any((root / phase / kind).is_dir() for kind in ("image", "cloth"))
        ]

    def _list_pairs(self, on_fault: OnFault) -> list[TryOnPair]:
        listed = read_pair_list(self.root / f"{self.phase}_pairs.txt", on_fault)
        if self.phase is Phase.TRAIN:
            return [TryOnPair(person, person) for person, _ in listed]
        return [TryOnPair(person, person, unpaired=None if other == person else other) for person, other in listed]

    def person_files(self, pair: TryOnPair) -> PersonFiles:
        """The person's picture, and the maps where they are expected."""
        folder, stem = self.root / self.phase, Path(pair.person).stem
        label, pose = folder / "image-parse-v3", folder / "openpose_json"
        return PersonFiles(
            picture=folder / "image" / pair.person,
            label=label / f"{stem}.png" if self._expected(label) else None,
            densepose=self._densepose(stem),
            pose=pose / f"{stem}_keypoints.json" if self._expected(pose) else None,
        )

    def garment_files(self, name: str, category: str) -> GarmentFiles:
        """The garment's picture, and its mask as .jpg or .png."""
        folder, stem = self.root / self.phase, Path(name).stem
        return GarmentFiles(folder / "cloth" / name, first_existing(folder / "cloth-mask", stem, ".jpg", ".png"))

    def read_densepose(self, path: Path) -> Tensor:
        """A DensePose map: uint8 [H, W], 0 to 24. Raises ColouredIds for the published colour pictures."""
        try:
            return super().read_densepose(path)
        except ColouredIds as error:
            raise ColouredIds(
                f"{path} shows DensePose in colours, from which ids cannot be told for certain. Run DensePose on the "
                f"person (detectron2, apply_net.py dump) and save the ids 0 to 24 as {path.stem}.npy beside it."
            ) from error

    def _densepose(self, stem: str) -> Path | None:
        folder = self.root / self.phase / "image-densepose"
        path = first_existing(folder, stem, ".npy", ".png", ".jpg")
        return path if self.phase is Phase.TRAIN or path.suffix != ".jpg" else None
