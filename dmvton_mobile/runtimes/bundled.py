"""Runs what a bundle holds: one session per component, each fed by the inputs and by the components before it."""

from collections.abc import Sequence

from dmvton_mobile.bundles.bundle import Bundle
from dmvton_mobile.bundles.manifest import DEVICE_ONLY, Artifact, BundleError
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.runtimes import open_session
from dmvton_mobile.runtimes.session import Session, Tensors
from dmvton_mobile.targets import Precision, Target


class DeviceOnly(DmvtonError):
    """An artifact that no host can run."""


def bundled_targets(bundle: Bundle) -> list[tuple[Target, Precision]]:
    """Every target and precision that the bundle has artifacts for, in the manifest's order."""
    return list(dict.fromkeys((artifact.target, artifact.precision) for artifact in bundle.manifest.artifacts))


def bundled_components(bundle: Bundle, target: Target, precision: Precision) -> list[Artifact]:
    """The artifacts of all components, in the order they run. Raises BundleError where one is missing."""
    by_component = {item.contract.component: item for item in bundle.manifest.artifacts_of(target, precision)}
    members = bundle.manifest.components.members
    if absent := [member for member in members if member not in by_component]:
        raise BundleError(f"{bundle.folder.name} has no {', '.join(absent)} for {target} {precision}.")
    return [by_component[member] for member in members]


def open_components(bundle: Bundle, target: Target, precision: Precision, threads: int) -> list[Session]:
    """Opens a session for every component, in the order they run.

    Args:
        bundle: its files are not checked here; see `verify_files`.
        target: the runtime.
        precision: of the artifacts.
        threads: CPU threads of the runtime.

    Raises:
        DeviceOnly: no host can run the artifacts.
        NotInstalledError: the runtime is not installed.
        DmvtonError: the runtime cannot open an artifact.
    """
    artifacts = bundled_components(bundle, target, precision)
    if any(artifact.evaluator == DEVICE_ONLY for artifact in artifacts):
        raise DeviceOnly(f"The {target} {precision} artifacts run on a phone only.")
    return [open_session(target, bundle.folder / item.path, item.contract, threads=threads) for item in artifacts]


def run_components(sessions: Sequence[Session], tensors: Tensors) -> Tensors:
    """Runs the components one after the other.

    Args:
        sessions: in the order they run.
        tensors: the inputs by name, NCHW float32.

    Returns:
        The inputs and everything that was computed from them, by name, NCHW float32.
    """
    for session in sessions:
        tensors = tensors | session.run({name: tensors[name] for name in session.contract.input_names})
    return tensors
