"""The losses of training: pure functions with their formulas, weights and sources."""
