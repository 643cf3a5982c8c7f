"""Signs a bundle and checks signatures, with the OpenSSF's `model_signing` tool and a pair of keys.

Keys:  openssl ecparam -name prime256v1 -genkey -noout -out private.pem
       openssl ec -in private.pem -pubout -out public.pem
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from dmvton_mobile.bundles.bundle import read_bundle, verify_files
from dmvton_mobile.bundles.manifest import SIGNATURE, BundleError
from dmvton_mobile.bundles.signing_tool import signing_tool
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.utils.files import atomic_file


def sign_bundle(folder: Path, private_key: Path) -> Path:
    """Verifies a bundle and signs every file of it.

    Args:
        folder: of the bundle.
        private_key: an elliptic curve key, PEM, without a passphrase.

    Returns:
        The path of the signature, which replaces an older one.

    Raises:
        DmvtonError: the tool is not installed, or could not sign.
        BundleError: the bundle is damaged.
    """
    tool = signing_tool()
    _require_folder(folder)
    _require_key(private_key, "private")
    verify_files(read_bundle(folder))
    with tempfile.TemporaryDirectory(prefix="dmvton-sign-") as scratch:
        signature = Path(scratch, SIGNATURE)
        done = _run(tool, "sign", folder, "--private_key", private_key.resolve(), "--signature", signature)
        if done.returncode or not signature.is_file():
            raise DmvtonError(f"{folder.name} was not signed: {_last_line(done)}")
        with atomic_file(folder / SIGNATURE, overwrite=True) as partial:
            shutil.copyfile(signature, partial)
    return folder / SIGNATURE


def verify_signature(folder: Path, public_key: Path) -> None:
    """Checks that the owner of the key signed exactly this bundle.

    Args:
        folder: of the bundle.
        public_key: PEM.

    Raises:
        BundleError: the bundle is not signed, was changed, or was signed with another key.
        DmvtonError: the tool is not installed, or could not check.
    """
    tool = signing_tool()
    _require_folder(folder)
    _require_key(public_key, "public")
    signature = folder / SIGNATURE
    if signature.is_symlink() or not signature.is_file():
        raise BundleError(f"{folder.name} is not signed: it holds no {SIGNATURE}.")
    done = _run(tool, "verify", folder, "--public_key", public_key.resolve(), "--signature", signature.resolve())
    if done.returncode and "Verification failed" in done.stderr:
        raise BundleError(f"The signature of {folder.name} does not hold for {public_key.name}: {_last_line(done)}")
    if done.returncode:
        raise DmvtonError(f"{tool} could not check the signature of {folder.name}: {_last_line(done)}")


def _run(tool: Path, verb: str, folder: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    # Without --no-ignore-git-paths a .gitignore could be slipped in; the signature itself is what is not signed.
    folder = folder.resolve()
    fixed = ("--no-ignore-git-paths", "--ignore-paths", folder / SIGNATURE)
    command = [tool, verb, "key", *options, *fixed, folder]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    """The last line of the tool's output: its result, or the end of a traceback."""
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[-1].strip() if lines else f"it ended with exit code {done.returncode} and no message"


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise DmvtonError(f"{folder} is not a bundle's folder; unpack a .zip first: a signature is of the files.")


def _require_key(key: Path, kind: str) -> None:
    if not key.is_file():
        raise DmvtonError(f"There is no {kind} key at {key}.")
