"""Read the describer's tables: TOML files in ``assets``, parsed into frozen dataclasses and read-only mappings."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

ASSETS: Final = Path(__file__).with_name("assets")

T = TypeVar("T")


class TableError(ValueError):
    """A table lacks a key, or has an unknown key or a malformed value; the message names the file and the key."""


def read(file: str, kind: type[T]) -> T:
    """Return a file as a dataclass, whose fields are the file's keys; raise TableError."""
    parsed: T = _parsed(_content(file), kind, f"{file}:")
    return parsed


def read_all(file: str, kind: type[T]) -> Mapping[str, T]:
    """Return each table of a file as a dataclass, by name, in the file's order; raise TableError."""
    return MappingProxyType({name: _parsed(table, kind, f"{file}: {name}") for name, table in _content(file).items()})


def require(place: str, present: Iterable[str], wanted: Iterable[str]) -> None:
    """Raise TableError if a wanted key is missing at a place: ``themes.toml:`` or ``nouns.toml: lights``."""
    for name in sorted(set(wanted) - set(present)):
        raise TableError(f"{_inside(place, name)} is missing")


def _content(file: str) -> dict[str, Any]:
    try:
        return tomllib.loads((ASSETS / file).read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise TableError(f"{file}: {error}") from error


def _inside(place: str, name: str) -> str:
    return f"{place} {name}" if place.endswith(":") else f"{place}.{name}"


def _parsed(value: Any, kind: Any, place: str) -> Any:
    """Check that a value is of a kind, and return it with dataclasses, mappings and tuples for TOML's own types."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is float and type(value) is int:
        return float(value)
    expected: Any = dict if origin is Mapping or is_dataclass(kind) else list if origin is tuple else kind
    if type(value) is not expected:
        raise TableError(f"{place} has to be of type {expected.__name__}, not {type(value).__name__}")
    if origin is Mapping:
        return MappingProxyType({name: _parsed(each, inner[1], _inside(place, name)) for name, each in value.items()})
    if origin is tuple:
        kinds = inner[:1] * max(len(value), 1) if inner[-1] is ... else inner  # an empty list is a mistake
        if len(value) != len(kinds):
            raise TableError(f"{place} has {len(value)} values, not {len(kinds)}")
        return tuple(_parsed(each, one, place) for each, one in zip(value, kinds, strict=True))
    return _record(value, kind, place) if is_dataclass(kind) else value


def _record(table: Mapping[str, Any], kind: Any, place: str) -> Any:
    kinds = get_type_hints(kind)
    for name in sorted(table.keys() - kinds.keys()):
        raise TableError(f"{_inside(place, name)} is unknown")
    require(place, table, [field.name for field in fields(kind) if field.default is MISSING])
    return kind(**{name: _parsed(value, kinds[name], _inside(place, name)) for name, value in table.items()})
