"""Render each part of a piece alone, with its share of the reverb; together they are the mix before the master."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from musicgenerator.briefs import Brief
from musicgenerator.track_requests import Kept
from pipeline.audio import Audio
from pipeline.engines.composer.composing import compose
from pipeline.engines.composer.performing import perform
from pipeline.engines.composer.rendering import render


@dataclass(frozen=True)
class Stem:
    """One part; ``name`` says what it plays, such as ``lead (piano)``."""

    name: str
    audio: Audio


def stems(
    brief: Brief, seconds: float, seed: int, keep: Sequence[Kept] = (), font: Path | None = None
) -> Iterator[Stem]:
    """Yield the parts of the piece that the composer makes of these arguments, one at a time."""
    assert not keep
    piece = compose(brief, seconds, seed)
    for performance in perform(piece, seed):
        part = performance.part
        yield Stem(f"{part.role} ({part.instrument})", render([performance], piece, seconds, brief, font))
