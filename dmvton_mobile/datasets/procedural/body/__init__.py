"""Bodies: posed, painted and shaded."""
