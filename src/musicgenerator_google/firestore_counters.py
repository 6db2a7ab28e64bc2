"""A day's counters, each split across several documents: its shards.

One Firestore document sustains about one write a second, which would limit the whole installation.
"""

import random
from typing import Any, Final

from google.cloud import firestore

from musicgenerator.counting import shares

SHARDS: Final = 10
_RPC_TIMEOUT_SECONDS: Final = 15.0


def shard_with_room(client: firestore.Client, path: str, field: str, limit: int) -> Any | None:
    """Return a shard of the counter at ``path`` that is below its share of ``limit``, or None if all shares are used.

    The shard may not exist yet. Use the snapshot's update time as the precondition of the write that counts.
    """
    shards = _shards(client, path)
    allowed = shares([count(shard, field) for shard in shards], limit)
    room = [shard for shard, share in zip(shards, allowed, strict=True) if count(shard, field) < share]
    return random.choice(room) if room else None  # noqa: S311  spreads writers, no secret


def total(client: firestore.Client, path: str, field: str) -> int:
    """Return the sum of a counter's shards."""
    return sum(count(shard, field) for shard in _shards(client, path))


def count(snapshot: Any, field: str) -> int:
    """Return the count of one shard, 0 if it does not exist."""
    return int((snapshot.to_dict() or {}).get(field, 0))


def _shards(client: firestore.Client, path: str) -> list[Any]:
    # Read at one moment, and sorted so that every reader computes the same shares.
    found = client.get_all(
        [client.document(f"{path}-{number}") for number in range(SHARDS)], timeout=_RPC_TIMEOUT_SECONDS
    )
    return sorted(found, key=lambda shard: str(shard.id))
