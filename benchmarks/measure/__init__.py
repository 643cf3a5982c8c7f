"""The measuring engine: one agent measures every artifact, on this machine and on boards.

`agent/` measures in a process of its own and prints events; `client` runs it here; `job` is what it is asked, `events`
what it answers, `collector` what has been measured so far. `interleaved` times variants against each other.

Memory is the RSS delta, the same everywhere (`rss_delta_bytes`): peak RSS while the artifacts are loaded and the first
frame runs, minus the RSS of the bare process with its runtime imported.
"""
