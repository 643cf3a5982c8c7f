"""The deliberate faults' places are in the kits, each once: else `make apps-faults` would make none."""

import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
SOURCES = {
    "android": CHECKOUT / "android_demo/tryonkit/src/main/kotlin/org/dmvton/tryonkit",
    "ios": CHECKOUT / "ios_demo/TryOnKit/Sources/TryOnKit",
}
TABLE = tomllib.loads((CHECKOUT / ".ci/app_faults.toml").read_text(encoding="utf-8"))
PLACES = [pytest.param(kit, *TABLE[name][kit], id=f"{kit}, {name}") for name in TABLE for kit in TABLE[name]]


@pytest.mark.parametrize(("kit", "file", "right", "wrong"), PLACES)
def test_a_faults_place(kit: str, file: str, right: str, wrong: str) -> None:
    assert right != wrong
    assert (SOURCES[kit] / file).read_text(encoding="utf-8").count(right) == 1
