"""Batches: their order, what is supervised, how they are augmented."""
