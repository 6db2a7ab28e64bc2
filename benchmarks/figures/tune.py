"""Figures of the melody: how much of it returns, how it moves, and whether it breathes."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from benchmarks.figures.playing import Playing
from pipeline.engines.composer.score import Note, Piece, Section

_GROUP: Final = 5
_REST_BEATS: Final = 0.25
_STEP: Final = (1, 2)
_FOURTH_TO_FIFTH: Final = (5, 7)
_LEAP: Final = (5, 127)
_Placed = tuple[float, int]  # beats from the start of the phrase, and the pitch


def heard_again(playing: Playing, seconds: float) -> float:
    """Return the share of the five-note figures of the first ``seconds`` that were heard before, 0 to 1.

    A figure is five successive notes of the melody, as the four intervals between them in semitones.
    """
    line = [note for note in playing.melody() if playing.seconds_at(note.start) < seconds]
    moves = _moves(line)
    figures = [tuple(moves[at : at + _GROUP - 1]) for at in range(len(moves) - _GROUP + 2)]
    return 1 - len(set(figures)) / len(figures) if figures else 0.0


def steps(playing: Playing) -> float:
    """Return the share of the melody's moves that are a semitone or two; repeated notes count as moves."""
    return _share(playing, _STEP)


def fourths_to_fifths(playing: Playing) -> float:
    """Return the share of the melody's moves that are 5, 6 or 7 semitones."""
    return _share(playing, _FOURTH_TO_FIFTH)


def leaps(playing: Playing) -> float:
    """Return the share of the melody's moves that are 5 semitones or more."""
    return _share(playing, _LEAP)


def silence(playing: Playing) -> float:
    """Return the share of the time from the melody's first note to its last in rests of a quarter of a beat or more."""
    line = playing.melody()
    if not line:
        return 1.0
    rest, released = 0.0, line[0].start
    for note in line:
        gap = note.start - released
        rest += gap if gap >= _REST_BEATS - 1e-6 else 0.0
        released = max(released, note.end)
    return rest / max(released - line[0].start, 1e-6)


def theme_returns(piece: Piece) -> tuple[float, float]:
    """Return how much of theme A its returns keep, 0 to 1: the same notes, and the same rhythm; NaN if none returns.

    Notes are the same if their place in the phrase and their pitch are. A return keeps the notes that both phrases
    have, as a share of all notes that either has. The rhythm is compared without pitches.
    """
    sections = [section for section in piece.sections if section.theme == "A"]
    if not sections[1:]:
        return float("nan"), float("nan")
    statements = _statements(piece, sections)
    notes = [_kept(statements[0], each) for each in statements[1:]]
    first, *others = [[(place, 0) for place, _ in statement] for statement in statements]
    rhythms = [_kept(first, each) for each in others]
    return float(np.mean(notes)), float(np.mean(rhythms))


def _statements(piece: Piece, sections: Sequence[Section]) -> list[list[_Placed]]:
    """Return the melody of each section, of all sections as many bars as the shortest has."""
    melody = Playing.of(piece).melody()
    length = min(section.bars for section in sections) * piece.beats
    starts = [section.bar * piece.beats for section in sections]
    return [
        [(round(note.start - first, 3), note.pitch) for note in melody if first <= note.start < first + length]
        for first in starts
    ]


def _kept(first: Sequence[_Placed], other: Sequence[_Placed]) -> float:
    return len(set(first) & set(other)) / max(1, len(set(first) | set(other)))


def _share(playing: Playing, between: tuple[int, int]) -> float:
    moves = _moves(playing.melody())
    lowest, highest = between
    return sum(lowest <= abs(move) <= highest for move in moves) / len(moves) if moves else 0.0


def _moves(line: Sequence[Note]) -> list[int]:
    return [after.pitch - before.pitch for before, after in pairwise(line)]
