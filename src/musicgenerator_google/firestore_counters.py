"""A day's counters, each split across several documents: its shards.

One Firestore document sustains about one write a second, which would limit the whole installation.
"""

import math
import random
from dataclasses import dataclass
from typing import Any, Final

from google.cloud import firestore

from musicgenerator import logs
from musicgenerator.counting import shares

SHARDS: Final = 10
MAX_SHARDS: Final = 100
# What one document counts in a day: 0.5 a second, which leaves room for the day's peak.
_A_SHARD: Final = 40_000
_RPC_TIMEOUT_SECONDS: Final = 15.0


@dataclass(frozen=True)
class Room:
    """A shard that has room, None if all shares are used, and the sum of all shards."""

    shard: Any | None
    used: int


def find_room(client: firestore.Client, path: str, field: str, limit: int) -> Room:
    """Look for a shard of the counter at ``path`` that is below its share of ``limit``.

    The shard may not exist yet. Use the snapshot's update time as the precondition of the write that counts.
    """
    shards = _shards(client, path, shards_of(limit))
    counts = [count(shard, field) for shard in shards]
    free = [shard for shard, used, share in zip(shards, counts, shares(counts, limit), strict=True) if used < share]
    return Room(random.choice(free) if free else None, sum(counts))  # noqa: S311  spreads writers, no secret


def warn_at_half(field: str, used: int, limit: int) -> None:
    """Log that half of everybody's limit is used, which an alert policy counts."""
    # Each count from half on logs it: two writers at once may both pass the middle without seeing it.
    if limit > 0 and used * 2 >= limit:
        logs.warning("half of the day's limit is used", counter=field, used=used, limit=limit)


def count_on(client: firestore.Client, batch: Any, snapshot: Any, values: dict[str, int], expires_at: Any) -> None:
    """Write new values of a counter's document in a batch, on the condition that it has not changed since it was read.

    ``expires_at`` is for a document that does not exist yet.
    """
    if snapshot.exists:
        batch.update(snapshot.reference, values, option=client.write_option(last_update_time=snapshot.update_time))
    else:
        batch.create(snapshot.reference, values | {"expiresAt": expires_at})


def total(client: firestore.Client, path: str, field: str) -> int:
    """Return the sum of a counter's shards."""
    return sum(count(shard, field) for shard in _shards(client, path, MAX_SHARDS))


def shards_of(limit: int) -> int:
    """Return the number of shards of a day's counter with this limit."""
    return min(MAX_SHARDS, max(SHARDS, math.ceil(limit / _A_SHARD)))


def count(snapshot: Any, field: str) -> int:
    """Return the count of one shard, 0 if it does not exist."""
    return int((snapshot.to_dict() or {}).get(field, 0))


def _shards(client: firestore.Client, path: str, number: int) -> list[Any]:
    # Read at one moment, and sorted so that every reader computes the same shares.
    found = client.get_all([client.document(f"{path}-{each}") for each in range(number)], timeout=_RPC_TIMEOUT_SECONDS)
    return sorted(found, key=lambda shard: str(shard.id))
