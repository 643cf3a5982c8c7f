"""Lowering: the same weights and the same function, in the operations that a runtime runs best.

No runtime runs the networks well as they are written (`dmvton bench peers` shows by how much), so each gets a variant
of its own: see `variants.LoweringVariant` for which and why, and docs/lowering.md for what else was tried.
"""
