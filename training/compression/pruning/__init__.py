"""Structured pruning: removes the channels of least importance for the time they cost; a smaller network is left."""
