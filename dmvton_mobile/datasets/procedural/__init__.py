"""Rendered people: a person in 2.5D in a garment, with everything about the picture known exactly.

`scene` draws numbers by lot, `flat` makes the garment's picture, `figure` the skeleton, `render` the person in the
garment; `writer` puts a dataset on the disk.
"""
