"""The melody and the second voice: who sings which theme, and what the second voice does under and after it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from pipeline.engines.composer import themes
from pipeline.engines.composer.arranging import Block
from pipeline.engines.composer.instruments import INSTRUMENTS
from pipeline.engines.composer.melody import Singer, span_at
from pipeline.engines.composer.score import ChordSpan, Note, Section
from pipeline.engines.composer.setting import Setting
from pipeline.engines.composer.theory import scale_for

_LEAD_MIDDLE: Final = 70  # B flat 4
_COUNTER_MIDDLE: Final = 62
_DOUBLED_FROM: Final = 0.4  # the energy from which the fullest blocks have the melody in octaves
_FULL: Final = 0.9
_CALL_BARS: Final = 2
_GAP_BEATS: Final = 0.9  # a rest of the melody that the second voice answers
_ANSWER_NOTES: Final = 4


@dataclass(frozen=True)
class Melodies:
    """What the first player sings, and what the second player sings of it instead."""

    first: tuple[Note, ...]
    second: tuple[Note, ...]

    @property
    def whole(self) -> list[Note]:
        """Return the melody of both players."""
        return sorted((*self.first, *self.second), key=lambda note: note.start)


def melodies(setting: Setting, first: str, second: str | None) -> Melodies:
    """Return the melody of the whole piece; a ``second`` instrument calls in theme B, and the first one answers."""
    beats = setting.style.beats
    singer = Singer(setting.style, setting.chords, setting.rng("taste"))
    first_notes: list[Note] = []
    second_notes: list[Note] = []
    for section in setting.layout[:-1]:
        if section.theme == "intro":
            continue
        letter = "A" if section.theme == "coda" else section.theme
        theme = setting.themes[letter]
        theme = themes.coda(theme, section.bars) if section.theme == "coda" else themes.excerpt(theme, section.bars)
        sung = replace(section, theme=letter)
        rng = setting.rng("graces", letter)
        caller = second if letter == "B" and section.bars > _CALL_BARS else None
        # Both instruments sing in a register that both reach.
        notes = singer.sing(theme, sung, middle(setting.register, first, caller), first, rng)
        answers = (section.bar + max(_CALL_BARS, section.bars // 4)) * beats
        for note in notes:
            (second_notes if caller and note.start < answers else first_notes).append(note)
    return Melodies(tuple(first_notes), tuple(second_notes))


def middle(shift: int, first: str, second: str | None = None) -> int:
    """Return the middle pitch of a melody for one instrument, or for two; ``shift`` moves it in semitones."""
    presets = [INSTRUMENTS[name] for name in (first, second) if name]
    low, high = max(preset.low for preset in presets), min(preset.high for preset in presets)
    usual = max(low + 10, min(high - 13, _LEAD_MIDDLE))
    return max(low + 5, min(high - 7, usual + shift))


def counter(setting: Setting, player: int, instrument: str, nth: int, melody: Melodies) -> list[Note]:
    """Write a second voice: long tones under the melody, answers in its rests, octaves in the fullest blocks."""
    notes: list[Note] = []
    whole = melody.whole
    beats = setting.style.beats
    for block in setting.playing(player):
        start, end = block.bar * beats, (block.bar + block.bars) * beats
        inside = [note for note in whole if start <= note.start < end]
        if nth == 0 and any(start <= note.start < end for note in melody.second):
            continue
        doubles = nth == 0 and block.level >= _FULL and setting.brief.energy >= _DOUBLED_FROM
        if doubles and not setting.shift:
            notes += _octaves(inside, instrument)
        else:
            centre = _COUNTER_MIDDLE - 5 * nth + setting.register // 2 + setting.shift
            notes += _second_voice(setting, block, inside, instrument, centre)
    return notes


def _octaves(melody: Sequence[Note], instrument: str) -> list[Note]:
    """Return the melody an octave lower, or higher if the instrument does not reach that."""
    preset = INSTRUMENTS[instrument]
    lowest, highest = (pick((note.pitch for note in melody), default=60) for pick in (min, max))
    shift = next((s for s in (-12, 12, -24, 0) if preset.low <= lowest + s and highest + s <= preset.high), None)
    if shift is None:
        shift = -12 if preset.high < highest else 12
    doubled = [replace(note, pitch=note.pitch + shift, velocity=note.velocity - 12) for note in melody]
    return [note for note in doubled if preset.low <= note.pitch <= preset.high]


def _second_voice(setting: Setting, block: Block, melody: Sequence[Note], instrument: str, centre: int) -> list[Note]:
    """Write one long tone for each chord, and an answer by step where the melody rests."""
    preset = INSTRUMENTS[instrument]
    low, high = max(preset.low, centre - 9), min(preset.high, max(centre + 9, preset.low + 12))
    gaps = [(one.end, other.start) for one, other in pairwise(melody) if other.start - one.end >= _GAP_BEATS]
    end = float((block.bar + block.bars) * setting.style.beats)
    if melody and end - melody[-1].end >= _GAP_BEATS:
        gaps.append((melody[-1].end, end))
    notes: list[Note] = []
    previous = centre
    for span in setting.of(block):
        sung = {note.pitch % 12 for note in melody if note.start < span.end and note.end > span.start}
        pool = [p for p in range(low, high + 1) if p % 12 in span.chord.singable]
        dominant = (block.section.key.tonic + 7) % 12  # the melody has the tonic and the third; so the key stays clear
        _, pitch = min(
            (abs(p - previous) + (p % 12 in sung) + 2 * (p == previous) + 4 * (p % 12 == dominant), p) for p in pool
        )
        begins = span.start + (1.0 if span.length >= setting.style.beats > 2 else 0.0)
        gap = next(((a, b) for a, b in gaps if span.start <= a < span.end - 0.5), None)
        answers = _answer(setting, block.section, span, gap, pitch, (low, high)) if gap else []
        until = answers[0].start if answers else span.end
        if until - begins >= 0.5:
            notes.append(Note(begins, (until - begins) * 0.98, pitch, 74))
        notes += answers
        previous = notes[-1].pitch if notes else pitch
    return notes


def _answer(
    setting: Setting,
    section: Section,
    span: ChordSpan,
    gap: tuple[float, float],
    pitch: int,
    bounds: tuple[int, int],
) -> list[Note]:
    """Return a few notes by step from a pitch, in a rest of the melody; the last one belongs to the next chord."""
    unit = 0.5 if setting.tempo < 132 else 1.0
    start = -(-gap[0] // unit) * unit
    count = min(_ANSWER_NOTES, int((min(gap[1], span.end) - start) / unit))
    if count < 1:
        return []
    scale = scale_for(section.key, span.chord, pentatonic=setting.style.pentatonic)
    ladder = [p for p in range(bounds[0] - 2, bounds[1] + 3) if (p - section.key.tonic) % 12 in scale]
    after = span_at(setting.chords, span.end).chord.singable
    goal = min(
        (p for p in ladder if p % 12 in after and p != pitch), key=lambda p: (abs(p - pitch - 5), p), default=pitch
    )
    at = min(range(len(ladder)), key=lambda index: (abs(ladder[index] - pitch), index))
    direction = 1 if goal > pitch else -1
    notes = []
    for index in range(count):
        at = max(0, min(len(ladder) - 1, at + direction))
        length = unit if index < count - 1 else max(unit, min(gap[1], span.end) - start - unit * index)
        notes.append(Note(start + unit * index, length * 0.95, ladder[at], 80 - 2 * index))
    return notes
