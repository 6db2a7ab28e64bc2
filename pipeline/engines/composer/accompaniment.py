"""The parts under the melody: chords, arpeggios and pads, from the genre's patterns."""

from collections.abc import Mapping, Sequence
from typing import Final

from pipeline.engines.composer.instruments import INSTRUMENTS
from pipeline.engines.composer.melody import span_at
from pipeline.engines.composer.patterns import hits, ranked
from pipeline.engines.composer.score import ChordSpan, Note
from pipeline.engines.composer.setting import Setting
from pipeline.engines.composer.theory import Chord, voicing

_CHORD_RANGE: Final = (50, 69)
# Which of a theme's patterns each bar of four has.
_TURNS: Final = {"A": (0, 0, 0, 1), "B": (0, 1, 0, 1), "C": (0, 0, 1, 1), "D": (1, 0, 1, 2)}


def chords(setting: Setting, player: int, role: str, instrument: str, nth: int) -> list[Note]:
    """Write a whole part of chords or broken chords.

    Every theme has two patterns; which of them a bar has depends on the theme.
    """
    style = setting.style
    preset = INSTRUMENTS[instrument]
    powerful = instrument == "distortion guitar"
    patterns = style.chords if role == "chords" and nth == 0 else style.arpeggio
    shift = setting.register // 3 + (5 if role == "arpeggio" else 0) + setting.shift
    low = max(preset.low, (40 if powerful else _CHORD_RANGE[0]) + shift)
    high = min(preset.high, max(_CHORD_RANGE[1] + shift, low + 17))
    notes: list[Note] = []
    previous: tuple[int, ...] = ()
    for block in setting.playing(player):
        wished = (0.8 + 4.4 * setting.drive(block)) * setting.density * setting.bar_seconds()
        order = ranked(patterns, wished, setting.rng(role, nth, block.section.theme), 2.0 + setting.spread)
        voiced: dict[ChordSpan, tuple[int, ...]] = {}
        for span in setting.of(block):
            previous = power(span.chord, low) if powerful else voicing(span.chord, previous, low, high, 4)
            voiced[span] = previous
        for index in range(block.bars):
            turn = _TURNS.get(block.section.theme, _TURNS["A"])[index % 4]
            notes += _bar(
                order[min(turn, len(order) - 1)], float((block.bar + index) * style.beats), voiced, style.beats
            )
    return notes


def _bar(pattern: str, start: float, voiced: Mapping[ChordSpan, Sequence[int]], beats: int) -> list[Note]:
    notes: list[Note] = []
    spans = tuple(voiced)
    for hit in restruck(pattern, start, beats, spans):
        accent = 8 if hit[0] == start else 3 if (hit[0] - start) % 1 == 0 else -4
        notes += _struck(hit, voiced[span_at(spans, hit[0])], 76 + accent)
    return notes


def pad(setting: Setting, player: int, instrument: str, nth: int) -> list[Note]:
    """Write a whole part of held chords."""
    preset = INSTRUMENTS[instrument]
    low = max(preset.low, 52 + 5 * nth + setting.register // 3 + setting.shift)
    runs: list[list[ChordSpan]] = []
    for block in setting.playing(player):
        spans = setting.of(block)
        if runs and runs[-1][-1].end == spans[0].start:
            runs[-1] += spans
        else:
            runs.append(list(spans))
    return [note for run in runs for note in sustained(run, (low, min(preset.high, low + 17)), 4)]


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


def restruck(
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


def above(pitch_class: int, low: int) -> int:
    """Return the lowest pitch of a pitch class that is not below ``low``."""
    return low + (pitch_class - low) % 12
