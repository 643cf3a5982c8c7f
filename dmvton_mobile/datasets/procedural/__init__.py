"""Rendered people: a person in 2.5D in a garment, with the ground truth of every pixel.

`people` says who is rendered. `scene/sampling` samples a person and a garment, numbers only; `body/posed_body` poses
the skeleton, `garment/flat` makes the garment's picture, and `render` paints the person in the garment.
`rendered_person` does all of it, and `writer` puts a dataset on the disk.
"""
