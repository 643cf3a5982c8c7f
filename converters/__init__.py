"""Checkpoint to bundle: networks are lowered, exported for each runtime, verified and bundled."""
