"""A day's counters, each split across several documents: its shards.

One Firestore document sustains about one write a second, which would limit the whole installation.
"""

import math
import random
from collections import Counter
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
    """The shard of each place that was asked for, and the sums of what all shards have used and have left.

    A shard can have several of the places. ``shards`` is empty if fewer places are left.
    """

    shards: tuple[Any, ...]
    used: int
    left: int


def find_room(client: firestore.Client, path: str, field: str, limit: int, number: int = 1) -> Room:
    """Look for ``number`` places in shards of the counter at ``path`` that are below their shares of ``limit``.

    A shard may not exist yet. Use the snapshot's update time as the precondition of the write that counts.
    """
    shards = _shards(client, path, shards_of(limit))
    counts = [count(shard, field) for shard in shards]
    places = [max(0, share - used) for used, share in zip(counts, shares(counts, limit), strict=True)]
    left, chosen = sum(places), []
    for _ in range(number if left >= number else 0):
        free = [index for index, room in enumerate(places) if room]
        index = random.choice(free)  # noqa: S311  spreads writers, no secret
        places[index] -= 1
        chosen.append(shards[index])
    return Room(tuple(chosen), sum(counts), left)


def count_in(client: firestore.Client, batch: Any, room: Room, field: str, expires_at: Any) -> tuple[str, ...]:
    """Count the places of a room in a batch, and return the id of each place's document."""
    ids = tuple(str(shard.id) for shard in room.shards)
    for shard in {str(shard.id): shard for shard in room.shards}.values():
        value = count(shard, field) + Counter(ids)[str(shard.id)]
        count_on(client, batch, shard, {field: value}, expires_at)
    return ids


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
