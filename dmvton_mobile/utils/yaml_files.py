"""Recipes and suites: YAML files with a schema, found by name or by path, with keys overridden on the command line.

An unknown key, a wrong type and a value out of range are errors that name the file, the key and the known keys.
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
    """One kind of YAML file.

    Attributes:
        kind: Its name in messages, like "recipe".
        folder: Where the files are that come with this package.
        error_type: What is raised for a file that does not fit its schema.
        extra: The extra of this project that brings PyYAML.
    """

    kind: str
    folder: Path
    error_type: type[DmvtonError]
    extra: str

    def names(self) -> list[str]:
        """The names of the files that come with this package, sorted."""
        return sorted(path.stem for path in self.folder.glob("*.yaml"))

    def path(self, path_or_name: Path) -> Path:
        """The path of a file. A file that exists goes before one of ours with that name."""
        if str(path_or_name) in self.names() and not path_or_name.exists():
            return self.folder / f"{path_or_name}.yaml"
        return path_or_name

    def load(self, path_or_name: Path, schema: type[AnyModel], overrides: Sequence[str] = ()) -> AnyModel:
        """Reads and validates a file.

        Args:
            path_or_name: A path, or the name of a file that comes with this package.
            schema: What the file must be.
            overrides: `key=value`, where the key may be dotted and the value is YAML; they replace what the file says.

        Raises:
            DmvtonError: As `error_type`: no such file, no YAML, or a key or value that does not fit the schema.
        """
        path = self.path(path_or_name)
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise self.error_type(
                f"The {self.kind} {path} cannot be read ({error.strerror}). Ours: {', '.join(self.names())}."
            ) from error
        except UnicodeDecodeError as error:
            raise self.error_type(f"{path} is no YAML: {error}.") from error
        values = self._parsed(text, f"{path} is no YAML")
        if not isinstance(values, dict):
            raise self.error_type(f"{path} is no {self.kind}: it must be keys with values.")
        where = str(path)
        for override in overrides:
            self._override(values, override)
            where = f"{path} with {', '.join(overrides)}"
        try:
            return schema.model_validate(values)
        except ValidationError as error:
            sentences = "; ".join(_sentence(item, schema, self.kind) for item in error.errors())
            raise self.error_type(f"{where}: {sentences}.") from error

    def dump(self, model: BaseModel) -> str:
        """The model as YAML with every key spelled out; loading it gives the same model."""
        return str(self._yaml().safe_dump(model.model_dump(mode="json"), sort_keys=False, allow_unicode=True))

    def _override(self, values: dict[str, Any], override: str) -> None:
        key, equals, text = override.partition("=")
        names = key.strip().split(".")
        if not equals or not all(names):
            raise self.error_type(f"--set {override!r} is no key=value, like batch_size=8 or frame.min_runs=50.")
        value = self._parsed(text, f"--set {override}: {text!r} is no YAML value")
        for depth, name in enumerate(names[:-1], 1):
            inner = values.setdefault(name, {})
            if inner is None:
                inner = values[name] = {}
            if not isinstance(inner, dict):
                raise self.error_type(f"--set {override}: {'.'.join(names[:depth])} is a single value and has no keys.")
            values = inner
        values[names[-1]] = value

    def _parsed(self, text: str, complaint: str) -> Any:
        yaml = self._yaml()
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise self.error_type(f"{complaint}: {' '.join(str(error).split())}.") from error

    def _yaml(self) -> Any:
        with optional_import(f"{self.kind.capitalize()}s need", extra=self.extra, package="PyYAML"):
            return importlib.import_module("yaml")


def _sentence(item: Any, schema: type[BaseModel], kind: str) -> str:
    """One error of pydantic's as a sentence, with the keys that are known at that place."""
    place = [part for part in item["loc"] if isinstance(part, str)]
    key = ".".join(place) or f"the {kind}"
    if item["type"] == "extra_forbidden":
        return f"there is no key {key}. Known: {', '.join(_fields(place[:-1], schema))}"
    if item["type"] == "missing":
        return f"the key {key} is missing"
    return f"{key}: {item['msg'].removeprefix('Value error, ')}, not {item['input']!r}"


def _fields(place: Sequence[str], schema: type[BaseModel]) -> list[str]:
    """The keys of the section at a place, like `("frame",)`."""
    section = schema
    for name in place:
        annotation = section.model_fields[name].annotation
        section = next(kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type))
    return list(section.model_fields)
