"""Find the best melody through notes that have no pitch yet, by a beam search for the lowest cost.

Lines move by step; a leap is followed by a step back; melody and bass avoid parallel fifths and octaves. Every piece
likes some figures of three notes better than the others, so that two pieces differ.
"""

from collections.abc import Sequence
from itertools import product
from random import Random
from typing import Final, NamedTuple

from pipeline.engines.composer.theory import SCALES, Key

_BEAMS: Final = 24
_PERFECT: Final = frozenset({0, 7})
# The cost of a move by so many semitones; a cost of 1 is about two semitones away from the contour.
_MOVES: Final = (0.9, 0.0, 0.0, 0.7, 1.5, 1.9, 4.0, 2.0, 3.0, 3.0, 5.0, 5.0, 2.6)
_PENTATONIC_MOVES: Final = (0.8, 0.0, 0.0, 0.0, 0.8, 0.7, 4.0, 1.2, 2.0, 2.0, 4.0, 5.0, 2.6)
# What the tonic and the third are worth, which tell the key, and the other tones, in semitones above the tonic.
_HOME: Final = 1.6
_STRESS: Final = {7: -0.3, 2: -0.5, 11: -0.7, 5: -0.2}
_TOO_FAR: Final = 9.0
# The cost of a figure that the piece does not like, and the share of those.
_TASTE: Final = (3.2, 0.7)
_WORN: Final = 1.5  # the same of a figure with the tonic twice, which any tune has


class Slot(NamedTuple):
    """A note without a pitch yet: its time, the pitch it should be near, and the pitches it may have."""

    beat: float
    length: float
    target: int
    rise: int  # whether the contour rises (1), falls (-1) or stays
    pool: tuple[int, ...]
    chord: frozenset[int]  # pitch classes of the chord that are good on a strong beat
    scale: frozenset[int]  # pitch classes; any other tone must resolve by a semitone
    again: frozenset[int]  # pitch classes that also fit where this bar is repeated
    bass: int | None  # the pitch class of the bass, if the chord changes on this note
    strong: bool
    grace: bool
    velocity: int


class Meeting(NamedTuple):
    """The pitch of the melody and the pitch class of the bass at a change of chord."""

    pitch: int
    bass: int

    def is_parallel(self, other: "Meeting") -> bool:
        """Whether melody and bass move from here to ``other`` in fifths or octaves."""
        interval = (self.pitch - self.bass) % 12
        moves = self.pitch != other.pitch and self.bass != other.bass
        return moves and interval in _PERFECT and interval == (other.pitch - other.bass) % 12


class Line(NamedTuple):
    """A melody up to some note.

    ``last`` holds its last two pitches, ``path`` all of them as a linked list; ``perfect`` is its last meeting with the
    bass.
    """

    cost: float
    last: tuple[int, ...]
    path: "tuple[object, int] | None"
    perfect: Meeting | None

    @property
    def pitches(self) -> list[int]:
        """Return all pitches."""
        pitches: list[int] = []
        path = self.path
        while path is not None:
            path, pitch = path  # type: ignore[assignment]  # a linked list has no type of its own here
            pitches.append(pitch)
        return pitches[::-1]


class Finder:
    """Finds lines; ``rng`` decides the figures that it likes."""

    def __init__(self, rng: Random, *, pentatonic: bool) -> None:
        cost, share = _TASTE
        figures = product(range(12), repeat=3)
        self._tastes = [cost * (rng.random() < share) + _WORN * (figure.count(0) > 1) for figure in figures]
        self._moves = _PENTATONIC_MOVES if pentatonic else _MOVES

    def best(
        self,
        slots: Sequence[Slot],
        key: Key,
        before_all: Line,
        goal: Meeting | None,
        close: int | None,
    ) -> Line:
        """Return the best line through some notes, as a continuation of the line ``before_all``.

        ``goal`` is what follows, if that is known; ``close`` is the pitch class on which the line should end.
        """
        preferred = _STRESS | {0: _HOME, SCALES[key.mode][2]: _HOME}
        lines = [before_all._replace(cost=0.0, path=None)]
        before: Slot | None = None
        for number, slot in enumerate(slots):
            found: dict[tuple[int, ...], Line] = {}
            final = number == len(slots) - 1
            weight = (1.0 if slot.strong else 0.6) * max(0.5, min(1.5, slot.length))
            for line in lines:
                for pitch in slot.pool:
                    cost = line.cost + _cost(slot, before, line, pitch, self._moves)
                    if len(line.last) > 1:
                        first, second, third = ((each - key.tonic) % 12 for each in (*line.last, pitch))
                        cost += self._tastes[144 * first + 12 * second + third]
                    cost -= preferred.get((pitch - key.tonic) % 12, 0.0) * weight
                    if final and goal is not None:
                        cost += _interval_cost(abs(goal.pitch - pitch), self._moves)
                        meeting = line.perfect if slot.bass is None else Meeting(pitch, slot.bass)
                        cost += 8.0 * (meeting is not None and meeting.is_parallel(goal))
                    if final and close is not None:
                        cost += 3.0 * (pitch % 12 != close)
                    ending = (*line.last, pitch)[-2:]
                    if ending not in found or cost < found[ending].cost:
                        meeting = line.perfect if slot.bass is None else Meeting(pitch, slot.bass)
                        found[ending] = Line(cost, ending, (line.path, pitch), meeting)
            lines = sorted(found.values(), key=lambda line: (line.cost, line.last))[:_BEAMS]
            before = slot
        return lines[0]


def _cost(slot: Slot, before: Slot | None, line: Line, pitch: int, moves: Sequence[float]) -> float:
    """Return the cost of continuing a line with this pitch."""
    cost = 0.45 * abs(pitch - slot.target) + 1.5 * (pitch % 12 not in slot.scale) + 2.2 * (pitch % 12 not in slot.again)
    if line.last:
        move = pitch - line.last[-1]
        cost += _interval_cost(abs(move), moves)
        cost += 0.8 * ((move > 0) - (move < 0) != slot.rise)
        passing = pitch % 12 not in slot.chord
        cost += 2.0 * (passing and abs(move) > 2)
        if len(line.last) > 1:
            prior = line.last[-1] - line.last[-2]
            cost += 1.5 * (abs(prior) > 4 and (prior * move > 0 or abs(move) > 2)) + 1.0 * (move == 0 and prior == 0)
        if before is not None:
            cost += 8 * (before.grace and not 1 <= -move <= 4)
            cost += 8 * (line.last[-1] % 12 not in before.scale and abs(move) != 1)
            cost += 2.0 * (line.last[-1] % 12 not in before.chord and abs(move) > 2)
    if slot.bass is not None and line.perfect is not None:
        cost += 8.0 * line.perfect.is_parallel(Meeting(pitch, slot.bass))
    return cost


def _interval_cost(semitones: int, moves: Sequence[float]) -> float:
    return moves[semitones] if semitones < len(moves) else _TOO_FAR
