"""`dmvton bench`."""
