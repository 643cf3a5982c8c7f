"""The base of every record: a JSON file with a schema and a version, immutable once read.

Records come from other machines, so their types are narrow: names, digests and paths that cannot mean anything else
where they are printed, looked up or written to disk.
"""

import json
import re
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from dmvton_mobile.errors import LONGEST, DmvtonError, printable

MOST_FAULTS = 10  # named by one error message
LONGEST_LOCATION = 200  # characters of a field's location in an error message

_PATH_PART = r"[A-Za-z0-9_-](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?"
_PLAIN_PATH = re.compile(rf"{_PATH_PART}(?:/{_PATH_PART})*")


def is_plain_path(path: str) -> bool:
    """Whether a relative path means the same file on every disk.

    Plain: letters, digits and `. _ -` between forward slashes, no part that starts or ends with a dot.
    """
    return _PLAIN_PATH.fullmatch(path) is not None


def _plain_path(path: str) -> str:
    if not is_plain_path(path):
        raise ValueError(f"{path!r} is not a plain relative path (letters, digits, . _ - between forward slashes)")
    return path


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it holds control characters")
    return text


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._:@()+,#-]*$", max_length=120)]
Words = Annotated[str, Field(max_length=LONGEST), AfterValidator(_printable)]  # text for people; no path, no command
PlainPath = Annotated[str, AfterValidator(_plain_path)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Strict(BaseModel):
    """The base of all our file formats: immutable, without unknown fields, NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Record(Strict):
    """A JSON file with a schema. A subclass fixes the version that it reads."""

    schema_version: int


def renamed_fields(**current_names: str) -> Callable[[dict[str, Any]], None]:
    """Publishes the former names of fields in a JSON Schema as deprecated, for `ConfigDict(json_schema_extra=...)`.

    The field itself reads its former name by a `validation_alias`.

    Args:
        current_names: Former name -> current name.
    """

    def extend(schema: dict[str, Any]) -> None:
        properties = schema["properties"]
        for former, current in current_names.items():
            note = f"Former name of {current}, still read."
            properties[former] = {**properties[current], "deprecated": True, "description": note}

    return extend


AnyRecord = TypeVar("AnyRecord", bound=Record)


def record_json(record: Record) -> str:
    """Writes a record as JSON text: sorted keys, indented, the same text for the same record.

    Raises:
        ValueError: A value is NaN or infinite, which JSON cannot hold.
    """
    values = record.model_dump(mode="json")
    return json.dumps(values, sort_keys=True, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def parse_record(text: bytes, schema: type[AnyRecord], where: str, fault: type[DmvtonError]) -> AnyRecord:
    """Reads a record from JSON text, without converting any type ("3" is not a number).

    Args:
        text: The content of the file.
        schema: The record's class.
        where: The file's name, for error messages.
        fault: The exception to raise.

    Raises:
        DmvtonError: As `fault`: the text is not such a record; the message names the file and the fields.
    """
    try:
        record = schema.model_validate_json(text, strict=True)
    except ValidationError as error:
        version, known = _schema_version(text), schema.model_fields["schema_version"].default
        if version is not None and version != known:
            raise fault(f"{where} has schema version {version}; this version reads {known}.") from error
        raise fault(f"{where} is not a valid {_title(schema)}: {_listed_faults(error)}.") from error
    if "schema_version" not in record.model_fields_set:  # the default is for records that are made here
        raise fault(f"{where} is not a valid {_title(schema)}: schema_version: Field required.")
    return record


def _listed_faults(error: ValidationError) -> str:
    faults = error.errors(include_url=False, include_input=False)
    lines = [
        f"{printable('.'.join(map(str, item['loc'])) or 'the file')[:LONGEST_LOCATION]}: {printable(item['msg'])}"
        for item in faults[:MOST_FAULTS]
    ]
    lines += [f"and {len(faults) - MOST_FAULTS} more"] if len(faults) > MOST_FAULTS else []
    return "; ".join(lines)


def _schema_version(text: bytes) -> object:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value.get("schema_version") if isinstance(value, dict) else None


def _title(schema: type[Record]) -> str:
    """`BenchmarkRecord` -> `benchmark record`."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", schema.__name__).lower()
