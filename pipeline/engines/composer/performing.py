"""Perform the score: swing, loose timing, strummed chords, uneven velocities. Time is in seconds from here on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from pipeline.engines.composer.genres import STYLES
from pipeline.engines.composer.score import LEAD_IN_SECONDS, Part, Piece, Touch
from pipeline.engines.composer.setting import seeded

_SUNG_ROLES: Final = frozenset({"lead", "counter"})
_THIRD_SOFTER: Final = 8
_TIGHT_ROLES: Final = frozenset({"drums", "bass"})


@dataclass(frozen=True, order=True)
class Event:
    """A note as played, in seconds from the start of the track."""

    on: float
    off: float
    pitch: int
    velocity: int


@dataclass(frozen=True)
class Movement:
    """A controller's new value, in seconds from the start of the track."""

    at: float
    number: int
    value: int


@dataclass(frozen=True)
class Performance:
    """A part as one player plays it."""

    part: Part
    events: tuple[Event, ...]
    movements: tuple[Movement, ...] = ()


def perform(piece: Piece, seed: int) -> tuple[Performance, ...]:
    """Perform a piece; the seed decides how much the timing and the velocity vary of notes without a touch."""
    return tuple(
        _play(piece, part if part.touches else touched(part, piece.genre, index, seed))
        for index, part in enumerate(piece.parts)
    )


def touched(part: Part, genre: str, index: int, seed: int) -> Part:
    """Return a part with the touches of a player; ``index`` is the part's in the piece."""
    rng = seeded(seed, "perform", index, part.role, part.instrument)
    loose = STYLES[genre].loose * (0.6 if part.role in _TIGHT_ROLES else 1.0)

    def touch() -> Touch:
        return Touch(max(-2 * loose, min(2 * loose, rng.gauss(0, loose))), round(rng.gauss(0, 4)))

    return replace(part, touches=tuple(touch() for _ in part.notes))


def _play(piece: Piece, part: Part) -> Performance:
    style = STYLES[piece.genre]
    events: list[Event] = []
    strummed = 0
    struck_at = -1.0
    for note, (delay, force) in zip(part.notes, part.touches, strict=True):
        strummed = strummed + 1 if note.start == struck_at else 0
        struck_at = note.start
        late = delay
        if part.role in {"chords", "arpeggio"}:
            final = note.start >= piece.final_beat
            late += strummed * (max(style.strum, 0.03) if final and style.loose > 0.005 else style.strum)
        lilts = style.lilt and part.role not in _SUNG_ROLES
        place = note.start % piece.beats
        early = style.lilt if lilts and place == 1 else 0.0
        on = max(0.0, LEAD_IN_SECONDS + piece.seconds_at(_swung(note.start, piece) - early) + late)
        off = LEAD_IN_SECONDS + piece.seconds_at(_swung(note.end, piece))
        softer = _THIRD_SOFTER if lilts and place == 2 else 0  # the third beat
        velocity = max(12, min(126, note.velocity - softer + force))
        events.append(Event(on, min(piece.seconds, max(off, on + 0.05)), note.pitch, velocity))
    movements = tuple(
        Movement(min(piece.seconds, LEAD_IN_SECONDS + piece.seconds_at(each.start)), each.number, each.value)
        for each in part.controls
    )
    return Performance(part, _released(sorted(events)), movements)


def _released(events: Sequence[Event]) -> tuple[Event, ...]:
    """End each note before the next one of its pitch: a synthesizer's note-off ends all notes of a pitch."""
    following: dict[int, float] = {}
    ended: list[Event] = []
    for event in reversed(events):
        ended.append(replace(event, off=min(event.off, following.get(event.pitch, event.off))))
        following[event.pitch] = event.on
    return tuple(reversed(ended))


def _swung(beat: float, piece: Piece) -> float:
    """Return when a beat is played: swing starts the second half of each swing unit later."""
    unit, swing = piece.swing_unit, piece.swing
    whole, within = divmod(beat, unit)
    place = within / unit
    bent = place * 2 * swing if place < 0.5 else swing + (place - 0.5) * 2 * (1 - swing)
    return (whole + bent) * unit
