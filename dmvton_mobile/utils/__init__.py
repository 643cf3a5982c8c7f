"""Not about try-on: atomic files, YAML files, progress bars, optional imports, build information."""
