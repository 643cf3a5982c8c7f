"""The sweater: forest green with a varsity letter. Numbers are pixels of the picture, see `cloth`."""

import numpy as np

from examples.draw_garments.cloth import (
    CENTRE,
    COLUMNS,
    ROWS,
    Cloth,
    Picture,
    along,
    back_rib,
    band,
    bands,
    blur,
    curve,
    fill,
    folds,
    mirror,
    noise,
    rgb,
    side,
    stitches,
    stroke,
)


def draw_sweater() -> Picture:
    """A forest-green crew-neck sweater with a varsity letter."""
    green = rgb("2f6b58")
    relief = 6.0 * noise(31, 120, 180) + 2.0 * noise(32, 54, 90)
    relief += 4.4 * folds(
        [
            [(561, 452), (503, 532), (473, 628)],
            [(209, 460), (258, 532), (293, 604)],
            [(627, 452), (662, 492), (700, 516)],
            [(606, 532), (648, 564), (700, 580)],
            [(141, 452), (104, 492), (100, 500)],
            [(162, 540), (112, 572), (100, 590)],
            [(545, 676), (473, 732), (421, 780)],
            [(225, 692), (277, 740), (318, 780)],
        ],
        11.0,
    )
    cloth = Cloth(relief)

    neck, dip = 88, 273
    back = curve([(CENTRE - neck, 210), (CENTRE, 226), (CENTRE + neck, 210)])
    front = curve([(CENTRE - neck, 210), (CENTRE - 62, 250), (CENTRE, dip), (CENTRE + 62, 250), (CENTRE + neck, 210)])
    inside = fill(back + front[::-1])
    cloth.add_piece(inside, 0.6 * green, puff=3.0)
    cloth.add_print(fill([(365, 238), (403, 238), (403, 255), (365, 255)]), rgb("e8e2d2"))

    outer = curve([(571, 250), (632, 306), (672, 436), (703, 596), (726, 732)])
    inner = curve([(656, 745), (629, 628), (599, 516), (565, 430)])
    seam = curve([(571, 250), (555, 305), (553, 370), (565, 430)])
    cuff = [(656, 743), (726, 730), (736, 793), (672, 804)]
    for left in (False, True):
        _, across = along((606, 356), (700, 768), left)
        cloth.add_piece(
            fill(side([*outer, *inner, *seam[::-1]], left)), green * (1 + 0.02 * np.sin(across * 1.9))[..., None]
        )
        cloth.add_piece(
            fill(side(cuff, left)), green * (0.93 + 0.12 * bands(across, 6.5, 0.55))[..., None], puff=5.0, drop=0.2
        )
        cloth.darken(blur(stroke(side([(656, 743), (726, 730)], left), 2.0), 1.0), 0.35)

    half = [
        *curve([(CENTRE + neck, 210), (518, 226), (571, 250)]),
        *seam,
        *curve([(565, 430), (571, 564), (576, 692), (567, 794)]),
        (CENTRE, 801),
    ]
    knit = green * (1 + 0.02 * np.sin(COLUMNS * 1.9))[..., None]
    cloth.add_piece(fill([*half, *mirror(half), *front]), knit, drop=0.3)
    for shape in (seam, mirror(seam)):
        cloth.darken(blur(stroke(shape, 2.4), 1.2), 0.4)
    hem = [(567, 793), (561, 850), *curve([(561, 850), (483, 858), (CENTRE, 860)])]
    cloth.add_piece(fill([*hem, *mirror(hem)]), green * (0.93 + 0.12 * bands(COLUMNS, 6.5, 0.55))[..., None], puff=5.0)
    cloth.darken(blur(stroke([(201, 794), (CENTRE, 801), (567, 794)], 2.0), 1.0), 0.35)

    angle = np.arctan2(ROWS - 164, COLUMNS - CENTRE) * 150
    ribbed = green * (0.93 + 0.12 * bands(angle, 6.5, 0.55))[..., None]
    cloth.add_piece(back_rib(back, 20, 12), ribbed, puff=4.0)
    cloth.add_piece(band(front, 20, 0), ribbed, puff=4.0, drop=0.15)

    letter = [
        (258, 380),
        (337, 380),
        (384, 468),
        (431, 380),
        (510, 380),
        (510, 415),
        (487, 415),
        (487, 569),
        (510, 569),
        (510, 604),
        (413, 604),
        (413, 569),
        (435, 569),
        (435, 458),
        (384, 552),
        (333, 458),
        (333, 569),
        (355, 569),
        (355, 604),
        (258, 604),
        (258, 569),
        (281, 569),
        (281, 415),
        (258, 415),
    ]
    outline = np.clip(fill(letter) + stroke([*letter, *letter[:2]], 15), 0, 1)
    cloth.darken(np.clip(blur(outline, 2.5) - outline, 0, 1), 0.5)
    cloth.add_print(outline, rgb("f3ead6"))
    cloth.add_print(fill(letter), rgb("c9402f"))
    cloth.darken(stitches([*letter, letter[0]], 5.0), 0.18)
    return cloth.picture(41, 0.0)
