"""Figures of the arrangement: who plays when, how busily, and how the rhythm section varies."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from benchmarks.figures.playing import Playing
from pipeline.engines.composer.score import Note

_WINDOW: Final = 4  # bars
_DRUM_WINDOW: Final = 16  # bars
_GRID: Final = 12  # places in a beat at which two strokes are the same
_TOGETHER_BEATS: Final = 0.1
_KICKS: Final = frozenset({35, 36})


def parts_range(playing: Playing) -> float:
    """Return the parts that play at once, averaged over four bars: the most minus the fewest.

    A part plays in a bar if one of its notes sounds there.
    """
    counts = [
        sum(any(note.start < end - 1e-6 and note.end > start + 1e-6 for note in part.notes) for part in playing.parts)
        for start, end in pairwise(playing.bars)
    ]
    means = _windowed(counts, _WINDOW)
    return max(means) - min(means) if means else 0.0


def density_ratio(playing: Playing) -> float:
    """Return the 90th percentile over the 10th of the notes that start in four bars, all parts together."""
    starts = np.array([note.start for part in playing.parts for note in part.notes])
    counts = [int(((starts >= first - 1e-6) & (starts < end - 1e-6)).sum()) for first, end in pairwise(playing.bars)]
    means = _windowed(counts, _WINDOW)
    low, high = np.percentile(means, [10, 90]) if means else (1.0, 1.0)
    return float(high / max(low, 0.5))


def drum_bars(playing: Playing) -> float:
    """Return the different bars that the drums play, scaled to 16 bars; NaN without drums.

    A bar is the set of its strokes: their place in twelfths of a beat and their key.
    """
    drums = _played(playing, "drums")
    if not drums:
        return float("nan")
    bars = [
        frozenset((round((note.start - first) * _GRID), note.pitch) for note in drums if first <= note.start < end)
        for first, end in pairwise(playing.bars)
    ]
    played = [bar for bar in bars if bar]
    return len(set(played)) / len(played) * _DRUM_WINDOW


def kick_with_bass(playing: Playing) -> float:
    """Return the share of the kicks (keys 35 and 36) with which a bass note starts; NaN without one of the two."""
    kicks = sorted({note.start for note in _played(playing, "drums") if note.pitch in _KICKS})
    basses = np.array([note.start for note in _played(playing, "bass")])
    if not kicks or not basses.size:
        return float("nan")
    return float(np.mean([np.abs(basses - kick).min() <= _TOGETHER_BEATS for kick in kicks]))


def _played(playing: Playing, role: str) -> list[Note]:
    return [note for part in playing.parts if part.role == role for note in part.notes if note.start < playing.bars[-1]]


def _windowed(values: Sequence[int], window: int) -> list[float]:
    """Return the means of successive windows; a last window of less than half is left out."""
    starts = range(0, len(values) - window // 2 + 1, window)
    return [float(np.mean(values[at : at + window])) for at in starts]
