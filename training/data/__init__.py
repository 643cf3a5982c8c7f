"""Batches: which samples a step reads, supervised batches, augmentation."""
