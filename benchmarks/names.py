"""Texts that devices give: short, and nothing in them that is more than text."""

from typing import Annotated

from pydantic import AfterValidator, Field

LONGEST = 1000  # characters

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._:@()+,#-]*$", max_length=120)]


def plain(text: str) -> str:
    """What a record may hold of somebody's words: no control characters, which would steer a terminal; not too long."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:LONGEST]


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it holds control characters")
    return text


Words = Annotated[str, Field(max_length=LONGEST), AfterValidator(_printable)]  # for people; no path, no command
