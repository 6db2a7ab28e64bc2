"""A day's counters that everybody counts on, each in several documents.

One document takes about one write a second lastingly, which would be the rate of the whole installation.
"""

import random
from typing import Any, Final

from google.cloud import firestore

from musicgenerator.counting import shares

PARTS: Final = 10
_RPC_TIMEOUT_SECONDS: Final = 15.0


def part_with_room(client: firestore.Client, path: str, field: str, limit: int) -> Any | None:
    """Return the snapshot of a part of the counter at ``path`` that is below its share, or None where none is.

    The part may not exist yet. Counting on it must depend on its being unchanged.
    """
    parts = _parts(client, path)
    allowed = shares([count(part, field) for part in parts], limit)
    room = [part for part, share in zip(parts, allowed, strict=True) if count(part, field) < share]
    return random.choice(room) if room else None  # noqa: S311  spreads writers, no secret


def total(client: firestore.Client, path: str, field: str) -> int:
    """Return what all parts of a counter have counted."""
    return sum(count(part, field) for part in _parts(client, path))


def count(snapshot: Any, field: str) -> int:
    """Return what one document has counted, 0 where it is not there."""
    return int((snapshot.to_dict() or {}).get(field, 0))


def _parts(client: firestore.Client, path: str) -> list[Any]:
    # As of one moment, and in the same order for everybody.
    found = client.get_all(
        [client.document(f"{path}-{number}") for number in range(PARTS)], timeout=_RPC_TIMEOUT_SECONDS
    )
    return sorted(found, key=lambda part: str(part.id))
