"""Scenes: the numbers behind a picture, how they are sampled, and what is in the background."""
