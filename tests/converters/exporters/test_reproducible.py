"""The same network converts to the same bytes, whichever process does it and whatever it converted before."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dmvton_mobile.contract import Component
from dmvton_mobile.targets import Target

# arguments: target, component, then the paths to write, one after the other
PROGRAM = """
import sys
from pathlib import Path
from converters.registry import export_component, find_exporter, lowered_components
from dmvton_mobile.contract import Component
from dmvton_mobile.networks import seeded_network
from dmvton_mobile.targets import Target

target, component, *paths = Target(sys.argv[1]), Component(sys.argv[2]), *map(Path, sys.argv[3:])
[example] = lowered_components(seeded_network("dmvton-student"), find_exporter(target).facts, (component,))
about = {"author": "somebody", "license": "not set", "version": "1", "short_description": "a part", "network": "x"}
for path in paths:
    exported = export_component(example, path, target, metadata=about)
    assert exported.reproducible
"""


def start(target: Target, component: Component, hash_seed: int, paths: list[Path]) -> subprocess.Popen[str]:
    """An export in a process of its own, from a folder of its own, with its own order of sets."""
    environment = os.environ | {"PYTHONHASHSEED": str(hash_seed)}
    command = [sys.executable, "-c", PROGRAM, target, component, *map(str, paths)]
    return subprocess.Popen(command, env=environment, cwd=paths[0].parent, stderr=subprocess.PIPE, text=True)


def digests(path: Path) -> dict[str, str]:
    """SHA-256 of a file, or of every file of a package by its relative path."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return {
        file.relative_to(path).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files
    }  # fmt: skip


def check(target: Target, component: Component, folder: Path, counts: tuple[int, ...]) -> None:
    """One process for each count, side by side, which exports as often."""
    written: list[Path] = []
    processes = []
    for hash_seed, count in enumerate(counts, start=1):
        own = folder / f"process_{hash_seed}"
        own.mkdir()
        paths = [own / f"export_{index}{target.suffix}" for index in range(count)]
        processes.append(start(target, component, hash_seed, paths))
        written += paths
    for process in processes:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    first, *others = (digests(path) for path in written)
    assert first and others
    assert all(other == first for other in others), f"{target} {component}"


@pytest.mark.parametrize("target", Target)
def test_garment_encoder(target: Target, tmp_path: Path) -> None:
    check(target, Component.GARMENT_ENCODER, tmp_path, counts=(1, 1))


@pytest.mark.slow
@pytest.mark.parametrize("target", Target)
def test_tryon(target: Target, tmp_path: Path) -> None:
    check(target, Component.TRYON, tmp_path, counts=(1, 2))
