"""Texts that devices give: short, and nothing in them that is more than text."""

from typing import Annotated

from pydantic import AfterValidator, Field

from dmvton_mobile.errors import LONGEST

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._:@()+,#-]*$", max_length=120)]


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it holds control characters")
    return text


Words = Annotated[str, Field(max_length=LONGEST), AfterValidator(_printable)]  # for people; no path, no command
