"""The digest of a dataset: one number that changes when any file of it does."""

import hashlib
from pathlib import Path

from dmvton_mobile.files import sha256_file


def dataset_digest(folder: Path) -> str:
    """SHA-256 over the names and the SHA-256 of all files in the folder, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()} {sha256_file(path)}\n".encode())
    return digest.hexdigest()
