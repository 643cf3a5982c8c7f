"""Rendered people: a person in 2.5D in a garment, with everything about the picture known exactly.

`lots` draws a `scene`, numbers only; `flat` makes the garment's picture, `posed` the skeleton, `render` the person in
the garment; `writer` puts a dataset on the disk.
"""
