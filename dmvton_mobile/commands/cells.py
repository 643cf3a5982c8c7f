"""Figures as a table shows them: "-" where there is none."""


def number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def megabytes(count: int | None, digits: int) -> str:
    """Of 10^6 bytes."""
    return number(None if count is None else count / 1e6, digits)
