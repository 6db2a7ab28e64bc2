"""Encode JSON-like values as CBOR (RFC 8949), with the shortest form of each length."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _LIST, _MAP, _TAG = range(7)
_IN_FIRST_BYTE: Final = 24
_SIMPLE: Final = {False: b"\xf4", True: b"\xf5", None: b"\xf6"}


@dataclass(frozen=True)
class Tagged:
    """A value with a CBOR tag."""

    tag: int
    value: Any


def encoded(value: Any) -> bytes:
    """Return a value as CBOR; maps keep their order. Raise TypeError for a type that no manifest has."""
    match value:
        case bool() | None:
            return _SIMPLE[value]
        case int():
            return _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value)
        case bytes() | str():
            text = value if isinstance(value, bytes) else value.encode()
            return _head(_BYTES if isinstance(value, bytes) else _TEXT, len(text)) + text
        case Tagged():
            return _head(_TAG, value.tag) + encoded(value.value)
        case Mapping():
            return _head(_MAP, len(value)) + b"".join(encoded(item) for pair in value.items() for item in pair)
        case Sequence():
            return _head(_LIST, len(value)) + b"".join(map(encoded, value))
    raise TypeError(f"no CBOR for {type(value).__name__}")


def _head(kind: int, number: int) -> bytes:
    if number < _IN_FIRST_BYTE:
        return bytes([kind << 5 | number])
    for power in range(4):
        if number < 1 << (8 << power):
            return bytes([kind << 5 | _IN_FIRST_BYTE + power]) + number.to_bytes(1 << power)
    raise ValueError("a number of CBOR has at most 64 bits")
