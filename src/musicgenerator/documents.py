"""Field names: snake_case in Python, camelCase in documents and in JSON."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any


def to_mapping(value: Any) -> dict[str, Any]:
    """Return a dataclass's fields as a document has them: names in camelCase, lists instead of tuples."""
    values = {_camel_case(each.name): getattr(value, each.name) for each in fields(value)}
    return {name: list(item) if isinstance(item, tuple) else item for name, item in values.items()}


def arguments(kind: type[Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the constructor arguments of a dataclass from a document.

    Raises KeyError if a value is missing and its field has no default.
    """
    names = {each.name: _camel_case(each.name) for each in fields(kind) if each.default is MISSING}
    optional = {each.name: _camel_case(each.name) for each in fields(kind) if _camel_case(each.name) in document}
    return {field: document[name] for field, name in (names | optional).items()}


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.title() for word in others)
