"""Do the apps' tests see what goes wrong? Makes one fault after the other in a copy of a kit: a test must fail.

    python .ci/app_faults.py [--kit android|ios] [NAME ...]

Both kits without --kit, all of `app_faults.toml` without a name. Needs what `.ci/apps-android make` and `.ci/apps-ios
make` made. A fault takes six seconds in Swift, twenty in Kotlin.

Ends with 1 where no test fails, where the fault's place is no longer in the code, and where it does not compile: that
proves nothing.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

CI = Path(__file__).parent
CHECKOUT = CI.parent
GREEN, RED = "green", "red"
# What tests say that were compiled against another kit
NOT_LINKED = r"NoSuch(Method|Field)Error|NoClassDefFoundError|IncompatibleClassChangeError"


@dataclass(frozen=True)
class Kit:
    """sources: of the checkout. test: what compiles and tests a copy of it. red: what that says when a test fails, or
    ends its process."""

    sources: Path
    test: tuple[str, ...]
    red: str


KITS = {
    "android": Kit(
        Path("android_demo/tryonkit/src/main/kotlin/org/dmvton/tryonkit"), ("apps-android", "kit"), r"^FAILURES!!!$"
    ),
    "ios": Kit(
        Path("ios_demo/TryOnKit/Sources/TryOnKit"),
        ("apps-ios", "kit"),
        r"Test run with .* failed after|Exited with unexpected signal",
    ),
}


@dataclass(frozen=True)
class Fault:
    kit: str
    name: str
    file: str
    right: str
    wrong: str

    @classmethod
    def all(cls) -> list[Self]:
        """In the order of the table, one kit after the other."""
        table: Mapping[str, Mapping[str, list[str]]] = tomllib.loads((CI / "app_faults.toml").read_text("utf-8"))
        return [cls(kit, name, *places[kit]) for kit in KITS for name, places in table.items() if kit in places]

    def make(self, checkout: Path) -> str | None:
        """Makes it there; returns what is in the way."""
        source = checkout / KITS[self.kit].sources / self.file
        text = source.read_text(encoding="utf-8")
        if (count := text.count(self.right)) != 1:
            return f"{self.file} holds {self.right!r} {count} times, not once"
        source.write_text(text.replace(self.right, self.wrong), encoding="utf-8")
        return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kit", choices=KITS)
    parser.add_argument("names", metavar="NAME", nargs="*")
    asked = parser.parse_args()
    faults = [fault for fault in Fault.all() if asked.kit in (None, fault.kit)]
    if unknown := set(asked.names) - {fault.name for fault in faults}:
        parser.error(f"app_faults.toml has no {', '.join(sorted(unknown))}")
    chosen = [fault for fault in faults if not asked.names or fault.name in asked.names]
    seen = sum(count_seen(kit, [fault for fault in chosen if fault.kit == kit]) for kit in KITS)
    print(f"{seen} of {len(chosen)} faults were seen")
    return 0 if seen == len(chosen) else 1


def count_seen(kit: str, faults: list[Fault]) -> int:
    """Of one kit, which is green without a fault: before the first, and after the last."""
    if not faults:
        return 0
    seen = 0
    with tempfile.TemporaryDirectory(prefix="dmvton-faults-") as build:
        require_green(kit, Path(build))
        for fault in faults:
            outcome = tested(kit, Path(build), fault)
            print(f"{kit}, {fault.name}: {outcome}{'' if outcome == RED else ': NOT SEEN'}", flush=True)
            seen += outcome == RED
        require_green(kit, Path(build))
    return seen


def require_green(kit: str, build: Path) -> None:
    """Else a red one says nothing."""
    if (outcome := tested(kit, build)) != GREEN:
        sys.exit(f"{kit}, as it is: {outcome}")


def tested(kit: str, build: Path, fault: Fault | None = None) -> str:
    """RED where a test fails, GREEN where all pass, else what is in the way. build: what the last time left."""
    with tempfile.TemporaryDirectory(prefix="dmvton-faults-") as made:
        copy = Path(made)
        for part in (".ci", f"{kit}_demo", "tests/golden/apps"):
            shutil.copytree(CHECKOUT / part, copy / part)
        if fault and (hindrance := fault.make(copy)):
            return hindrance
        script, *arguments = KITS[kit].test
        ran = subprocess.run(
            [copy / ".ci" / script, *arguments],
            env={**os.environ, "DMVTON_BUILD": str(build)},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    said = ran.stdout + ran.stderr
    if ran.returncode == 0:
        return GREEN
    if re.search(KITS[kit].red, said, re.MULTILINE) and not re.search(NOT_LINKED, said):
        return RED
    return f"no test failed, it does not compile or run: {' '.join(said.split())[-400:]}"


if __name__ == "__main__":
    sys.exit(main())
