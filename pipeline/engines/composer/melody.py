"""Turn a theme into a melody: choose a pitch for every note of its contour.

A note on the first beat, at a change of chord or at the end of a phrase is a chord tone; on another strong beat no note
rubs against a chord tone; other notes belong to the scale. Among these pitches ``lines`` finds the best line.
What the singer has sung once over some chords, it sings again note for note when the same bar of a theme returns.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from pipeline.engines.composer.instruments import INSTRUMENTS
from pipeline.engines.composer.lines import Finder, Line, Meeting, Slot
from pipeline.engines.composer.patterns import hits
from pipeline.engines.composer.score import ChordSpan, Note, Section
from pipeline.engines.composer.styles import Style
from pipeline.engines.composer.themes import Bar, Theme
from pipeline.engines.composer.theory import Key, scale_for, step_pitch

_REACH: Final = 8  # semitones from the contour's pitch
_CHOICES: Final = 9
_HIGHEST_TONIC: Final = 3  # semitones above the register's middle: contours count from the tonic under it
_GRACE_BEATS: Final = 0.12
_HELD_BEATS: Final = 2.5  # a longer note sounds like a chord tone, wherever it starts


@dataclass
class Singer:
    """Writes the melodies of a piece, and remembers each bar that it has sung."""

    style: Style
    chords: Sequence[ChordSpan]
    rng: Random

    def __post_init__(self) -> None:
        self._finder = Finder(self.rng, pentatonic=self.style.pentatonic)
        # A bar of a theme, its rhythm and its chords; the notes count from the bar's start.
        self._sung: dict[tuple[str, int, str, tuple[str, ...]], tuple[Note, ...]] = {}
        self._stated: dict[tuple[str, int, str], tuple[Note, ...]] = {}  # the same when it was sung first
        self._line = Line(0.0, (), None, None)

    def sing(self, theme: Theme, section: Section, register: int, instrument: str, rng: Random) -> list[Note]:
        """Return a section's melody around the pitch ``register``; ``rng`` decides the grace notes."""
        preset = INSTRUMENTS[instrument]
        bounds = max(preset.low, register - 10), min(preset.high, register + 13)
        harmonies = [self._harmony(section, index) for index in range(len(theme))]
        notes: list[Note] = []
        waiting: list[Slot] = []
        first_waiting = 0
        for index, bar in enumerate(theme):
            if waiting and bar.like is not None:
                notes += self._chosen(waiting, section, first_waiting, theme, harmonies, None)
                waiting = []
            recalled = self._recalled(section, theme, index, harmonies)
            if not recalled:
                first_waiting = index if not waiting else first_waiting
                slots = self._slots(bar, section, index, register, bounds, self._repeats(theme, index, section), rng)
                waiting += self._pinned(slots, section, theme, index, harmonies)
                continue
            if waiting:
                goal = self._meeting(recalled[0], float((section.bar + index) * self.style.beats))
                notes += self._chosen(waiting, section, first_waiting, theme, harmonies, goal)
                waiting = []
            start = float((section.bar + index) * self.style.beats)
            notes += [replace(note, start=note.start + start) for note in recalled]
            last = tuple(note.pitch for note in notes[-2:])
            self._line = Line(0.0, last, None, self._met(recalled, start))
        if waiting:
            notes += self._chosen(waiting, section, first_waiting, theme, harmonies, None)
        return notes

    def _harmony(self, section: Section, index: int) -> tuple[str, ...]:
        """Return the chords of a section's bar."""
        start = (section.bar + index) * self.style.beats
        return tuple(s.chord.symbol for s in self.chords if start <= s.start < start + self.style.beats)

    def _recalled(
        self, section: Section, theme: Theme, index: int, harmonies: Sequence[tuple[str, ...]]
    ) -> tuple[Note, ...]:
        """Return the notes of a bar that has been sung over the same chords, or that repeats a bar and fits here."""
        bar = theme[index]
        sung = self._sung.get((section.theme, index, bar.rhythm, harmonies[index]))
        if sung or bar.like is None:
            return sung or ()
        sung = self._repeated(section, theme, index, harmonies)
        start = float((section.bar + index) * self.style.beats)
        if (
            not sung
            or theme[bar.like].contour != bar.contour
            or not all(self._fits(note, start, section) for note in sung)
        ):
            return ()
        if self._line.perfect is not None and self._line.perfect.is_parallel(self._meeting(sung[0], start)):
            return ()
        # The bar may end with a rest that the bar it repeats does not have.
        length = list(hits(bar.rhythm, self.style.beats))[-1].length * 0.96
        sung = (*sung[:-1], replace(sung[-1], length=min(length, sung[-1].length)))
        self._sung[section.theme, index, bar.rhythm, harmonies[index]] = sung
        return sung

    def _repeated(
        self, section: Section, theme: Theme, index: int, harmonies: Sequence[tuple[str, ...]]
    ) -> tuple[Note, ...]:
        """Return the notes of the bar that a bar repeats, or of its own first statement, or nothing."""
        like = theme[index].like
        if like is None:
            return self._stated.get((section.theme, index, theme[index].rhythm), ())
        return self._sung.get((section.theme, like, theme[like].rhythm, harmonies[like]), ())

    def _pinned(
        self,
        slots: Sequence[Slot],
        section: Section,
        theme: Theme,
        index: int,
        harmonies: Sequence[tuple[str, ...]],
    ) -> list[Slot]:
        """Keep the pitches of the bar that a bar repeats where they fit, so that only the others change."""
        sung = self._repeated(section, theme, index, harmonies)
        bar, start = theme[index], float((section.bar + index) * self.style.beats)
        if not len(sung) == len(slots) == len(bar.contour):
            return list(slots)
        before = bar.contour if bar.like is None else theme[bar.like].contour
        kept = [
            here == there and self._fits(note, start, section)
            for here, there, note in zip(bar.contour, before, sung, strict=True)
        ]
        return [
            slot._replace(pool=(note.pitch,)) if keep else slot
            for slot, note, keep in zip(slots, sung, kept, strict=True)
        ]

    def _meeting(self, note: Note, start: float) -> Meeting:
        """Return a note that counts from a bar's start with the bass under it."""
        return Meeting(note.pitch, span_at(self.chords, start + note.start).chord.bass)

    def _met(self, notes: Sequence[Note], start: float) -> Meeting | None:
        """Return the last pitch and bass of some notes that meet at a change of chord, or the meeting before them."""
        meeting = self._line.perfect
        for note in notes:
            span = span_at(self.chords, start + note.start)
            if span.start == start + note.start:
                meeting = self._meeting(note, start)
        return meeting

    def _fits(self, note: Note, start: float, section: Section) -> bool:
        """Whether a note, which counts from the start of its bar, fits the chords of the bar that starts here."""
        span = span_at(self.chords, start + note.start)
        if span_at(self.chords, start + note.end - 0.01) != span and note.length > 1:
            return False
        tone = note.pitch % 12
        if note.start == 0 or note.length >= _HELD_BEATS or start + note.start == span.start:
            return tone in span.chord.singable
        scale = scale_for(section.key, span.chord, pentatonic=self.style.pentatonic)
        rubs = tone in span.chord.rubbing and note.start % 2 == 0 and not self.style.pentatonic
        return (tone - section.key.tonic) % 12 in scale and not rubs

    def _repeats(self, theme: Theme, index: int, section: Section) -> list[float]:
        """Return the first beats of the later bars that repeat a bar of the theme."""
        later = [at for at, bar in enumerate(theme) if bar.like == index and at > index]
        return [float((section.bar + at) * self.style.beats) for at in later]

    def _slots(
        self,
        bar: Bar,
        section: Section,
        index: int,
        register: int,
        bounds: tuple[int, int],
        repeats: Sequence[float],
        rng: Random,
    ) -> list[Slot]:
        style, key = self.style, section.key
        steps = len(scale_for(key, self.chords[0].chord, pentatonic=style.pentatonic))
        home = (tonic_under(register, key) - 48) // 12 * steps
        start = float((section.bar + index) * style.beats)
        played = list(hits(bar.rhythm, style.beats))
        slots: list[Slot] = []
        before = bar.contour[0]
        for hit, offset in zip(played, bar.contour, strict=True):
            beat = start + hit.beat
            span = span_at(self.chords, beat)
            scale = scale_for(key, span.chord, pentatonic=style.pentatonic)
            middle = not style.pentatonic and hit.beat % 2 == 0  # any two pentatonic tones sound well together
            closes = index == section.bars - 1 and hit is played[-1]
            strong = hit.beat == 0 or closes or (not style.pentatonic and beat == span.start)
            held = hit.length >= _HELD_BEATS and not style.pentatonic
            slot = Slot(
                beat=beat,
                length=hit.length,
                target=step_pitch(home + offset, scale, key.tonic),
                rise=(offset > before) - (offset < before),
                pool=(),
                chord=frozenset(span.chord.singable),
                scale=frozenset((key.tonic + degree) % 12 for degree in scale),
                again=self._fitting(repeats, hit.beat, strong=strong or held),
                bass=span.chord.bass if beat == span.start else None,
                strong=strong or held,
                grace=False,
                velocity=88 + (8 if hit.beat == 0 else 3 if middle else -4) + max(-6, min(6, 2 * offset)),
            )
            slots += [self._pooled(each, bounds, middle=middle) for each in self._graced(slot, rng)]
            before = offset
        return slots

    def _fitting(self, repeats: Sequence[float], beat: float, *, strong: bool) -> frozenset[int]:
        """Return the pitch classes that are good at a beat of every bar that starts at one of ``repeats``."""
        classes = set(range(12))
        for start in repeats:
            chord = span_at(self.chords, start + beat).chord
            classes &= set(chord.singable) if strong else set(range(12)) - chord.rubbing
        return frozenset(classes)

    def _graced(self, slot: Slot, rng: Random) -> list[Slot]:
        """Return the note, sometimes with a grace note before it."""
        if not (rng.random() < self.style.grace and slot.length >= 0.6):
            return [slot]
        short = slot._replace(length=_GRACE_BEATS, grace=True, strong=False, velocity=slot.velocity - 10, bass=None)
        return [short, slot._replace(beat=slot.beat + _GRACE_BEATS, length=slot.length - _GRACE_BEATS)]

    def _pooled(self, slot: Slot, bounds: tuple[int, int], *, middle: bool) -> Slot:
        """Set the pitches that a note may have; end it before the next chord if it would be dissonant there."""
        low, high = bounds
        span = span_at(self.chords, slot.beat)
        reachable = max(low, min(high, slot.target))
        near = [pitch for pitch in range(low, high + 1) if abs(pitch - reachable) <= _REACH]
        near.sort(key=lambda pitch: (abs(pitch - slot.target), pitch))
        if slot.strong:
            pool = [pitch for pitch in near if pitch % 12 in slot.chord]
        elif middle:
            pool = [pitch for pitch in near if pitch % 12 in slot.scale and pitch % 12 not in span.chord.rubbing]
        elif self.style.chromatic and slot.length <= 0.5 and not slot.grace:
            pool = near
        else:
            pool = [pitch for pitch in near if pitch % 12 in slot.scale]
        chosen = tuple((pool or near)[:_CHOICES])
        if span.end < slot.beat + slot.length:
            after = span_at(self.chords, span.end).chord
            if not {pitch % 12 for pitch in chosen} <= set(after.singable):
                return slot._replace(pool=chosen, length=span.end - slot.beat)
        return slot._replace(pool=chosen)

    def _chosen(
        self,
        slots: Sequence[Slot],
        section: Section,
        first: int,
        theme: Theme,
        harmonies: Sequence[tuple[str, ...]],
        goal: Meeting | None,
    ) -> list[Note]:
        """Return the best notes for some bars, remember them, and go on from them; ``goal`` follows them."""
        tonic = section.key.tonic
        ends = slots[-1].beat >= (section.bar + section.bars - 1) * self.style.beats and tonic in slots[-1].chord
        self._line = self._finder.best(slots, section.key, self._line, goal, tonic if ends else None)
        notes = [
            Note(slot.beat, slot.length if slot.grace else slot.length * 0.96, pitch, slot.velocity)
            for slot, pitch in zip(slots, self._line.pitches, strict=True)
        ]
        for index in range(first, len(theme)):
            start = float((section.bar + index) * self.style.beats)
            inside = [note for note in notes if start <= note.start < start + self.style.beats]
            if inside:
                key = (section.theme, index, theme[index].rhythm)
                sung = tuple(replace(note, start=note.start - start) for note in inside)
                self._sung.setdefault((*key, harmonies[index]), sung)
                self._stated.setdefault(key, sung)
        return notes


def tonic_under(register: int, key: Key) -> int:
    """Return the pitch of the tonic from which contours count when a melody's middle is the pitch ``register``."""
    return key.tonic + (register + _HIGHEST_TONIC - key.tonic) // 12 * 12


def span_at(chords: Sequence[ChordSpan], beat: float) -> ChordSpan:
    """Return the chord at a beat: the first chord for an earlier beat, the last chord for a later one."""
    return next((span for span in chords if beat < span.end), chords[-1])
