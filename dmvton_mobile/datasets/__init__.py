"""Data: readers of the field's datasets, rendered people with the truth in them, and one sample type for all."""
