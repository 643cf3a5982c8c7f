"""Packages that only an extra brings: what is missing is named, with the extra to install."""

from collections.abc import Iterator
from contextlib import contextmanager

from dmvton_mobile.errors import DmvtonError, NotInstalledError


@contextmanager
def optional_import(needs: str, *, extra: str, package: str | None = None) -> Iterator[None]:
    """Imports optional packages within a `with` block.

        with optional_import("Shards need", extra="data"):
            import webdataset

    Args:
        needs: the subject and verb of the message, like "Shards need".
        extra: the extra of this project that brings the package.
        package: its name on the package index, where the module is called otherwise.

    Raises:
        NotInstalledError: a module is missing.
        DmvtonError: a package is there but cannot be imported, such as one built for another version.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise NotInstalledError(needs, package or str(error.name), extra) from error
    except ImportError as error:
        name = package or error.name or "a package"
        raise DmvtonError(f"{needs} {name}, which cannot be imported: {error}.") from error
