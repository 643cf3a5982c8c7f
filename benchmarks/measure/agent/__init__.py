"""The measuring agent: loads and runs a bundle's artifacts in a process of its own, on this machine or on a board.

It imports nothing of this project, and needs Python 3.9 or later, NumPy and one runtime. `benchmarks.measure.client`
packs this package into one file, agent.pyz, which the host runs and a board gets pushed:

    python3 agent.pyz job.json    # prints events, one JSON object a line

`benchmarks/measure/job.py` defines the job, `benchmarks/measure/events.py` the events. Every event is flushed, so the
host keeps what was measured before a process died.
"""
