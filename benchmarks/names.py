"""Names that devices give: short, plain, no path in them."""

from typing import Annotated

from pydantic import Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._:@()+,#-]*$", max_length=120)]
Words = Annotated[str, Field(max_length=1000)]  # for people; never a path, never a command
