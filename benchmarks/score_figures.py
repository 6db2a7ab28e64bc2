"""Measure a composition's score."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from pipeline.engines.composer.score import Note, Piece, Section

Figure = tuple[int, int, int, int]


def lead_notes(piece: Piece) -> list[Note]:
    """Return the lead's notes by start."""
    return sorted(next(part for part in piece.parts if part.role == "lead").notes, key=lambda note: note.start)


def melody_figures(piece: Piece) -> frozenset[Figure]:
    """Return all groups of four successive notes of the lead, as semitones above the tonic."""
    degrees = [(note.pitch - piece.key.tonic) % 12 for note in lead_notes(piece)]
    return frozenset(zip(degrees, degrees[1:], degrees[2:], degrees[3:], strict=False))


def shared(one: frozenset[Figure], other: frozenset[Figure]) -> float:
    """Return the share of all figures of two melodies that both have."""
    return len(one & other) / max(1, len(one | other))


def shared_of_fewer(one: frozenset[Figure], other: frozenset[Figure]) -> float:
    """Return the share that both have of the figures of the melody with fewer; it is the stricter measure."""
    return len(one & other) / max(1, min(len(one), len(other)))


def register(piece: Piece) -> float:
    """Return the lead's mean MIDI pitch, weighted by duration."""
    notes = lead_notes(piece)
    return float(np.average([note.pitch for note in notes], weights=[note.length for note in notes]))


def density(piece: Piece) -> float:
    """Return the notes a second of all parts."""
    return sum(len(part.notes) for part in piece.parts) / piece.seconds


def force(piece: Piece) -> float:
    """Return the mean velocity of all notes, 1 to 127."""
    return float(np.mean([note.velocity for part in piece.parts for note in part.notes]))


def theme_recurrence(piece: Piece) -> float:
    """Return the share of theme A that its returns keep, 0 to 1: same beat and same direction."""
    statements = [_moves(piece, section) for section in piece.sections if section.theme == "A"]
    first = statements[0]
    kept = [len(first & each) / max(1, len(first)) for each in statements[1:]]
    return float(np.mean(kept)) if kept else 1.0


def parallels(piece: Piece) -> float:
    """Return the share of chord changes where lead and bass move in parallel fifths or octaves."""
    bass = next((part.notes for part in piece.parts if part.role == "bass"), ())
    under = {note.start: note.pitch for note in bass}
    over = {round(4 * note.start) / 4: note.pitch for note in lead_notes(piece)}  # skip a grace note
    beats = sorted(span.start for span in piece.chords if span.start in under and span.start in over)
    met = [(over[beat], under[beat]) for beat in beats]
    pairs = [(one, other) for one, other in pairwise(met) if one[1] != other[1]]
    return _mean((a - b) % 12 in {0, 7} and (a - b) % 12 == (c - d) % 12 and a != c for (a, b), (c, d) in pairs)


def voice_movement(piece: Piece) -> float:
    """Return the mean semitones that a voice moves between chords."""
    part = next((part for part in piece.parts if part.role in {"pad", "chords"}), None)
    if part is None:
        return 0.0
    held = [sorted({note.pitch for note in part.notes if span.start <= note.start < span.end}) for span in piece.chords]
    moves = [min(abs(p - q) for q in old) for old, new in pairwise(held) if old for p in new]
    return float(np.mean(moves)) if moves else 0.0


def _moves(piece: Piece, section: Section) -> frozenset[tuple[float, int]]:
    """Return the beat of each note in a section's melody, and whether it is above, at or below the previous note."""
    start, end = section.bar * piece.beats, (section.bar + section.bars) * piece.beats
    notes = sorted(
        (n for part in piece.parts if part.role in {"lead", "counter"} for n in part.notes if start <= n.start < end),
        key=lambda note: note.start,
    )
    return (
        frozenset(
            (note.start - start, int(np.sign(note.pitch - before.pitch)))
            for before, note in zip([notes[0], *notes], notes, strict=False)
        )
        if notes
        else frozenset()
    )


def _mean(truths: Iterable[bool]) -> float:
    values = list(truths)
    return sum(values) / len(values) if values else 0.0
