"""What people write: YAML files with a schema, ours by name or theirs by path, keys changed from the command line.

A key that nothing has, a wrong type and a value out of range are errors that name the file, the key and the keys that
are known.
"""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.utils.optional_imports import optional_import

AnyModel = TypeVar("AnyModel", bound=BaseModel)


@dataclass(frozen=True)
class YamlKind:
    """A kind of file. what: "recipe". folder: ours. fault: raised for what is none. extra: that brings PyYAML."""

    what: str
    folder: Path
    fault: type[DmvtonError]
    extra: str

    def names(self) -> list[str]:
        """Of those that come with this package."""
        return sorted(path.stem for path in self.folder.glob("*.yaml"))

    def path(self, given: Path) -> Path:
        """The file, or the one of ours of that name."""
        return self.folder / f"{given}.yaml" if str(given) in self.names() and not given.exists() else given

    def load(self, given: Path, schema: type[AnyModel], overrides: Sequence[str] = ()) -> AnyModel:
        """The file's content. overrides: "key=value" with dotted keys and YAML values. Raises `fault`."""
        path = self.path(given)
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise self.fault(
                f"The {self.what} {path} cannot be read ({error.strerror}). Ours: {', '.join(self.names())}."
            ) from error
        except UnicodeDecodeError as error:
            raise self.fault(f"{path} is no YAML: {error}.") from error
        values = self._parsed(text, f"{path} is no YAML")
        if not isinstance(values, dict):
            raise self.fault(f"{path} is no {self.what}: it must be keys with values.")
        where = str(path)
        for override in overrides:
            self._override(values, override)
            where = f"{path} with {', '.join(overrides)}"
        try:
            return schema.model_validate(values)
        except ValidationError as error:
            sentences = "; ".join(_sentence(item, schema, self.what) for item in error.errors())
            raise self.fault(f"{where}: {sentences}.") from error

    def dump(self, model: BaseModel) -> str:
        """Every key spelled out; loading it gives the same."""
        return str(self._yaml().safe_dump(model.model_dump(mode="json"), sort_keys=False, allow_unicode=True))

    def _override(self, values: dict[str, Any], override: str) -> None:
        key, equals, text = override.partition("=")
        names = key.strip().split(".")
        if not equals or not all(names):
            raise self.fault(f"--set {override!r} is no key=value, like batch_size=8 or frame.min_runs=50.")
        value = self._parsed(text, f"--set {override}: {text!r} is no YAML value")
        for depth, name in enumerate(names[:-1], 1):
            inner = values.setdefault(name, {})
            if inner is None:
                inner = values[name] = {}
            if not isinstance(inner, dict):
                raise self.fault(f"--set {override}: {'.'.join(names[:depth])} is a single value and has no keys.")
            values = inner
        values[names[-1]] = value

    def _parsed(self, text: str, complaint: str) -> Any:
        yaml = self._yaml()
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise self.fault(f"{complaint}: {' '.join(str(error).split())}.") from error

    def _yaml(self) -> Any:
        with optional_import(f"{self.what.capitalize()}s need", extra=self.extra, package="PyYAML"):
            return importlib.import_module("yaml")


def _sentence(item: Any, schema: type[BaseModel], what: str) -> str:
    """One finding of pydantic's, with the keys that are known there."""
    place = [part for part in item["loc"] if isinstance(part, str)]
    key = ".".join(place) or f"the {what}"
    if item["type"] == "extra_forbidden":
        return f"there is no key {key}. Known: {', '.join(_fields(place[:-1], schema))}"
    if item["type"] == "missing":
        return f"the key {key} is missing"
    return f"{key}: {item['msg'].removeprefix('Value error, ')}, not {item['input']!r}"


def _fields(place: Sequence[str], schema: type[BaseModel]) -> list[str]:
    """The keys of the section at this place."""
    section = schema
    for name in place:
        annotation = section.model_fields[name].annotation
        section = next(kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type))
    return list(section.model_fields)
