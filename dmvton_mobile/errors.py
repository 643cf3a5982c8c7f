"""The exceptions of this project: each message says what went wrong, in which file or layer, and what to do next."""

LONGEST = 1000  # characters of somebody else's words


def printable(text: str) -> str:
    """Makes a stranger's words fit for a message or a record.

    Returns:
        The text without control characters, which would steer a terminal, and at most LONGEST characters of it.
    """
    return "".join(letter if letter.isprintable() else " " for letter in text)[:LONGEST]


class DmvtonError(Exception):
    """Something a person can act on. The command line prints it without a traceback and ends with `exit_code`."""

    exit_code = 2


class CheckFailed(DmvtonError):
    """The request was fine, but a check that must hold does not: parity, a hash, a golden replay."""

    exit_code = 1


class UnknownName(DmvtonError):
    """A name that is not one of the known ones; the message lists them."""

    def __init__(self, kind: str, name: str, known: list[str]):
        super().__init__(f"There is no {kind} {name!r}. Known: {', '.join(known)}.")


class NotInstalledError(DmvtonError):
    """An optional package is not installed.

    Args:
        needs: the subject and verb of the message, like "Shards need".
        package: the package that is missing.
        extra: the extra of this project that brings it, or several, like "onnx,nncf".
    """

    def __init__(self, needs: str, package: str, extra: str):
        super().__init__(f'{needs} {package}, which is not installed: pip install "dmvton-mobile[{extra}]".')
        self.package = package
        self.extra = extra
