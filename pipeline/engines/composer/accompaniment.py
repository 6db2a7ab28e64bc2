"""The parts under the melody: chords, arpeggios, pads, bass and drums, from the genre's patterns."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Final

from pipeline.engines.composer.melody import span_at
from pipeline.engines.composer.patterns import hits
from pipeline.engines.composer.score import ChordSpan, Note, Section
from pipeline.engines.composer.styles import Groove
from pipeline.engines.composer.theory import Chord, voicing

# A MIDI key and a velocity for each stroke.
_KIT: Final = {
    "kick": (36, 96), "soft kick": (36, 62), "snare": (38, 92), "soft snare": (38, 52), "rim": (37, 78),
    "clap": (39, 86),
    "hat": (42, 70), "open hat": (46, 72), "pedal hat": (44, 60), "ride": (51, 74), "cymbal": (49, 64),
    "shaker": (70, 62), "tambourine": (54, 62), "triangle": (81, 58), "low tom": (45, 84), "high tom": (48, 82),
}  # fmt: skip
# The same strokes on a taiko: deep strokes low, sharp ones high and soft.
_TAIKO: Final = {
    "kick": (48, 104), "soft kick": (50, 70), "snare": (60, 84), "soft snare": (60, 52), "rim": (67, 66),
    "clap": (62, 76),
    "hat": (72, 40), "open hat": (70, 46), "pedal hat": (70, 36), "ride": (70, 42), "cymbal": (53, 60),
    "shaker": (72, 34), "tambourine": (67, 48), "triangle": (72, 34), "low tom": (52, 84), "high tom": (58, 82),
}  # fmt: skip
_STROKES: Final = {"x": 0, "X": 14, "o": -22}
KICK: Final = _KIT["kick"][0]
DEEP: Final = _TAIKO["kick"][0]
CRASH: Final = 49


def chordal(
    pattern: str,
    section: Section,
    chords: Sequence[ChordSpan],
    beats: int,
    bounds: tuple[int, int],
    voices: int,
    *,
    powerful: bool = False,
) -> list[Note]:
    """Write a section of chords or broken chords within ``bounds``, with small steps from chord to chord.

    ``powerful`` spreads each chord wide, for a distorted guitar.
    """
    low, high = bounds
    voiced: dict[ChordSpan, tuple[int, ...]] = {}
    previous: tuple[int, ...] = ()
    for span in chords:
        previous = power(span.chord, low) if powerful else voicing(span.chord, previous, low, high, voices)
        voiced[span] = previous
    notes: list[Note] = []
    for index in range(section.bars):
        start = float((section.bar + index) * beats)
        for hit in _restruck(pattern, start, beats, chords):
            span = span_at(chords, hit[0])
            accent = 8 if hit[0] == start else 3 if (hit[0] - start) % 1 == 0 else -4
            notes += _struck(hit, voiced[span], 76 + accent)
    return notes


def power(over: Chord, low: int) -> tuple[int, ...]:
    """Return root, fifth and tenth from ``low`` upwards: wide intervals stay clear on a distorted guitar."""
    root = above(over.root, low)
    third = (over.tones[1] - over.root) % 12
    return (root, root + 7, root + 12 + third)


def sustained(chords: Sequence[ChordSpan], bounds: tuple[int, int], voices: int) -> list[Note]:
    """Write a pad: chords with small steps between them; a tone that two successive chords share is held."""
    notes: list[Note] = []
    ringing: dict[int, Note] = {}
    previous: tuple[int, ...] = ()
    for span in chords:
        previous = voicing(span.chord, previous, *bounds, voices)
        sounding = {
            pitch: Note(ringing[pitch].start, span.end - ringing[pitch].start, pitch, 70)
            if pitch in ringing
            else Note(span.start, span.length, pitch, 70)
            for pitch in previous
        }
        notes += [note for pitch, note in ringing.items() if pitch not in sounding]
        ringing = sounding
    return sorted([*notes, *ringing.values()], key=lambda note: (note.start, note.pitch))


def bass_line(
    pattern: str,
    section: Section,
    chords: Sequence[ChordSpan],
    beats: int,
    low: int,
    rng: Random,
    following: Chord,
) -> list[Note]:
    """Write a section of bass from ``low`` upwards; its last note leads to the chord that follows the section."""
    notes: list[Note] = []
    for index in range(section.bars):
        start = float((section.bar + index) * beats)
        for beat, length, symbol in _restruck(pattern, start, beats, chords, again="r"):
            span = span_at(chords, beat)
            after = span_at(chords, span.end).chord if span.end < chords[-1].end else following
            changed = beat == span.start
            last = notes[-1].pitch if notes else low + 5
            pitch = _bass_pitch("r" if changed else symbol, span.chord, after, low, rng, last)
            accent = 8 if beat == start else 0
            notes.append(Note(beat, length * 0.94, pitch, 86 + accent))
    return notes


def grooving(
    groove: Groove, section: Section, beats: int, instrument: str, fill: Groove | None, *, crash: bool, swell: int = 0
) -> list[Note]:
    """Write a section of drums: ``fill`` replaces its last bar, ``crash`` adds a cymbal to its first beat.

    Velocities rise over the section from ``swell`` below the pattern's to ``swell`` above.
    """
    kit: Mapping[str, tuple[int, int]] = _TAIKO if instrument == "taiko" else _KIT
    notes: list[Note] = []
    for index in range(section.bars):
        start = float((section.bar + index) * beats)
        slope = 2 * swell / (section.bars * beats)
        rise = index * beats * slope - swell
        played = fill if fill and index == section.bars - 1 and section.bars > 1 else groove
        for stroke, pattern in played.items():
            pitch, velocity = kit[stroke]
            notes += [
                Note(start + hit.beat, 0.2, pitch, velocity + _STROKES[hit.symbol] + round(rise + hit.beat * slope))
                for hit in hits(pattern, beats)
            ]
    if crash:
        pitch = _TAIKO["kick"][0] if instrument == "taiko" else CRASH
        notes.append(Note(float(section.bar * beats), 2.0, pitch, 78))
    return notes


def _restruck(
    pattern: str, start: float, beats: int, chords: Sequence[ChordSpan], again: str = ""
) -> list[tuple[float, float, str]]:
    """Read a bar of a pattern from beat ``start``; a note across a change of chord is struck again at the change."""
    out: list[tuple[float, float, str]] = []
    changes = [span.start for span in chords if start < span.start < start + beats]
    for hit in hits(pattern, beats):
        begin, end, symbol = start + hit.beat, start + hit.beat + hit.length, hit.symbol
        for change in changes:
            if begin < change < end:
                out.append((begin, change - begin, symbol))
                begin, symbol = change, again or symbol
        out.append((begin, end - begin, symbol))
    return out


def _struck(hit: tuple[float, float, str], pitches: Sequence[int], velocity: int) -> list[Note]:
    beat, length, symbol = hit
    if symbol.isdigit():
        octave, voice = divmod(int(symbol), len(pitches))
        return [Note(beat, max(length, 0.5), pitches[voice] + 12 * octave, velocity - 4)]
    if symbol == "s":
        length = min(length, 0.5) * 0.55
    chosen = pitches[1:] if symbol == "u" else pitches
    louder = 10 if symbol == "X" else -4 if symbol in "us" else 0
    return [Note(beat, length * 0.97, pitch, velocity + louder) for pitch in chosen]


def _bass_pitch(symbol: str, over: Chord, after: Chord, low: int, rng: Random, last: int) -> int:
    """Return the pitch for one symbol of a bass pattern; ``last`` is the pitch before it."""
    root, goal = above(over.bass, low), above(after.bass, low)
    if symbol == "a":
        return rng.choice((goal + 7, goal - 5 if goal >= low + 5 else goal + 7, goal + 2))
    if symbol == "c":
        return min((goal - 1, goal + 1), key=lambda pitch: (abs(pitch - last), pitch))
    if symbol == "w":
        wanted = last + (3 if goal > last or last < low + 4 else -3)
        tones = [p for p in range(low, low + 17) if p % 12 in over.tones and p != last]
        return min(tones, key=lambda pitch: (abs(pitch - wanted), pitch))
    fifth = above(over.tones[2 if len(over.tones) > 2 else 1], low)
    return {"o": root + 12, "f": fifth, "t": above(over.tones[1], low)}.get(symbol, root)


def above(pitch_class: int, low: int) -> int:
    """Return the lowest pitch of a pitch class that is not below ``low``."""
    return low + (pitch_class - low) % 12
