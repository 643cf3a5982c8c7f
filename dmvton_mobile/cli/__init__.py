"""The command line: `main.py` mounts every wing's commands; the core's own verbs stand beside it."""
