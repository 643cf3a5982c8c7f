"""`dmvton bundle`: pack, sign and install bundles."""

from pathlib import Path
from typing import Annotated

import typer

from dmvton_mobile.cli.options import BundleArgument, BundleFolder
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.targets import Precision, Target


def zip_command(
    bundle: BundleFolder,
    out: Annotated[Path, typer.Argument(help="Output .zip. Must not exist.")],
) -> None:
    """Pack a bundle into a .zip, after checking its hashes.

    The same bundle always gives the same bytes.

    Example: dmvton bundle zip student.dmvton student.zip
    """
    from dmvton_mobile.bundles.bundle import zip_bundle

    zip_bundle(bundle, out)
    typer.echo(f"Wrote {out}, {out.stat().st_size} bytes.")


def sign_command(
    bundle: BundleFolder,
    private_key: Annotated[Path, typer.Option(help="Private key: elliptic curve, PEM, without a passphrase.")],
) -> None:
    """Sign a bundle, after checking its hashes.

    `dmvton verify --public-key` checks the signature.

    Example: dmvton bundle sign student.dmvton --private-key release_private.pem
    """
    from dmvton_mobile.bundles.signing import sign_bundle

    typer.echo(f"Wrote {sign_bundle(bundle, private_key)}.")


def install_command(
    bundle: BundleArgument,
    android: Annotated[
        Path | None, typer.Option(help="Android module, like android_demo/app; installs into its assets.")
    ] = None,
    ios: Annotated[Path | None, typer.Option(help="iOS app folder; installs into its Resources.")] = None,
    target: Annotated[
        list[Target] | None,
        typer.Option(help="Install this target. Repeatable. Default: those that the demo app runs."),
    ] = None,
    precision: Annotated[
        list[Precision] | None,
        typer.Option(help="Install this precision. Repeatable. Default: what the manifest recommends."),
    ] = None,
) -> None:
    """Copy the artifacts that an app needs from a bundle into the app's project.

    The copy is a smaller bundle with hashes of its own.

    Example: dmvton bundle install lite.dmvton --android android_demo/app
    """
    from dmvton_mobile.bundles.bundle import read_bundle
    from dmvton_mobile.bundles.install import Platform, install

    projects = [(Platform.ANDROID, android), (Platform.IOS, ios)]
    if android is None and ios is None:
        raise DmvtonError("Say where to: --android DIR, --ios DIR, or both.")
    opened = read_bundle(bundle)
    for platform, project in projects:
        if project is None:
            continue
        installed = read_bundle(install(opened, platform, project, target or (), precision or ()))
        artifacts = ", ".join(dict.fromkeys(f"{item.target} {item.precision}" for item in installed.manifest.artifacts))
        size = sum(record.bytes for record in installed.manifest.files.values())
        typer.echo(f"{installed.folder}: {artifacts}, {size / 1e6:.1f} MB with the golden tensors.")
    if opened.signed:
        typer.echo("Not signed: the signature covers the whole bundle. Run `dmvton bundle sign` on the installed one.")
    if not (opened.manifest.licence or "").strip():
        typer.echo("Warning: the bundle has no licence, which an app's release needs.", err=True)
