"""Operations' times as node data of Model Explorer, which colours an artifact's graph by them.

Its format: https://github.com/google-ai-edge/model-explorer, the custom node data of its guide.
"""

import json
from collections.abc import Iterable

from benchmarks.record import Operation


def overlay(found: Iterable[Operation], title: str) -> str:
    """By the names of nodes or of their outputs; where a runtime tells no times, what runs them."""
    results = {
        each.name: {"value": (each.backend or "own kernel") if each.milliseconds is None else each.milliseconds}
        for each in found
    }
    gradient = [{"stop": 0, "bgColor": "#ffffff"}, {"stop": 1, "bgColor": "#d1495b"}]
    return json.dumps({"main": {"name": title, "results": results, "gradient": gradient}}, indent=2)
