"""The versions that the guide and the kit's own Gradle script name are those that the demo is built with."""

import re
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
DEMO = CHECKOUT / "android_demo"
NAMED = re.compile(r'id\("([\w.-]+)"\) version "([^"]+)"|mplementation\("([\w.-]+:[\w.-]+):([^"]+)"\)')


@pytest.mark.parametrize("file", [CHECKOUT / "docs/embedding.md", DEMO / "tryonkit/build.gradle.kts"])
def test_versions_are_the_demos(file: Path) -> None:
    catalog = tomllib.loads((DEMO / "gradle/libs.versions.toml").read_text(encoding="utf-8"))
    demo = {
        entry.get("id") or entry["module"]: catalog["versions"][entry["version"]["ref"]]
        for entry in [*catalog["plugins"].values(), *catalog["libraries"].values()]
    }
    named = [(a or b, version or other) for a, version, b, other in NAMED.findall(file.read_text(encoding="utf-8"))]
    shared = {name: version for name, version in named if name in demo}  # what the kit alone needs has no version there
    assert shared and shared == {name: demo[name] for name in shared}
