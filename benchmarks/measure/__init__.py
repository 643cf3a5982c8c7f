"""The measuring: what runs, how long, how much memory."""
