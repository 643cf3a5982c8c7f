"""Garments: their design and pattern, their textile, how they lie and how they are worn."""
