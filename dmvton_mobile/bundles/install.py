"""Installs a bundle in an app's project: the artifacts that the app's platform runs, and nothing else."""

import shutil
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import assert_never

from dmvton_mobile.bundles.bundle import Bundle, new_bundle, seal, verify_files
from dmvton_mobile.bundles.golden import golden_path
from dmvton_mobile.bundles.manifest import Artifact, Manifest
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.targets import Precision, Target


class Platform(StrEnum):
    """A platform that has a demo app."""

    ANDROID = "android"
    IOS = "ios"

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets that its demo app has a runtime for."""
        match self:
            case Platform.ANDROID:
                return Target.TFLITE, Target.EXECUTORCH
            case Platform.IOS:
                return (Target.COREML,)
            case _:
                assert_never(self)

    def resources(self, project: Path) -> Path:
        """The folder that the build takes files from: an Android module's assets, an Xcode target's resources."""
        match self:
            case Platform.ANDROID:
                return project / "src/main/assets"
            case Platform.IOS:
                return project / "Resources"
            case _:
                assert_never(self)


def install(
    bundle: Bundle, platform: Platform, project: Path, targets: Sequence[Target], precisions: Sequence[Precision]
) -> Path:
    """Copies a bundle with some of its artifacts into an app's project and seals the copy.

    A signature is not copied, since it covers the whole bundle.

    Args:
        bundle: verified here first.
        platform: of the app.
        project: the folder of the app's module.
        targets: to copy; empty for all that the platform runs.
        precisions: to copy; empty for the ones that the manifest recommends, or for all where it recommends none.

    Returns:
        The folder of the copy.

    Raises:
        DmvtonError: there is no such project, no artifact is left, or a bundle of that name is installed.
        BundleError: the bundle is damaged.
    """
    if not project.is_dir():
        raise DmvtonError(
            f"There is no folder {project}: name your app's {'module' if platform is Platform.ANDROID else 'folder'}."
        )
    verify_files(bundle)
    kept = [item for item in bundle.manifest.artifacts if _wanted(item, bundle.manifest, platform, targets, precisions)]
    if not kept:
        holds = ", ".join(dict.fromkeys(f"{item.target} {item.precision}" for item in bundle.manifest.artifacts))
        raise DmvtonError(f"{bundle.folder.name} has nothing for {platform} that was asked for. It holds {holds}.")
    replayed = {golden_path(item.precision) for item in kept}
    golden = [name for name in bundle.manifest.golden if name in replayed]
    path = platform.resources(project) / bundle.folder.name
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_bundle(path) as folder:
        for name in [*(item.path for item in kept), *golden]:
            source, target = bundle.folder / name, folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, target) if source.is_dir() else shutil.copyfile(source, target)
        seal(folder, bundle.manifest.model_copy(update={"artifacts": tuple(kept), "golden": tuple(golden)}))
    return path


def _wanted(
    item: Artifact, manifest: Manifest, platform: Platform, targets: Sequence[Target], precisions: Sequence[Precision]
) -> bool:
    if item.target not in platform.targets or (targets and item.target not in targets):
        return False
    advice = manifest.recommendations.precision(item.target) if manifest.recommendations else None
    return item.precision in (precisions or (advice or item.precision,))
