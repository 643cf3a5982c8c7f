"""Scenes: who and what is rendered, sampled from a seed."""
