"""Checkpoints: our format, the importers of published files, and the default weights."""
