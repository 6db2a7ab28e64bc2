"""The theme: a motif, its development over the harmony, and its varied returns.

A theme is kept as a contour (scale steps from an anchor), so that it is recognised wherever it returns, and is bent to
the chords: what falls on a strong beat is a chord tone, what falls between moves by step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from pipeline.engines.composer.instruments import INSTRUMENTS
from pipeline.engines.composer.patterns import busyness, hits, nearest
from pipeline.engines.composer.score import ChordSpan, Note, Section
from pipeline.engines.composer.styles import Style
from pipeline.engines.composer.theory import SCALES, Key, scale_for, step_pitch

_LEAPS: Final = (-2, -1, -1, -1, 1, 1, 1, 2)


@dataclass(frozen=True)
class Bar:
    """One bar of a theme: its rhythm as a pattern, a step offset for each of its notes, and the anchor."""

    rhythm: str
    contour: tuple[int, ...]
    anchor: int


Theme = tuple[Bar, ...]


def themes(style: Style, phrase: int, wished: float, rng: Random) -> Mapping[str, Theme]:
    """Invent the themes A, B and C of a piece, each of ``phrase`` bars with about ``wished`` notes a bar."""
    spread = 2.0
    motif = _invent(nearest(style.rhythms, wished, rng, spread), rng)
    answer = _invent(nearest(style.rhythms, wished * 1.15, rng, spread), rng)
    contrast_rhythm = nearest([r for r in style.rhythms if r != motif.rhythm], wished * 0.75, rng, spread)
    contrast = Bar(contrast_rhythm, _fit(tuple(-step for step in motif.contour), busyness(contrast_rhythm)), 0)
    close = _cadence(style, wished, rng)
    climb = rng.choice((1, 1, 2, -1))
    return {
        "A": _phrase((_at(motif, 0), _at(motif, climb), _at(answer, climb + 1), close), phrase),
        "B": _phrase((_at(contrast, 4), _at(contrast, 3), _at(motif, 2), _cadence(style, wished, rng)), phrase),
        "C": _phrase((_at(answer, 2), _at(_inverted(motif), 1), _at(answer, 0), close), phrase),
    }


def sing(
    style: Style,
    key: Key,
    theme: Theme,
    section: Section,
    chords: Sequence[ChordSpan],
    register: int,
    instrument: str,
    rng: Random,
) -> list[Note]:
    """Write a section's melody around the pitch ``register``: the theme, plainer at first and ornamented on return."""
    tuned = INSTRUMENTS[instrument]
    low, high = max(tuned.low, register - 10), min(tuned.high, register + 14)
    steps = len(scale_for(key, style.pentatonic, chords[0].chord))
    home = round((register - 48 - key.tonic) / 12 * steps) // steps * steps
    notes: list[Note] = []
    previous = register
    for index, bar in enumerate(theme):
        start = float((section.bar + index) * style.beats)
        closes = index == len(theme) - 1
        for hit, offset in zip(hits(bar.rhythm, style.beats), bar.contour, strict=True):
            beat = start + hit.beat
            span = span_at(chords, beat)
            scale = scale_for(key, style.pentatonic, span.chord)
            strong = hit.beat == 0 or hit.length >= 1 or hit.beat % 2 == 0 or beat == span.start or closes
            target = step_pitch(home + bar.anchor + offset, scale, key.tonic)
            pool = [step_pitch(step, scale, key.tonic) for step in range(home - 16, home + 24)]
            pool = [pitch for pitch in pool if low <= pitch <= high]
            if strong:
                pool = [pitch for pitch in pool if pitch % 12 in span.chord.singable] or pool
            wanted = target if strong else _between(target, previous)
            pitch = _chosen(pool, wanted, previous, key)
            length = min(hit.length, span.end - beat) if pitch % 12 not in _held(chords, span) else hit.length
            accent = 8 if hit.beat == 0 else 4 if strong else -4
            notes.append(Note(beat, length * 0.96, pitch, 92 + accent + 2 * offset))
            previous = pitch
    if section.visit % 2 == 1 and not style.pentatonic:
        notes = _ornamented(notes, style, key, chords, high, rng)
    return _graced(notes, style, key, chords, rng) if style.grace else notes


def counter(chords: Sequence[ChordSpan], lead: Sequence[Note], instrument: str, centre: int, beats: int) -> list[Note]:
    """Write long notes against the lead: chord tones that move little, in the lead's pauses where it pauses."""
    tuned = INSTRUMENTS[instrument]
    low, high = max(tuned.low, centre - 9), min(tuned.high, max(centre + 9, tuned.low + 12))
    notes: list[Note] = []
    previous = centre
    for span in chords:
        sung = {note.pitch % 12 for note in lead if note.start < span.end and note.end > span.start}
        pool = [p for p in range(low, high + 1) if p % 12 in span.chord.singable]
        _, pitch = min((abs(p - previous) + 3 * (p % 12 in sung) + 2 * (p == previous), p) for p in pool)
        late = 1.0 if span.length >= beats > 2 else 0.0
        notes.append(Note(span.start + late, (span.length - late) * 0.98, pitch, 74))
        previous = pitch
    return notes


