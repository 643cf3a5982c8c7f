"""Draws the example garments: flat product pictures on white, 768x1024, each with its exact mask."""
