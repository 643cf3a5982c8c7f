"""What is not about try-on: atomic files, progress bars, YAML files."""
