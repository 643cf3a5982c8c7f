"""DressCode: three categories with lists and folders of their own; the unpaired garment is of the pair's category.

    CATEGORY/train_pairs.txt, test_pairs_paired.txt    person and garment per line
    CATEGORY/test_pairs_unpaired.txt                   person and another garment; where missing, one is drawn
    CATEGORY/images/ID_0.jpg, *_1.jpg                  pictures of persons, of garments
    CATEGORY/edge/GARMENT                              masks, which the official release does not hold
    CATEGORY/label_maps/ID_4.png, dense/ID_5.png       ids
    CATEGORY/keypoints/ID_2.json                       in pixels of a canvas of 384x512

Everything is resized.
"""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from dmvton_mobile.contract import DEFAULT_SIZE
from dmvton_mobile.datasets.dataset import GarmentFiles, PersonFiles, Phase, TryOnDataset, TryOnPair
from dmvton_mobile.datasets.files.pair_list import OnFault, read_pair_list, refuse
from dmvton_mobile.datasets.files.pose_files import read_dresscode_keypoints
from dmvton_mobile.datasets.sample import OTHER_GARMENT, DataError, Label
from dmvton_mobile.errors import UnknownName

CATEGORIES = ("upper_body", "lower_body", "dresses")
CANVAS = (512, 384)  # height, width that the keypoints count in

LABELS = (  # the sample's label by the id in the file
    Label.BACKGROUND,
    Label.HAIR,  # hat
    Label.HAIR,
    Label.FACE,  # sunglasses
    Label.UPPER_CLOTHES,
    Label.PANTS,  # skirt
    Label.PANTS,
    Label.UPPER_CLOTHES,  # dress
    Label.PANTS,  # belt
    Label.LEFT_SHOE,
    Label.RIGHT_SHOE,
    Label.FACE,
    Label.LEFT_LEG,
    Label.RIGHT_LEG,
    Label.LEFT_ARM,
    Label.RIGHT_ARM,
    OTHER_GARMENT,  # bag
    Label.LEFT_ARM,  # scarf, as DM-VTON has it: like arms, it does not stay
)
_LISTS = {Phase.TRAIN: "train_pairs.txt", Phase.TEST: "test_pairs_paired.txt"}


class DressCode(TryOnDataset):
    """DressCode, resized.

    Args:
        root: The dataset's folder.
        phase: Which half of it.
        size: (height, width) of the samples.
        seed: Of the unpaired garments that are sampled.
        on_fault: Called about a pair that is listed wrongly.
        categories: Some of CATEGORIES; None for all that root has.

    Raises:
        UnknownName: A category is unknown.
        DataError: No pair is listed.
    """

    layout = "dresscode"
    marks = f"{', '.join(CATEGORIES)}, each with train_pairs.txt or test_pairs_paired.txt beside images"
    resizes = True
    labels = LABELS

    def __init__(
        self,
        root: Path,
        phase: Phase,
        size: tuple[int, int] = DEFAULT_SIZE,
        seed: int = 0,
        on_fault: OnFault = refuse,
        categories: Sequence[str] | None = None,
    ) -> None:
        for category in categories or ():
            if category not in CATEGORIES:
                raise UnknownName("category of DressCode", category, list(CATEGORIES))
        self.categories = categories or [name for name in CATEGORIES if (root / name / _LISTS[phase]).is_file()]
        super().__init__(root, phase, size, seed, on_fault)

    @classmethod
    def phases(cls, root: Path) -> list[Phase]:
        """Those that one category or more has a pair list of."""
        folders = [root / category for category in CATEGORIES if (root / category / "images").is_dir()]
        return [phase for phase in Phase if any((folder / _LISTS[phase]).is_file() for folder in folders)]

    def _list_pairs(self, on_fault: OnFault) -> list[TryOnPair]:
        return [pair for category in self.categories for pair in self._list_category(category, on_fault)]

    def _list_category(self, category: str, on_fault: OnFault) -> list[TryOnPair]:
        path, other = self.root / category / _LISTS[self.phase], self.root / category / "test_pairs_unpaired.txt"
        others = dict(read_pair_list(other, on_fault)) if self.phase is Phase.TEST and other.exists() else {}
        pairs = []
        for person, garment in read_pair_list(path, on_fault):
            if Path(person).stem.endswith("_0"):
                unpaired = others.get(person)
                pairs.append(TryOnPair(person, garment, None if unpaired == garment else unpaired, category))
            else:
                on_fault(DataError(f"{path} names the person {person}; persons are named ID_0.jpg. Mend the list."))
        return pairs

    def person_files(self, pair: TryOnPair) -> PersonFiles:
        """The person's picture, and the maps where they are expected."""
        folder, name = self.root / pair.category, Path(pair.person).stem.removesuffix("_0")
        label, dense, keypoints = (folder / kind for kind in ("label_maps", "dense", "keypoints"))
        return PersonFiles(
            picture=folder / "images" / pair.person,
            label=label / f"{name}_4.png" if self._expected(label) else None,
            densepose=dense / f"{name}_5.png" if self._expected(dense) else None,
            pose=keypoints / f"{name}_2.json" if self._expected(keypoints) else None,
        )

    def garment_files(self, name: str, category: str) -> GarmentFiles:
        """The garment's picture, and the mask of the same name."""
        folder = self.root / category
        return GarmentFiles(folder / "images" / name, folder / "edge" / name)

    def read_pose(self, path: Path, canvas: tuple[int, int]) -> Tensor:
        """A pose, float32 [18, 3]. Keypoints count in pixels of CANVAS, whatever the size of the picture."""
        return self._scaled(read_dresscode_keypoints(path), CANVAS)
