"""Data in, checkpoint out: a teacher, a student distilled from it, and the two made smaller."""
