"""Turn a theme into a melody: choose a pitch for every note of its contour.

A beam search finds the line of the lowest cost. A note on a strong beat is a chord tone; other notes mostly move by
step; a leap is followed by a step in the other direction; melody and bass avoid parallel fifths and octaves.
Two pieces sound different because each prefers other figures. A figure is four successive notes. The seed chooses about
one figure in twelve, and among these the figures that the piece has already used cost least.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

from pipeline.engines.composer.instruments import INSTRUMENTS
from pipeline.engines.composer.patterns import hits
from pipeline.engines.composer.score import ChordSpan, Note, Section
from pipeline.engines.composer.styles import Style
from pipeline.engines.composer.themes import Theme
from pipeline.engines.composer.theory import SCALES, Key, scale_for, step_pitch

_LIKED: Final = 0.08  # the share of all figures that a piece prefers
_DISLIKE: Final = 5.0  # for any other figure; a cost of 1 is about a semitone away from the contour
_DULL: Final = 3.0  # for a figure of one or two different tones
_BEAMS: Final = 24
_REACH: Final = 9  # semitones from the contour's pitch
_CHOICES: Final = 9
_PERFECT: Final = frozenset({0, 7})
_GRACE_BEATS: Final = 0.12


class _Slot(NamedTuple):
    """A note without a pitch yet: its time, the pitch it should be near, and the pitches it may have."""

    beat: float
    length: float
    target: int
    pool: tuple[int, ...]
    scale: frozenset[int]  # pitch classes; any other tone must resolve by a semitone
    bass: int | None  # the pitch class of the bass, if the chord changes on this note
    strong: bool
    grace: bool
    velocity: int


class _Line(NamedTuple):
    """A melody up to some note.

    ``last`` holds its last three pitches, ``path`` all of them as a linked list; ``perfect`` is the pitch, the bass and
    the interval between them at the last change of chord.
    """

    cost: float
    last: tuple[int, ...]
    path: "tuple[object, int] | None"
    perfect: tuple[int, int, int] | None


@dataclass
class Singer:
    """Writes the melodies of a piece; all sections share its preferred figures and the figures it has used."""

    style: Style
    key: Key
    chords: Sequence[ChordSpan]
    rng: Random

    def __post_init__(self) -> None:
        self._taste = [self.rng.random() for _ in range(12**4)]
        # Prefer the tonic and the third, and avoid the dominant chord's tones, so that the key is heard.
        self._preferred_degrees = {0: 1.4, SCALES[self.key.mode][2]: 1.0, 5: 0.3, 7: -0.9, 2: -0.4, 11: -0.4}
        self._used_figures: set[int] = set()
        self._perfects: dict[str, tuple[int, int, int] | None] = {}
        self._last: dict[str, tuple[int, ...]] = {}

    def sing(
        self, theme: Theme, section: Section, register: int, instrument: str, rng: Random, graces: Random
    ) -> list[Note]:
        """Return a section's melody around the pitch ``register``; returns of a theme are ornamented.

        ``rng`` differs from visit to visit; ``graces`` starts the same each time, so a theme keeps its grace notes.
        """
        preset = INSTRUMENTS[instrument]
        bounds = max(preset.low, register - 11), min(preset.high, register + 14)
        slots = self._slots(theme, section, register, bounds, rng, graces)
        last = self._last.get(instrument, ())
        best = self._best(slots, last, self._perfects.get(instrument))
        self._perfects[instrument] = best.perfect
        pitches = _unrolled(best.path)
        whole = (*last, *pitches)
        self._used_figures.update(self._figure(whole[at : at + 4]) for at in range(len(whole) - 3))
        self._last[instrument] = whole[-3:]
        return [
            Note(slot.beat, slot.length if slot.grace else slot.length * 0.96, pitch, slot.velocity)
            for slot, pitch in zip(slots, pitches, strict=True)
        ]

    def _slots(
        self,
        theme: Theme,
        section: Section,
        register: int,
        bounds: tuple[int, int],
        rng: Random,
        graces: Random,
    ) -> list[_Slot]:
        style, key = self.style, self.key
        steps = len(scale_for(key, self.chords[0].chord, pentatonic=style.pentatonic))
        home = round((register - 48 - key.tonic) / 12 * steps)
        slots: list[_Slot] = []
        for index, bar in enumerate(theme):
            start = float((section.bar + index) * style.beats)
            closes = index == len(theme) - 1
            for hit, offset in zip(hits(bar.rhythm, style.beats), bar.contour, strict=True):
                beat = start + hit.beat
                span = span_at(self.chords, beat)
                scale = scale_for(key, span.chord, pentatonic=style.pentatonic)
                strong = hit.beat == 0 or closes
                if not style.pentatonic:  # any two pentatonic tones sound well together
                    strong = strong or hit.length >= 1 or hit.beat % 2 == 0 or beat == span.start
                target = step_pitch(home + bar.anchor + offset, scale, key.tonic)
                slot = _Slot(
                    beat=beat,
                    length=hit.length,
                    target=target,
                    pool=(),
                    scale=frozenset((key.tonic + degree) % 12 for degree in scale),
                    bass=span.chord.bass if beat == span.start else None,
                    strong=strong,
                    grace=False,
                    velocity=92 + (8 if hit.beat == 0 else 4 if strong else -4) + 2 * offset,
                )
                slots += self._ornamented(slot, section.visit, rng, graces)
        return [self._pooled(slot, after, bounds) for slot, after in zip(slots, [*slots[1:], None], strict=True)]

    def _ornamented(self, slot: _Slot, visit: int, rng: Random, graces: Random) -> list[_Slot]:
        """Return the note with a grace note before it, or, in a return, with a neighbour note in it, or as it is."""
        if graces.random() < self.style.grace and slot.length >= 0.6:
            short = slot._replace(length=_GRACE_BEATS, grace=True, strong=False, velocity=slot.velocity - 10, bass=None)
            main = slot._replace(beat=slot.beat + _GRACE_BEATS, length=slot.length - _GRACE_BEATS)
            return [short, main]
        if slot.length >= 0.9 and slot.beat % 1 == 0 and rng.random() < (0.0, 0.45, 0.3)[min(visit, 2)]:
            turn = rng.choice((2, -2, 3))
            return [
                slot._replace(length=0.5),
                slot._replace(
                    beat=slot.beat + 0.5, length=0.25, target=slot.target + turn, strong=False, bass=None,
                    velocity=slot.velocity - 8,
                ),
                slot._replace(
                    beat=slot.beat + 0.75, length=slot.length - 0.75, strong=False, bass=None,
                    velocity=slot.velocity - 5,
                ),
            ]  # fmt: skip
        return [slot]

    def _pooled(self, slot: _Slot, after: _Slot | None, bounds: tuple[int, int]) -> _Slot:
        """Set the pitches that a note may have; end it before the next chord if it would be dissonant there."""
        low, high = bounds
        span = span_at(self.chords, slot.beat)
        held = span.end < slot.beat + slot.length
        near = [pitch for pitch in range(low, high + 1) if abs(pitch - slot.target) <= _REACH] or list(
            range(low, high + 1)
        )
        near.sort(key=lambda pitch: (abs(pitch - slot.target), pitch))
        if slot.strong:
            pool = [pitch for pitch in near if pitch % 12 in span.chord.singable]
        elif self.style.chromatic and after and slot.length <= 0.5 and not slot.grace and after.strong:
            pool = near
        else:
            pool = [pitch for pitch in near if pitch % 12 in slot.scale]
        chosen = tuple((pool or near)[:_CHOICES])
        if held and not {pitch % 12 for pitch in chosen} <= set(span_at(self.chords, span.end).chord.singable):
            return slot._replace(pool=chosen, length=span.end - slot.beat)
        return slot._replace(pool=chosen)

    def _best(self, slots: Sequence[_Slot], last: tuple[int, ...], perfect: tuple[int, int, int] | None) -> _Line:
        lines = [_Line(0.0, last, None, perfect)]
        before: _Slot | None = None
        for slot in slots:
            found: dict[tuple[int, ...], _Line] = {}
            for line in lines:
                for pitch in slot.pool:
                    cost = line.cost + self._cost(slot, before, line, pitch)
                    ending = (*line.last, pitch)[-3:]
                    if ending not in found or cost < found[ending].cost:
                        meeting = line.perfect if slot.bass is None else (pitch, slot.bass, (pitch - slot.bass) % 12)
                        found[ending] = _Line(cost, ending, (line.path, pitch), meeting)
            lines = sorted(found.values(), key=lambda line: (line.cost, line.last))[:_BEAMS]
            before = slot
        return lines[0]

    def _cost(self, slot: _Slot, before: _Slot | None, line: _Line, pitch: int) -> float:
        """Return the cost of continuing a line with this pitch."""
        cost = 0.9 * abs(pitch - slot.target) + (pitch % 12 not in slot.scale)
        cost -= self._preferred_degrees.get((pitch - self.key.tonic) % 12, 0.0) * (1.0 if slot.strong else 0.25)
        if before is not None:
            cost += _move_cost(before, line.last, pitch)
        if len(line.last) > 2:
            figure = (*line.last, pitch)
            cost += _DULL * (4 - len({each % 12 for each in figure}) > 1)
            number = self._figure(figure)
            cost += (0.0 if number in self._used_figures else 0.5) + (_DISLIKE if self._taste[number] > _LIKED else 0.0)
        if slot.bass is not None and line.perfect is not None:
            last_pitch, last_bass, last_interval = line.perfect
            interval = (pitch - slot.bass) % 12
            parallel = interval == last_interval and pitch != last_pitch and slot.bass != last_bass
            cost += 5.0 * (parallel and interval in _PERFECT)
        return cost

    def _figure(self, pitches: Sequence[int]) -> int:
        """Return a number for four successive pitches, counted in semitones above the tonic."""
        number = 0
        for pitch in pitches:
            number = number * 12 + (pitch - self.key.tonic) % 12
        return number


def _move_cost(before: _Slot, last: tuple[int, ...], pitch: int) -> float:
    """Return the cost of an interval: a wide or harsh leap, a leap without a step back, an unresolved tone."""
    if not last:
        return 0.0
    move = pitch - last[-1]
    leap = abs(move)
    cost = 0.1 * leap + 1.1 * (move == 0) + 0.5 * max(0, leap - 5) + 1.5 * (leap in {6, 10, 11}) + 4 * (leap > 12)
    cost += 8 * (before.grace and not 1 <= -move <= 4)
    cost += 8 * (last[-1] % 12 not in before.scale and leap != 1)
    cost += 0.7 * (not before.strong and leap > 4)
    if len(last) > 1:
        prior = last[-1] - last[-2]
        cost += 1.2 * (abs(prior) > 5 and (prior * move > 0 or leap > 4)) + 1.0 * (move == 0 and prior == 0)
    return cost


def counter(chords: Sequence[ChordSpan], lead: Sequence[Note], instrument: str, centre: int, beats: int) -> list[Note]:
    """Write a second voice: one long tone per chord, and a second tone where the lead holds or rests."""
    preset = INSTRUMENTS[instrument]
    low, high = max(preset.low, centre - 9), min(preset.high, max(centre + 9, preset.low + 12))
    notes: list[Note] = []
    previous = centre
    for span in chords:
        together = [note for note in lead if note.start < span.end and note.end > span.start]
        sung = {note.pitch % 12 for note in together}
        pool = [p for p in range(low, high + 1) if p % 12 in span.chord.singable]
        _, pitch = min((abs(p - previous) + 3 * (p % 12 in sung) + 2 * (p == previous), p) for p in pool)
        late = 1.0 if span.length >= beats > 2 else 0.0
        begins = span.start + late
        free = span.length - late >= 2 and not any(span.end - 1.5 < note.start < span.end for note in together)
        others = [p for p in pool if 1 <= abs(p - pitch) <= 5] if free else []
        if others:
            turn = span.end - 1.0
            notes.append(Note(begins, (turn - begins) * 0.98, pitch, 74))
            pitch = min(others, key=lambda p: (abs(p - pitch), p))
            notes.append(Note(turn, 0.95, pitch, 70))
        else:
            notes.append(Note(begins, (span.end - begins) * 0.98, pitch, 74))
        previous = pitch
    return notes


def span_at(chords: Sequence[ChordSpan], beat: float) -> ChordSpan:
    """Return the chord at a beat: the first chord for an earlier beat, the last chord for a later one."""
    return next((span for span in chords if beat < span.end), chords[-1])


def _unrolled(path: "tuple[object, int] | None") -> list[int]:
    pitches: list[int] = []
    while path is not None:
        path, pitch = path  # type: ignore[assignment]  # a linked list has no type of its own here
        pitches.append(pitch)
    return pitches[::-1]
