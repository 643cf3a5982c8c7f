"""A bundle in an app's project: what the app's platform runs, and nothing else."""

import shutil
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from dmvton_mobile.bundles.bundle import Bundle, new_bundle, seal, verify_files
from dmvton_mobile.bundles.golden import golden_path
from dmvton_mobile.bundles.manifest import Artifact, Manifest
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.targets import Precision, Target


class Platform(StrEnum):
    ANDROID = "android"
    IOS = "ios"

    @property
    def targets(self) -> tuple[Target, ...]:
        """That its demo app has a runtime for."""
        return (Target.TFLITE, Target.EXECUTORCH) if self is Platform.ANDROID else (Target.COREML,)

    def place(self, project: Path) -> Path:
        """Where the build takes files from: an Android module's assets, the folder of an Xcode target's resources."""
        return project / "src/main/assets" if self is Platform.ANDROID else project / "Resources"


def install(
    bundle: Bundle, platform: Platform, project: Path, targets: Sequence[Target], precisions: Sequence[Precision]
) -> Path:
    """Copies the bundle with these artifacts only, sealed anew; returns its folder. A signature stays behind: it is of
    the whole bundle.

    targets: without any, all of the platform's that the bundle holds. precisions: without any, what the manifest
    recommends for each target, or all where it recommends none. Raises DmvtonError where there is no such project,
    where nothing is left, or where a bundle of that name is installed already; BundleError for a damaged bundle.
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
    path = platform.place(project) / bundle.folder.name
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
