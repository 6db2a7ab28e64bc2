"""What the figures of a score are computed from: the notes of each part in beats, and where the bars start."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Self

from pipeline.engines.composer.score import Note, Part, Piece

Event = tuple[float, float, int]  # on and off in seconds, and the MIDI pitch
_MELODIC = ("lead", "counter")
_VELOCITY = 80
_TOGETHER = 1e-6  # beats


@dataclass(frozen=True)
class Playing:
    """The notes that are heard.

    ``bars`` holds the beat of each bar line, the end of the last bar included. ``phrases`` holds the first beat of each
    phrase and the beat after it. The final chord is in neither.
    """

    parts: tuple[Part, ...]
    bars: tuple[float, ...]
    phrases: tuple[tuple[float, float], ...]
    seconds_at: Callable[[float], float]

    @classmethod
    def of(cls, piece: Piece) -> Self:
        """Return what a piece plays, up to its final chord."""
        body = [section for section in piece.sections if section.theme != "end"]
        bars = range(piece.sections[-1].bar + 1)
        return cls(
            parts=piece.parts,
            bars=tuple(float(bar * piece.beats) for bar in bars),
            phrases=tuple(
                (float(section.bar * piece.beats), float((section.bar + section.bars) * piece.beats))
                for section in body
            ),
            seconds_at=piece.seconds_at,
        )

    @classmethod
    def of_events(cls, events: Mapping[str, Sequence[Event]], tempo: float, beats: float) -> Self:
        """Return what the events of each role play, at one tempo; a phrase is four bars of ``beats`` beats."""
        parts = tuple(
            Part(role, role, tuple(_note(event, tempo) for event in sorted(played))) for role, played in events.items()
        )
        last = max((note.end for part in parts for note in part.notes), default=0.0)
        bars = tuple(beats * bar for bar in range(ceil(last / beats - 1e-6) + 1))
        phrases = tuple((first, min(first + 4 * beats, bars[-1])) for first in bars[:-1:4])
        return cls(parts, bars, phrases, lambda beat: beat * 60 / tempo)

    def melody(self) -> list[Note]:
        """Return the line that is sung: in each phrase the lead's notes, or the counter's if the lead has none.

        Of notes that start together, the line has the highest.
        """
        played = {role: [note for part in self.parts if part.role == role for note in part.notes] for role in _MELODIC}
        line: list[Note] = []
        for first, end in self.phrases:
            within = [[note for note in played[role] if first <= note.start < end] for role in _MELODIC]
            line += within[0] or within[1]
        return _highest(line)


def _note(event: Event, tempo: float) -> Note:
    on, off, pitch = event
    return Note(on * tempo / 60, (off - on) * tempo / 60, pitch, _VELOCITY)


def _highest(notes: Sequence[Note]) -> list[Note]:
    line: list[Note] = []
    for note in sorted(notes, key=lambda each: (each.start, -each.pitch)):
        if not line or note.start - line[-1].start > _TOGETHER:
            line.append(note)
    return line
