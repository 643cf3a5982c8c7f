"""Example pictures and the scripts that use or draw them."""
