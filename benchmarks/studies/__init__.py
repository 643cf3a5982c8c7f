"""Experiments whose tables stand in docs/: each is a command of its own."""
