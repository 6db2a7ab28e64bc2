"""The composition as data: every note, chord and section, before anything is performed or rendered.

Time is counted in beats from the first downbeat, pitch in MIDI note numbers, velocity from 1 to 127.
"""

from dataclasses import dataclass, replace
from math import inf
from typing import Any, Final, NamedTuple

from pipeline.engines.composer.theory import Chord, Key

VIBRATO: Final = 1
EXPRESSION: Final = 11
LEAD_IN_SECONDS: Final = 0.08  # from the start of the track to the first downbeat


@dataclass(frozen=True)
class Note:
    """One note as written: without swing, exactly in time."""

    start: float
    length: float
    pitch: int
    velocity: int

    @property
    def end(self) -> float:
        """Return the beat at which the note is released."""
        return self.start + self.length


@dataclass(frozen=True)
class Control:
    """A value of a MIDI controller from a beat on, 0 to 127: VIBRATO (0 is none) or EXPRESSION (127 is full)."""

    start: float
    number: int
    value: int


class Touch(NamedTuple):
    """How the playing of a note differs from what is written: its delay in seconds, and what its velocity gains."""

    delay: float
    force: int


@dataclass(frozen=True)
class Part:
    """What one instrument plays in one role: lead, counter, chords, arpeggio, pad, bass or drums.

    The dynamics of the piece are in the velocities and, for held sounds, in the controls. ``touches`` has one for each
    note, or is empty if nobody has played the part yet.
    """

    role: str
    instrument: str
    notes: tuple[Note, ...]
    controls: tuple[Control, ...] = ()
    touches: tuple[Touch, ...] = ()

    def before(self, beat: float) -> "Part":
        """Return the part up to a beat; its last notes may sound longer."""
        notes = tuple(note for note in self.notes if note.start < beat)
        controls = tuple(each for each in self.controls if each.start < beat)
        return replace(self, notes=notes, controls=controls, touches=self.touches[: len(notes)])


@dataclass(frozen=True)
class ChordSpan:
    """A chord, the beat it starts on, and its length in beats."""

    start: float
    length: float
    chord: Chord

    @property
    def end(self) -> float:
        """Return the beat at which the next chord begins."""
        return self.start + self.length


@dataclass(frozen=True)
class Section:
    """A part of the form: ``theme`` is intro, A, B, C, D, coda or end; ``visit`` counts its earlier statements.

    ``intensity`` (0 to 1) decides how many parts play, how busily and how loud.
    """

    theme: str
    visit: int
    bar: int
    bars: int
    intensity: float
    key: Key

    @property
    def name(self) -> str:
        """Return the theme with a prime (') for each return."""
        return self.theme + "'" * self.visit


@dataclass(frozen=True)
class Piece:
    """A whole composition, ready to be performed."""

    genre: str
    key: Key
    tempo: float  # beats a minute, until the last bar before the final chord
    ritardando: float  # how much longer the last beat before the final chord is, as a share
    beats: int  # in a bar
    swing: float  # where the second note of a pair starts: 0.5 is even, 0.667 a triplet swing
    swing_unit: float  # in beats: the length of such a pair
    seconds: float
    sections: tuple[Section, ...]
    chords: tuple[ChordSpan, ...]
    parts: tuple[Part, ...]

    @property
    def final_beat(self) -> float:
        """Return the beat of the final chord."""
        return float(self.sections[-1].bar * self.beats)

    def seconds_at(self, beat: float) -> float:
        """Return when a beat starts, in seconds from the first downbeat; the bar before the final chord slows down."""
        slowed = max(0.0, min(float(self.beats), beat - self.final_beat + self.beats))
        after = max(0.0, beat - self.final_beat)
        return (beat + self.ritardando * (slowed**2 / (2 * self.beats) + after)) * 60 / self.tempo

    def part_names(self) -> tuple[str, ...]:
        """Return the parts' names: their roles, a second and a third of a role as ``pad-2`` and ``pad-3``."""
        roles = [part.role for part in self.parts]
        counts = [roles[: index + 1].count(role) for index, role in enumerate(roles)]
        return tuple(role if count == 1 else f"{role}-{count}" for role, count in zip(roles, counts, strict=True))

    def played_at(self, beat: float) -> float:
        """Return when a beat sounds, in seconds from the start of the track; the last beats end with the track."""
        return min(self.seconds, LEAD_IN_SECONDS + self.seconds_at(beat))

    def form(self) -> dict[str, Any]:
        """Return a summary of the piece in JSON types; seconds count from the start of the track, bars from 1."""
        return {
            "key": self.key.name,
            "tempoBpm": round(self.tempo, 2),
            "timeSignature": f"{self.beats}/4",
            "beatsPerBar": self.beats,
            "bars": self.sections[-1].bar + 1,
            "sections": [
                {
                    "name": section.name,
                    "seconds": round(self.seconds_at(section.bar * self.beats), 2),
                    **self._sounding(section.bar * self.beats, (section.bar + section.bars) * self.beats),
                    "startBar": section.bar + 1,
                    "bars": section.bars,
                    "intensity": round(section.intensity, 2),
                    "chords": [span.chord.symbol for span in self.chords_in(section)],
                }
                for section in self.sections
            ],
            "chords": [
                {
                    "name": span.chord.name,
                    **self._sounding(span.start, end),
                    "bar": int(span.start // self.beats) + 1,
                }
                # In a section of three bars the last chord sounds for longer than its span.
                for span, end in zip(self.chords, [*(each.start for each in self.chords[1:]), inf], strict=True)
            ],
            "parts": [
                {"name": name, "instrument": part.instrument}
                for name, part in zip(self.part_names(), self.parts, strict=True)
            ],
            "instruments": [{"role": part.role, "instrument": part.instrument} for part in self.parts],
            "notes": sum(len(part.notes) for part in self.parts),
        }

    def _sounding(self, start: float, end: float) -> dict[str, float]:
        """Return the seconds of a stretch of beats; what reaches the final chord's end ends with the track."""
        until = self.seconds if end > self.final_beat else self.played_at(end)
        return {"startSeconds": round(self.played_at(start), 3), "endSeconds": round(until, 3)}

    def chords_in(self, section: Section) -> tuple[ChordSpan, ...]:
        """Return the chords that begin within a section."""
        first, last = section.bar * self.beats, (section.bar + section.bars) * self.beats
        return tuple(span for span in self.chords if first <= span.start < last)
