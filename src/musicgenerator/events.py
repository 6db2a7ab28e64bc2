"""CloudEvents, parsed into frozen values."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from musicgenerator.errors import MalformedEventError
from musicgenerator.plain_text import is_unicode

MESSAGE_PUBLISHED: Final = "google.cloud.pubsub.topic.v1.messagePublished"

_INT64: Final = re.compile(r"[0-9]{1,19}")
_LARGEST: Final = 2**63 - 1


@dataclass(frozen=True)
class ObjectFinalized:
    """A finished upload, identified by bucket, name and generation.

    ``size`` is in bytes, as stored; ``crc32c`` is the checksum of the stored bytes in Base64, empty if it is unknown.
    """

    bucket: str
    name: str
    generation: int
    size: int
    content_type: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    crc32c: str = ""

    @classmethod
    def from_data(cls, data: object) -> Self:
        """Read StorageObjectData, whose 64-bit numbers are strings; raise MalformedEventError for an invalid field."""
        if not isinstance(data, dict):
            raise MalformedEventError("storage event: the body is not a JSON object")
        metadata = data.get("metadata") or {}
        if not isinstance(metadata, dict):
            raise MalformedEventError("storage event: metadata is not an object")
        return cls(
            bucket=_text(data, "bucket"),
            name=_text(data, "name"),
            generation=_whole_number(data, "generation"),
            size=_whole_number(data, "size"),
            content_type=str(data.get("contentType") or ""),
            metadata={str(name): str(value) for name, value in metadata.items()},
            crc32c=str(data.get("crc32c") or ""),
        )


def message_data(data: object) -> bytes:
    """Return the data of the Pub/Sub message in a CloudEvent; raise MalformedEventError if there is none."""
    message = data.get("message") if isinstance(data, dict) else None
    encoded = message.get("data") if isinstance(message, dict) else None
    if not isinstance(encoded, str):
        raise MalformedEventError("Pub/Sub event: no message with data in it")
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise MalformedEventError(f"Pub/Sub event: the data is not base64: {error}") from error


def _text(data: dict[str, Any], field: str) -> str:
    value = data.get(field)
    if not isinstance(value, str) or not value or not is_unicode(value):
        raise MalformedEventError(f"storage event: {field} is {value!r}")
    return value


def _whole_number(data: dict[str, Any], field: str) -> int:
    value = data.get(field)
    if isinstance(value, bool) or not isinstance(value, str | int) or not _INT64.fullmatch(str(value)):
        raise MalformedEventError(f"storage event: {field} is {value!r}")
    if int(value) > _LARGEST:
        raise MalformedEventError(f"storage event: {field} is more than 64 bits hold")
    return int(value)
