"""Structured pruning: which channels go, by what each is worth and what it costs; what is left is a smaller network."""
