"""A limit that is shared out among the parts of one counter."""

from bisect import bisect_right
from collections.abc import Sequence


def shares(counts: Sequence[int], limit: int) -> list[int]:
    """Return up to what each part may count, so that all together reach ``limit`` and no more.

    Parts that have counted more than an equal share, under a higher limit, leave the others less. What comes out stays
    the same while parts count within it: so whoever looks later, or earlier, shares out alike, and two who count on
    different parts at once need not know of each other.
    """
    level = bisect_right(range(limit + 1), limit, key=lambda share: sum(max(count, share) for count in counts)) - 1
    spare = limit - sum(max(count, level) for count in counts)
    found = []
    for count in counts:
        more = count <= level and spare > 0
        spare -= more
        found.append(level + more)
    return found
