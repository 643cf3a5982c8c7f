"""Core ML programs evaluated operation by operation where there is no Core ML."""
