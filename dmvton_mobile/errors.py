"""The one exception family: what went wrong, in which file or layer, what to do next."""

LONGEST = 1000  # characters of somebody else's words


def plain(text: str) -> str:
    """Words of a stranger, for a message or a record: no control characters, which would steer a terminal; not too
    long."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:LONGEST]


class DmvtonError(Exception):
    """Something a person can act on. The command line prints it without a traceback and ends with `exit_code`."""

    exit_code = 2


class CheckFailed(DmvtonError):
    """The request was fine, but a check that must hold does not: parity, a hash, a golden replay."""

    exit_code = 1


class UnknownName(DmvtonError):
    def __init__(self, kind: str, name: str, known: list[str]):
        super().__init__(f"There is no {kind} {name!r}. Known: {', '.join(known)}.")
