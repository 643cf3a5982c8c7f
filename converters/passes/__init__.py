"""Graph passes, in the order in which they run."""
