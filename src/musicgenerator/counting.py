"""Split a limit across the shards of one counter, and keep a reserve of it."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class DailyPictures:
    """Everybody's pictures of a UTC day: ``limit``, of which the last ``reserve`` are kept for others.

    ``number`` is how many of them are counted: one for each take of a picture.
    """

    limit: int
    reserve: int = 0
    number: int = 1


def reserve_of(limit: int) -> int:
    """Return how many of a day's ``limit`` are for sessions that already have music: a tenth."""
    return limit // 10


def shares(counts: Sequence[int], limit: int) -> list[int]:
    """Return the share of each shard; together the shards reach ``limit`` and no more.

    A shard that is already over an equal share, because the limit was higher, keeps its count; the others split the
    remainder. The shares do not change while each shard stays within its share, so concurrent writers on different
    shards compute the same shares and need no coordination.
    """
    level = bisect_right(range(limit + 1), limit, key=lambda share: sum(max(count, share) for count in counts)) - 1
    spare = limit - sum(max(count, level) for count in counts)
    split = []
    for count in counts:
        extra = count <= level and spare > 0
        spare -= extra
        split.append(level + extra)
    return split
