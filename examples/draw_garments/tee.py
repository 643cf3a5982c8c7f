"""The tee: navy stripes on ecru. Numbers are pixels of the picture, see `cloth`."""

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
    mix,
    noise,
    rgb,
    side,
    stitches,
    stroke,
)


def draw_tee() -> Picture:
    """A Breton tee: navy stripes on ecru, short sleeves, a navy neck rib."""
    ecru, navy = rgb("e9dfc8"), rgb("25304f")
    relief = 4.5 * noise(11, 110, 170) + 1.5 * noise(12, 46, 80)
    relief += 3.6 * folds(
        [
            [(576, 430), (510, 492), (478, 580)],
            [(207, 436), (251, 500), (292, 564)],
            [(559, 628), (489, 692), (456, 796)],
            [(227, 668), (282, 724), (292, 804)],
            [(325, 380), (391, 396), (456, 376)],
        ],
        9.0,
    )
    cloth = Cloth(relief)

    neck, dip = 92, 286  # half width, and depth of the front
    back = curve([(CENTRE - neck, 217), (CENTRE, 236), (CENTRE + neck, 217)])
    front = curve([(CENTRE - neck, 217), (CENTRE - 66, 260), (CENTRE, dip), (CENTRE + 66, 260), (CENTRE + neck, 217)])
    inside = fill(back + front[::-1])
    cloth.add_piece(inside, 0.74 * ecru, puff=3.0)
    cloth.add_print(bands(ROWS - 150, 34, 0.4) * inside, 0.74 * navy)
    cloth.add_print(fill([(369, 242), (399, 242), (399, 257), (369, 257)]), rgb("f4f1ea"))
    cloth.darken(blur(stroke(front, 10), 6.0) * inside, 0.3)

    sleeve = [
        *curve([(587, 258), (643, 305), (694, 380), (733, 450)]),
        *curve([(733, 450), (685, 473), (633, 482)]),
        *curve([(633, 482), (602, 442), (578, 414)]),
    ]
    seam = curve([(587, 258), (571, 308), (567, 364), (578, 414)])
    for left in (False, True):
        shape = side([*sleeve, *seam[::-1]], left)
        t, _ = along((582, 316), (685, 468), left)
        cloth.add_piece(fill(shape), mix(ecru, navy, bands(t + 3, 34, 0.4)))
        cloth.darken(stitches(side(curve([(726, 438), (680, 459), (625, 469)]), left)), 0.22)

    half = [
        *curve([(CENTRE + neck, 217), (532, 234), (587, 258)]),
        *seam,
        *curve([(578, 414), (582, 564), (589, 708), (593, 841)]),
        *curve([(593, 841), (489, 850), (CENTRE, 854)]),
    ]
    body = fill([*half, *mirror(half), *front])
    sag = 0.00022 * (COLUMNS - CENTRE) ** 2
    cloth.add_piece(body, mix(ecru, navy, bands(ROWS + sag, 34, 0.4) * (ROWS > 316) * (ROWS + sag < 805)), drop=0.25)
    for shape in (seam, mirror(seam)):
        cloth.darken(blur(stroke(shape, 2.2), 1.0), 0.38)
    for lift in (20, 25):
        cloth.darken(
            stitches(
                [(x, y - lift) for x, y in curve([(174, 841), (279, 850), (CENTRE, 854), (489, 850), (594, 841)])]
            ),
            0.22,
        )

    cloth.add_piece(back_rib(back, 13, 8), navy, puff=4.0)
    cloth.add_piece(band(front, 13, 0), navy, puff=4.0, drop=0.12)
    return cloth.picture(21, 1.0)
