"""Pictures: decoding, windows, garment masks, composites, camera frames: one written rule each, as in the apps."""
