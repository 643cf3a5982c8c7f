"""Draws the example garments into `examples/`: run `python -m examples.draw_garments` in the repository's root."""

from pathlib import Path

import numpy as np
from PIL import Image

from examples.draw_garments.shirt import draw_shirt
from examples.draw_garments.sweater import draw_sweater
from examples.draw_garments.tee import draw_tee

EXAMPLES = Path(__file__).parents[1]


def main(folder: Path = EXAMPLES) -> None:
    """Writes each garment with its mask as an app's user might have it: none, as alpha, as a file."""
    tee, _ = draw_tee()
    Image.fromarray(tee).save(folder / "tee.jpg", quality=92)
    sweater, mask = draw_sweater()
    sweater[mask == 0] = 255
    Image.fromarray(np.dstack([sweater, mask])).save(folder / "sweater.png", optimize=True)
    shirt, mask = draw_shirt()
    Image.fromarray(shirt).save(folder / "shirt.jpg", quality=92)
    Image.fromarray(mask).save(folder / "shirt_mask.png", optimize=True)


if __name__ == "__main__":
    main()
