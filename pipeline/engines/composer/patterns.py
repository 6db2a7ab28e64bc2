"""Reading the pattern notation of ``styles``, and choosing the pattern that is as busy as wished."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple


class Hit(NamedTuple):
    """What a pattern begins: its beat within the bar, its length in beats, its letter."""

    beat: float
    length: float
    symbol: str


def hits(pattern: str, beats: int) -> Iterator[Hit]:
    """Read one bar of a pattern; raise ValueError when it does not divide the bar's beats evenly."""
    steps = len(pattern)
    if steps % beats:
        msg = f"{pattern!r} does not divide {beats} beats"
        raise ValueError(msg)
    starts = [step for step, symbol in enumerate(pattern) if symbol != "."]
    for step, end in zip(starts, [*starts[1:], steps], strict=True):
        if pattern[step] != "_":
            yield Hit(step * beats / steps, (end - step) * beats / steps, pattern[step])


def busyness(pattern: str) -> int:
    """Count what a pattern begins."""
    return sum(symbol not in "._" for symbol in pattern)


def nearest(patterns: Sequence[str], wished: float, rng: Random, spread: float = 0.0) -> str:
    """Return the pattern whose busyness is nearest to the wished, with some chance for its neighbours."""
    return min(patterns, key=lambda pattern: abs(busyness(pattern) - wished) + spread * rng.random())
