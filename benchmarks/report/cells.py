"""Figures as tables show them: "-" where there is none."""


def number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def megabytes(count: int | None, digits: int = 1) -> str:
    """Of 10^6 bytes."""
    return number(None if count is None else count / 1e6, digits)


def share(value: float | None, digits: int = 0, *, signed: bool = False) -> str:
    """`12%`, `+12%`"""
    return "-" if value is None else f"{value:{'+' if signed else ''}.{digits}%}"
