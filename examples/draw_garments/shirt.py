"""The shirt: checked flannel. Numbers are pixels of the picture, see `cloth`."""

import numpy as np

from examples.draw_garments.cloth import (
    CENTRE,
    COLUMNS,
    ROWS,
    Cloth,
    Floats,
    Picture,
    along,
    bands,
    blur,
    curve,
    fill,
    folds,
    mirror,
    mix,
    noise,
    rgb,
    side,
    stitches,
    stroke,
)


def draw_shirt() -> Picture:
    """A checked flannel shirt: collar, button placket, chest pocket, long sleeves."""
    relief = 5.0 * noise(51, 110, 180) + 1.8 * noise(52, 46, 80)
    relief += 3.8 * folds(
        [
            [(565, 452), (513, 516), (483, 612)],
            [(204, 460), (255, 524), (288, 612)],
            [(637, 452), (668, 492), (700, 516)],
            [(619, 564), (658, 596), (709, 604)],
            [(133, 460), (101, 500), (97, 500)],
            [(153, 564), (112, 596), (89, 610)],
            [(545, 692), (483, 756), (452, 820)],
            [(225, 708), (277, 764), (297, 820)],
        ],
        10.0,
    )
    cloth = Cloth(relief)

    def check(t: Floats, across: Floats) -> Floats:
        cream, red, ink, gold = rgb("ecdcc6"), rgb("b2353a"), rgb("2b2c3e"), rgb("d9b25c")
        colour = mix(cream, red, 0.72 * bands(across, 64, 0.52))
        colour = mix(colour, red, 0.62 * bands(t, 64, 0.52))
        colour = mix(colour, ink, 0.55 * bands(across, 64, 0.16))
        colour = mix(colour, ink, 0.5 * bands(t, 64, 0.16))
        colour = mix(colour, gold, 0.5 * bands(across + 32, 64, 0.05))
        return mix(colour, gold, 0.45 * bands(t + 32, 64, 0.05))

    straight = check(ROWS + 0.00012 * (COLUMNS - CENTRE) ** 2, COLUMNS - CENTRE + 32)
    inside = fill([*curve([(316, 218), (CENTRE, 210), (452, 218)]), (CENTRE, 326)])
    cloth.add_piece(inside, 0.62 * straight, puff=3.0)
    cloth.add_print(fill([(361, 236), (407, 236), (407, 255), (361, 255)]), rgb("23242e"))

    outer = curve([(580, 265), (637, 322), (677, 452), (703, 604), (722, 734)])
    inner = curve([(650, 748), (629, 636), (600, 524), (567, 436)])
    seam = curve([(580, 265), (561, 316), (557, 380), (567, 436)])
    cuff = [(648, 745), (723, 730), (735, 788), (662, 801)]
    for left in (False, True):
        t, across = along((613, 356), (693, 768), left)
        cloth.add_piece(fill(side([*outer, *inner, *seam[::-1]], left)), check(t, across))
        cloth.add_piece(fill(side(cuff, left)), check(across + 20, t), puff=5.0, drop=0.2)
        cloth.darken(stitches(side([(652, 751), (724, 738)], left)), 0.25)
        cloth.add_print(blur(fill(side([(670, 772), (678, 770), (680, 776), (672, 778)], left)), 1.0), rgb("f1e8d8"))

    half = [
        (CENTRE + 62, 225),
        *curve([(452, 222), (516, 241), (580, 265)]),
        *seam,
        *curve([(567, 436), (574, 564), (580, 692), (578, 793)]),
        *curve([(578, 793), (545, 838), (473, 860), (CENTRE, 866)]),
    ]
    cloth.add_piece(fill([*half, *mirror(half), (CENTRE, 326)]), straight, drop=0.3)
    for shape in (seam, mirror(seam)):
        cloth.darken(blur(stroke(shape, 2.2), 1.0), 0.4)
        cloth.darken(stitches([(x + (-7 if x > CENTRE else 7), y) for x, y in shape]), 0.2)
    hem = curve([(578, 793), (545, 838), (473, 860), (CENTRE, 866), (295, 860), (223, 838), (190, 793)])
    cloth.darken(stitches([(x, y - 11) for x, y in hem]), 0.22)

    placket = fill([(366, 305), (402, 305), (402, 866), (366, 866)]) * cloth.mask
    cloth.add_piece(placket, straight, puff=3.0, drop=0.3)
    for x in (373, 395):
        cloth.darken(stitches([(x, 262), (x, 934)]), 0.22)
    pocket = [(440, 401), (539, 401), (539, 478), (489, 495), (440, 478)]
    cloth.add_piece(fill(pocket), check(ROWS + 18, COLUMNS - CENTRE + 14), puff=3.0, drop=0.3)
    cloth.darken(stitches([(x + (486 - x) * 0.09, y + (410 - y) * 0.07) for x, y in [*pocket, pocket[0]]]), 0.25)
    for y in range(361, 836, 78):
        button = ((COLUMNS - CENTRE) ** 2 + (ROWS - y) ** 2) ** 0.5
        cloth.darken(blur(np.clip(10 - button, 0, 1), 2.0) * np.clip(button - 7.5, 0, 1), 0.5)
        cloth.add_print(np.clip(8.5 - button, 0, 1), rgb("f1e8d8"))
        cloth.darken(np.clip(1.2 - np.abs(button - 6.4), 0, 1), 0.18)
        for dx, dy in ((-2, -2), (2, -2), (-2, 2), (2, 2)):
            cloth.darken(np.clip(1.7 - ((COLUMNS - CENTRE - dx) ** 2 + (ROWS - y - dy) ** 2) ** 0.5, 0, 1), 0.6)

    band = [*curve([(307, 214), (CENTRE, 202), (461, 214)]), *curve([(458, 230), (CENTRE, 218), (310, 230)])]
    cloth.add_piece(fill(band), 0.9 * check(COLUMNS, ROWS + 10), puff=4.0)
    leaf = [*curve([(454, 204), (477, 222), (480, 250)]), *curve([(473, 330), (421, 318), (386, 308)])]
    leaf += curve([(386, 308), (420, 260), (454, 204)])
    for left in (False, True):
        t, across = along((442, 212), (442, 324), left)
        tilted = check(0.8 * t + 0.6 * across, 0.8 * across - 0.6 * t + 20)
        cloth.add_piece(fill(side(leaf, left)), tilted, puff=6.0, drop=0.35)
        cloth.darken(stitches(side([(474, 248), (466, 323), (393, 305)], left)), 0.22)
    return cloth.picture(61, 1.0)
