"""Read the pattern notation of ``styles``, and choose a pattern by its number of notes."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple


class Hit(NamedTuple):
    """A note or stroke of a pattern: its beat within the bar, its length in beats, its symbol."""

    beat: float
    length: float
    symbol: str


def hits(pattern: str, beats: int) -> Iterator[Hit]:
    """Yield the hits of a pattern of one bar; raise ValueError if its steps do not divide evenly into the beats."""
    steps = len(pattern)
    if steps % beats:
        msg = f"{pattern!r} does not divide {beats} beats"
        raise ValueError(msg)
    starts = [step for step, symbol in enumerate(pattern) if symbol != "."]
    for step, end in zip(starts, [*starts[1:], steps], strict=True):
        if pattern[step] != "_":
            yield Hit(step * beats / steps, (end - step) * beats / steps, pattern[step])


def busyness(pattern: str) -> int:
    """Return the number of hits in a pattern."""
    return sum(symbol not in "._" for symbol in pattern)


def nearest(patterns: Sequence[str], wished: float, rng: Random, spread: float = 0.0) -> str:
    """Return the pattern whose number of hits is nearest to ``wished``; each distance grows by up to ``spread``."""
    return min(patterns, key=lambda pattern: abs(busyness(pattern) - wished) + spread * rng.random())


def ranked(patterns: Sequence[str], wished: float, rng: Random, spread: float = 0.0) -> list[str]:
    """Return the patterns in the order of ``nearest``."""
    distance = {pattern: abs(busyness(pattern) - wished) + spread * rng.random() for pattern in patterns}
    return sorted(distance, key=lambda pattern: distance[pattern])


def stretched(pattern: str, steps: int) -> str:
    """Return the same pattern in more steps, a multiple of its own."""
    return "".join(symbol + ("_" if symbol == "_" else ".") * (steps // len(pattern) - 1) for symbol in pattern)