def span_at(chords: Sequence[ChordSpan], beat: float) -> ChordSpan:
    """Return the chord that holds at a beat; before the first and after the last, those."""
    return next((span for span in chords if beat < span.end), chords[-1])


def _held(chords: Sequence[ChordSpan], span: ChordSpan) -> tuple[int, ...]:
    """Return the pitch classes that may be held from a chord into the next one."""
    following = span_at(chords, span.end)
    return tuple(set(span.chord.singable) & set(following.chord.singable))


def _invent(rhythm: str, rng: Random) -> Bar:
    """Walk by step, with a leap now and then that is followed by a step back."""
    contour = [0]
    leapt = 0
    for _ in range(busyness(rhythm) - 1):
        if leapt:
            move = -1 if leapt > 0 else 1
        elif rng.random() < 0.22:
            move = rng.choice((-3, 3, 4))
        else:
            move = rng.choice(_LEAPS)
        leapt = move if abs(move) > 2 else 0
        contour.append(max(-4, min(5, contour[-1] + move)))
    return Bar(rhythm, tuple(contour), 0)


def _cadence(style: Style, wished: float, rng: Random) -> Bar:
    rhythm = nearest(style.cadence_rhythms, wished * 0.5, rng, 1.5)
    return Bar(rhythm, tuple(range(busyness(rhythm) - 1, -1, -1)), 0)


def _fit(contour: tuple[int, ...], notes: int) -> tuple[int, ...]:
    return tuple(contour[i % len(contour)] for i in range(notes))


def _at(bar: Bar, anchor: int) -> Bar:
    return Bar(bar.rhythm, bar.contour, anchor)


def _inverted(bar: Bar) -> Bar:
    return Bar(bar.rhythm, tuple(-step for step in bar.contour), bar.anchor)


def _phrase(bars: tuple[Bar, Bar, Bar, Bar], length: int) -> Theme:
    return {1: bars[:1], 2: (bars[0], bars[3])}.get(length, bars)


def _chosen(pool: Sequence[int], wanted: float, previous: int, key: Key) -> int:
    """Return the pitch nearest to the wanted, shy of wide leaps and drawn a little to the tonic and its third."""
    home = {0: 1.2, SCALES[key.mode][2]: 1.1}

    def cost(pitch: int) -> tuple[float, int]:
        leap = max(0, abs(pitch - previous) - 7)
        same = 0.9 if pitch == previous and wanted != previous else 0.0
        return abs(pitch - wanted) + 0.35 * leap + same - home.get((pitch - key.tonic) % 12, 0.0), pitch

    return min(pool, key=cost)


def _between(target: int, previous: int) -> float:
    """Return the pitch wanted of a passing note: towards the contour, but near the note before."""
    return max(previous - 3, min(previous + 3, target))


def _ornamented(
    notes: Sequence[Note], style: Style, key: Key, chords: Sequence[ChordSpan], high: int, rng: Random
) -> list[Note]:
    """Break some longer notes with an upper neighbour and a return: the theme, varied."""
    out: list[Note] = []
    for note in notes:
        if note.length < 0.9 or note.start % 1 or rng.random() > 0.45:
            out.append(note)
            continue
        upper = _neighbour(note.pitch, scale_for(key, style.pentatonic, span_at(chords, note.start).chord), key)
        if upper > high:
            out.append(note)
            continue
        half, quarter = 0.5, 0.25
        out += [
            Note(note.start, half, note.pitch, note.velocity),
            Note(note.start + half, quarter, upper, note.velocity - 8),
            Note(note.start + half + quarter, note.length - half - quarter, note.pitch, note.velocity - 5),
        ]
    return out


def _graced(notes: Sequence[Note], style: Style, key: Key, chords: Sequence[ChordSpan], rng: Random) -> list[Note]:
    """Approach some longer notes by a short one from above."""
    out: list[Note] = []
    for note in notes:
        if note.length < 0.6 or rng.random() > style.grace:
            out.append(note)
            continue
        upper = _neighbour(note.pitch, scale_for(key, style.pentatonic, span_at(chords, note.start).chord), key)
        short = 0.12
        out += [
            Note(note.start, short, upper, note.velocity - 10),
            Note(note.start + short, note.length - short, note.pitch, note.velocity),
        ]
    return out


def _neighbour(pitch: int, scale: Sequence[int], key: Key) -> int:
    return next(p for p in range(pitch + 1, pitch + 5) if (p - key.tonic) % 12 in scale)
