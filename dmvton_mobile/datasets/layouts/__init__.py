"""The layouts that datasets are published in, one reader each."""
