"""The command line's groups: a file per group, a few lines per command."""
