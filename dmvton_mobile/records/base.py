"""Records: JSON files with a schema and a version, immutable once read."""

import json
import re
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from dmvton_mobile.errors import LONGEST, DmvtonError, plain

MOST_FAULTS = 10  # that a message names
LONGEST_PLACE = 200  # characters of a field's place in it


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._:@()+,#-]*$", max_length=120)]


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it holds control characters")
    return text


Words = Annotated[str, Field(max_length=LONGEST), AfterValidator(_printable)]  # for people; no path, no command


class Strict(BaseModel):
    """Immutable, and no field that is not known, no NaN: what all our files are made of."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Record(Strict):
    """A JSON file with a schema; a subclass fixes the version it reads."""

    schema_version: int


AnyRecord = TypeVar("AnyRecord", bound=Record)


def record_json(record: Record) -> str:
    """The record as JSON: sorted keys, indented, the same text for the same record. ValueError for NaN or infinity."""
    values = record.model_dump(mode="json")
    return json.dumps(values, sort_keys=True, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def parse_record(text: bytes, schema: type[AnyRecord], where: str, fault: type[DmvtonError]) -> AnyRecord:
    """The record that the JSON holds. Raises `fault`, naming the file (`where`) and the fields, where it is not one."""
    try:
        record = schema.model_validate_json(text, strict=True)  # "3" is no number
    except ValidationError as error:
        version, known = _schema_version(text), schema.model_fields["schema_version"].default
        if version is not None and version != known:
            raise fault(f"{where} has schema version {version}; this version reads {known}.") from error
        faults = error.errors(include_url=False, include_input=False)
        lines = [
            f"{plain('.'.join(map(str, item['loc'])) or 'the file')[:LONGEST_PLACE]}: {plain(item['msg'])}"
            for item in faults[:MOST_FAULTS]
        ]
        lines += [f"and {len(faults) - MOST_FAULTS} more"] if len(faults) > MOST_FAULTS else []
        raise fault(f"{where} is not a valid {_words(schema.__name__)}: {'; '.join(lines)}.") from error
    if "schema_version" not in record.model_fields_set:  # its default is for what is made here
        raise fault(f"{where} is not a valid {_words(schema.__name__)}: schema_version: Field required.")
    return record


def _schema_version(text: bytes) -> object:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value.get("schema_version") if isinstance(value, dict) else None


def _words(name: str) -> str:
    """`BenchmarkRecord` -> `benchmark record`"""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()
