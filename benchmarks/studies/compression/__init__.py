"""What each step of a compression cost and gained, in every format: measured, on record, on one page."""
