"""`dmvton bench`: `main.py` names its commands; each file has one, or a few that belong together."""
