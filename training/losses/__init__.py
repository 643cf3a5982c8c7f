"""Every loss: pure functions with the formulas and numbers of their sources."""
