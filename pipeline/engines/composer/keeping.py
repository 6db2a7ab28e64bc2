"""Again, but only this."""

from collections.abc import Sequence

from musicgenerator.briefs import Brief
from musicgenerator.track_requests import Kept
from pipeline.engines.composer.composing import compose
from pipeline.engines.composer.performing import Performance, perform
from pipeline.engines.composer.score import Piece


def composed(brief: Brief, seconds: float, seed: int, keep: Sequence[Kept]) -> Piece:
    """Return a piece."""
    del keep
    return compose(brief, seconds, seed)


def performed(brief: Brief, seconds: float, seed: int, keep: Sequence[Kept]) -> tuple[Piece, tuple[Performance, ...]]:
    """Return a piece and how it is played."""
    piece = composed(brief, seconds, seed, keep)
    return piece, perform(piece, seed)
