"""VITON as PF-AFN reads it: training has no list, files belong together by their place in the sorted folders.

    train_img, train_color, train_edge, train_label/    the same number of pictures in each
    train_densepose/STEM.npy, train_pose/STEM_keypoints.json    STEM: the person's
    demo.txt                                            person and garment per line, for testing
    test_img, test_clothes, test_edge/

All files of one size, 256x192; nothing is resized.
"""

from pathlib import Path

from dmvton_mobile.datasets.dataset import GarmentFiles, PersonFiles, Phase, TryOnDataset, TryOnPair
from dmvton_mobile.datasets.files.pair_list import OnFault, read_pair_list
from dmvton_mobile.datasets.sample import DataError

_PICTURES = (".jpg", ".jpeg", ".png")


class PfAfn(TryOnDataset):
    """VITON in the folders of PF-AFN's release."""

    layout = "pf-afn"
    marks = "train_img, train_color and train_pose/*_keypoints.json, or demo.txt beside test_clothes"

    @classmethod
    def phases(cls, root: Path) -> list[Phase]:
        """Train where there are pictures and poses, test where there is `demo.txt`."""
        poses = any((root / "train_pose").glob("*_keypoints.json"))
        train = poses and all((root / f"train_{kind}").is_dir() for kind in ("img", "color"))
        test = (root / "demo.txt").is_file() and (root / "test_clothes").is_dir()
        return [phase for phase, there in ((Phase.TRAIN, train), (Phase.TEST, test)) if there]

    def _list_pairs(self, on_fault: OnFault) -> list[TryOnPair]:
        if self.phase is Phase.TEST:
            return [TryOnPair(person, garment) for person, garment in read_pair_list(self.root / "demo.txt", on_fault)]
        persons, garments = self._pictures("train_img"), self._pictures("train_color")
        if len(persons) != len(garments):
            raise DataError(
                f"{self.root} holds {len(persons)} pictures in train_img and {len(garments)} in train_color; they "
                "belong together by their place. Complete the folder that lacks some."
            )
        self._labels, self._masks = self._by_stem("train_label"), self._by_stem("train_edge")
        for kind, others, names in (("label", self._labels, persons), ("edge", self._masks, garments)):
            for stem in sorted({Path(name).stem for name in names} ^ others.keys()):
                on_fault(DataError(f"{self.root / f'train_{kind}'}: {stem} has no partner. Add it, or take it out."))
        return [TryOnPair(person, garment) for person, garment in zip(persons, garments)]

    def person_files(self, pair: TryOnPair) -> PersonFiles:
        """The person's picture; in training also their label map, DensePose map and pose."""
        picture, stem = self.root / f"{self.phase}_img" / pair.person, Path(pair.person).stem
        if self.phase is Phase.TEST:
            return PersonFiles(picture)
        return PersonFiles(
            picture=picture,
            label=self.root / "train_label" / self._labels.get(stem, f"{stem}.png"),
            densepose=self.root / "train_densepose" / f"{stem}.npy",
            pose=self.root / "train_pose" / f"{stem}_keypoints.json",
        )

    def garment_files(self, name: str, category: str) -> GarmentFiles:
        """The garment's picture, and the mask of the same name or, in training, the same stem."""
        if self.phase is Phase.TEST:
            return GarmentFiles(self.root / "test_clothes" / name, self.root / "test_edge" / name)
        mask = self._masks.get(Path(name).stem, name)
        return GarmentFiles(self.root / "train_color" / name, self.root / "train_edge" / mask)

    def _pictures(self, folder: str) -> list[str]:
        try:
            return sorted(path.name for path in (self.root / folder).iterdir() if path.suffix.lower() in _PICTURES)
        except OSError as error:
            raise DataError(
                f"{self.root / folder} cannot be read: {error.strerror}. {self.layout} needs it."
            ) from error

    def _by_stem(self, folder: str) -> dict[str, str]:
        return {Path(name).stem: name for name in self._pictures(folder)}
