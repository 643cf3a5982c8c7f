"""VITON and VITON-Clean as DM-VTON reads them, and rendered people: the same layout, with the ground truth beside it.

    {phase}_pairs.txt                     person and garment per line
    {phase}_img, {phase}_color/           pictures of persons, of garments
    {phase}_edge/GARMENT                  masks
    {phase}_label/STEM.jpg or .png        label maps,
    {phase}_densepose/STEM.npy            DensePose maps and
    {phase}_pose/STEM.json                OpenPose keypoints: needed for training, read in testing where they are
    truth/{phase}_grid/STEM.png           how the garment lies on the person
    truth/{phase}_unpaired_pairs.txt      person and another garment, with
    truth/{phase}_unpaired_img/PERSON, truth/{phase}_unpaired_grid/STEM.png

All files of one size, 256x192 in VITON; nothing is resized.
"""

from pathlib import Path

from dmvton_mobile.datasets.dataset import (
    GarmentFiles,
    PersonFiles,
    Phase,
    TryOnDataset,
    TryOnPair,
    UnpairedFiles,
    first_existing,
)
from dmvton_mobile.datasets.files.pair_list import OnFault, read_pair_list
from dmvton_mobile.datasets.sample import DataError


class Viton(TryOnDataset):
    """VITON, VITON-Clean and rendered people."""

    layout = "viton"
    marks = "train_pairs.txt or test_pairs.txt beside {phase}_img, {phase}_color and {phase}_edge"

    @classmethod
    def phases(cls, root: Path) -> list[Phase]:
        """Those with a pair list beside a folder of pictures."""
        return [
            phase
            for phase in Phase
            if (root / f"{phase}_pairs.txt").is_file()
            and any((root / f"{phase}_{kind}").is_dir() for kind in ("img", "color", "edge"))
        ]

    def _list_pairs(self, on_fault: OnFault) -> list[TryOnPair]:
        pairs = read_pair_list(self.root / f"{self.phase}_pairs.txt", on_fault)
        listed = self.root / "truth" / f"{self.phase}_unpaired_pairs.txt"
        if not listed.exists():
            return [TryOnPair(person, garment) for person, garment in pairs]
        others = dict(read_pair_list(listed, on_fault))
        for person, garment in pairs:
            if others.get(person, garment) == garment:
                on_fault(DataError(f"{listed} names no other garment for {person}. Render the dataset again."))
        return [TryOnPair(person, garment, unpaired=others.get(person)) for person, garment in pairs]

    def person_files(self, pair: TryOnPair) -> PersonFiles:
        """The person's picture, the maps where they are expected, and the truth grid where there are any."""
        stem = Path(pair.person).stem
        label, densepose, pose = (self.root / f"{self.phase}_{kind}" for kind in ("label", "densepose", "pose"))
        grid = self.root / "truth" / f"{self.phase}_grid"
        return PersonFiles(
            picture=self.root / f"{self.phase}_img" / pair.person,
            label=first_existing(label, stem, ".jpg", ".png") if self._expected(label) else None,
            densepose=densepose / f"{stem}.npy" if self._expected(densepose) else None,
            pose=pose / f"{stem}.json" if self._expected(pose) else None,
            truth=grid / f"{stem}.png" if grid.is_dir() else None,
        )

    def garment_files(self, name: str, category: str) -> GarmentFiles:
        """The garment's picture, and the mask of the same name."""
        return GarmentFiles(self.root / f"{self.phase}_color" / name, self.root / f"{self.phase}_edge" / name)

    def unpaired_files(self, pair: TryOnPair) -> UnpairedFiles | None:
        """The rendered picture and truth grid of the person in the other garment."""
        if pair.unpaired is None:
            return None
        stem = f"truth/{self.phase}_unpaired"
        picture, grid = self.root / f"{stem}_img" / pair.person, self.root / f"{stem}_grid" / pair.person
        return UnpairedFiles(picture, grid.with_suffix(".png"))
