"""The preview sheet of a training run: one row per sample, one column per image that the stage shows."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from dmvton_mobile.contract import to_unit
from dmvton_mobile.imaging.contact_sheet import SheetRow, contact_sheet
from dmvton_mobile.utils.files import atomic_file


def write_preview(path: Path, pictures: Sequence[tuple[str, Tensor]]) -> None:
    """Writes the sheet as PNG, in place of an earlier one.

    Args:
        path: The file.
        pictures: Title and batch [B, 3, H, W] in [-1, 1] of each column, all of one shape.
    """
    batches = [to_unit(batch.float()) for _, batch in pictures]
    rows = [SheetRow(images) for images in zip(*(batch.split(1) for batch in batches), strict=True)]
    height, width = batches[0].shape[2:]
    sheet = contact_sheet([title for title, _ in pictures], rows, (height, width))
    with atomic_file(path, overwrite=True) as partial:
        sheet.save(partial, "PNG")
