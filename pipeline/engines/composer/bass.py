"""The bass: it plays with the kick, and leads to the next chord."""

from collections.abc import Sequence
from dataclasses import replace
from math import lcm
from random import Random
from typing import Final

from pipeline.engines.composer import drumming
from pipeline.engines.composer.accompaniment import above, restruck
from pipeline.engines.composer.arranging import Block
from pipeline.engines.composer.instruments import INSTRUMENTS
from pipeline.engines.composer.melody import span_at
from pipeline.engines.composer.patterns import hits, ranked
from pipeline.engines.composer.score import ChordSpan, Note
from pipeline.engines.composer.setting import Setting
from pipeline.engines.composer.theory import Chord

LOWEST: Final = 31  # G1: small speakers play nothing lower
_REACH_BEATS: Final = 0.75  # a note moves to a kick that is no farther away
_WALKING: Final = "w"
_OCTAVES_FROM: Final = 0.75  # the drive from which a bass without drums plays octaves


def write(setting: Setting, player: int, instrument: str, nth: int) -> list[Note]:
    """Write a whole part; the ``nth`` bass plays so many octaves higher."""
    style = setting.style
    low = max(INSTRUMENTS[instrument].low, LOWEST) + 12 * nth
    notes: list[Note] = []
    for block in setting.playing(player):
        wished = (0.4 + 2.8 * setting.drive(block)) * setting.bar_seconds()
        first, *others = ranked(style.bass, wished, setting.rng("bass", block.section.theme), 0.5 + setting.spread)
        second = others[0] if others else first
        spans = setting.of(block)
        following = span_at(setting.chords, float((block.bar + block.bars) * style.beats)).chord
        if style.pedal:
            spans = tuple(replace(span, chord=_pedal(span, setting)) for span in spans)
        rng = setting.rng("bass", block.bar)
        for index in range(block.bars):
            pattern = second if index % 4 == 3 else first
            groove = setting.drums.get(block.bar + index)
            kick = drumming.kicks(groove) if groove else None
            if kick and _WALKING not in pattern:
                pattern = locked(pattern, kick, style.beats)
            if setting.shift:
                pattern = _moved(pattern, setting.rng("bass", "moves", pattern))
            notes += _bar(pattern, (block.bar + index) * style.beats, spans, low, rng, following, notes, style.beats)
        if not setting.drums and setting.drive(block) > _OCTAVES_FROM:
            notes += _octaves(notes, block, style.beats, INSTRUMENTS[instrument].high)
    return notes


def locked(pattern: str, kick: str, beats: int) -> str:
    """Return a bass pattern on the kick's strokes: each note moves to a near stroke, and strong strokes get a root.

    Notes without a near stroke stay, but no more than one for two strokes.
    """
    steps = lcm(len(pattern), len(kick))
    notes = {round(hit.beat * steps / beats): hit.symbol for hit in hits(pattern, beats)}
    struck = {round(hit.beat * steps / beats): hit.symbol for hit in hits(kick, beats)}
    reach = _REACH_BEATS * steps / beats
    placed = {step: "r" for step, symbol in struck.items() if symbol in "xX"}
    alone: list[tuple[int, str]] = []
    for step, symbol in notes.items():
        near = min(struck, key=lambda other: (abs(other - step), other))
        if abs(near - step) <= reach:
            placed[near] = symbol
        else:
            alone.append((step, symbol))
    placed |= dict(alone[-(len(placed) // 2) :] if len(placed) > 1 else alone)
    return "".join(placed.get(step, "." if any(each < step for each in placed) else "_") for step in range(steps))


def _moved(pattern: str, rng: Random) -> str:
    """Return a bass pattern for a variation: its longest note moves on half way, and some roots are other tones."""
    starts = [step for step, symbol in enumerate(pattern) if symbol not in "._"]
    if not starts:
        return pattern
    lengths = {step: len(pattern[step:]) - len(pattern[step + 1 :].lstrip(".")) for step in starts}
    longest = max(starts, key=lambda step: (lengths[step], -step))
    moved = [
        symbol if symbol != "r" or not step or rng.random() < 0.5 else rng.choice("fo")
        for step, symbol in enumerate(pattern)
    ]
    if lengths[longest] > 1:
        moved[longest + lengths[longest] // 2] = rng.choice("fo")
    return "".join(moved)


def _pedal(span: ChordSpan, setting: Setting) -> Chord:
    """Return the tonic chord of the key at a chord."""
    home = next((s.key for s in reversed(setting.layout) if s.bar * setting.style.beats <= span.start), setting.key)
    return replace(setting.chords[-1].chord, bass=home.tonic)


def _bar(
    pattern: str,
    start: float,
    chords: Sequence[ChordSpan],
    low: int,
    rng: Random,
    following: Chord,
    before: Sequence[Note],
    beats: int,
) -> list[Note]:
    notes: list[Note] = []
    for beat, length, symbol in restruck(pattern, float(start), beats, chords, again="r"):
        span = span_at(chords, beat)
        after = span_at(chords, span.end).chord if span.end < chords[-1].end else following
        changed = beat == span.start
        last = (notes or before)[-1].pitch if notes or before else low + 5
        pitch = _pitch("r" if changed else symbol, span.chord, after, low, rng, last)
        notes.append(Note(beat, length * 0.94, pitch, 86 + (8 if beat == start else 0)))
    return notes


def _octaves(notes: Sequence[Note], block: Block, beats: int, high: int) -> list[Note]:
    """Return the notes of a block an octave higher, softer."""
    return [
        replace(note, pitch=note.pitch + 12, velocity=note.velocity - 14)
        for note in notes
        if block.holds(int(note.start // beats)) and note.pitch + 12 <= high
    ]


def _pitch(symbol: str, over: Chord, after: Chord, low: int, rng: Random, last: int) -> int:
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
