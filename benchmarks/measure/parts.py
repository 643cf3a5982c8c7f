"""The artifacts of a bundle as parts that a process can run: each with what it is given when the golden pair comes."""

import platform
import zlib
from pathlib import Path

from benchmarks.measure.process import Part
from dmvton_mobile.bundles.bundle import Bundle
from dmvton_mobile.bundles.golden import golden_tensors
from dmvton_mobile.bundles.manifest import DEVICE_ONLY
from dmvton_mobile.targets import Precision, Target
from dmvton_mobile.tryon import open_components


def bundle_parts(bundle: Bundle, target: Target, precision: Precision) -> list[Part]:
    """In the order that they run. Raises DmvtonError where they cannot be run here."""
    tensors, _ = golden_tensors(bundle, precision)
    parts = []
    for session in open_components(bundle, target, precision, threads=1):
        given = {name: tensors[name] for name in session.contract.input_names}
        parts.append(Part(session.path, session.contract, session.held(given)))
        tensors = tensors | session.run(given)
    return parts


def download_bytes(path: Path) -> int:
    """Of an artifact as an app's archive holds it: deflated, file by file."""
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    return sum(len(zlib.compress(file.read_bytes(), level=9)) for file in files)


def runs_here(bundle: Bundle, target: Target) -> bool:
    """Whether this machine runs the target's artifacts at their speed: an evaluator of Core ML proves, it does not
    race."""
    if target is Target.COREML and platform.system() != "Darwin":
        return False
    return all(item.evaluator != DEVICE_ONLY for item in bundle.manifest.artifacts if item.target is target)
