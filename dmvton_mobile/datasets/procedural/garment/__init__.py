"""Garments: how they lie, what they are made of, how they are worn."""
