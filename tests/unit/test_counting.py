"""The shares of a counter's shards, for any counts and any order of writers."""

import random

from hypothesis import given
from hypothesis import strategies as st

from musicgenerator.counting import shares

COUNTS = st.lists(st.integers(0, 30), min_size=1, max_size=12)


@given(COUNTS, st.integers(0, 200), st.integers(0, 3))
def test_all_together_reach_the_limit_and_no_more(counts: list[int], limit: int, seed: int) -> None:
    """Even if some shards are over their share, and each writer read the counter some time ago."""
    chance, known, most = random.Random(seed), list(counts), max(limit, sum(counts))
    for _ in range(5 * limit + 50):
        if chance.random() < 0.3:
            known = list(counts)
        part = chance.randrange(len(counts))
        # The write that counts has the update time of its own shard as a precondition, and of no other.
        if known[part] == counts[part] < shares(known, limit)[part]:
            counts[part] += 1
    assert sum(counts) <= most
    while room := [part for part, share in enumerate(shares(counts, limit)) if counts[part] < share]:
        counts[chance.choice(room)] += 1
    assert sum(counts) == most


@given(COUNTS, st.integers(0, 200))
def test_shares_stay_the_same_while_shards_count_within_them(counts: list[int], limit: int) -> None:
    """Writers that read at different moments compute the same shares."""
    while room := [part for part, share in enumerate(shares(counts, limit)) if counts[part] < share]:
        before = shares(counts, limit)
        counts[room[-1]] += 1
        after = shares(counts, limit)
        assert [max(now, count) for now, count in zip(after, counts, strict=True)] == [
            max(was, count) for was, count in zip(before, counts, strict=True)
        ]


def test_a_limit_smaller_than_the_parts_is_kept() -> None:
    """Three of five shards may count once."""
    assert shares([0] * 5, 3) == [1, 1, 1, 0, 0]
    assert shares([0] * 5, 0) == [0] * 5


def test_a_limit_that_was_lowered_leaves_no_room() -> None:
    """If the shards together have counted more than the new limit, none may count."""
    assert all(share <= count for count, share in zip([9, 0, 4], shares([9, 0, 4], 10), strict=True))
