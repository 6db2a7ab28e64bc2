"""Dynamics and articulation: how loud and how long each note is, and how held sounds move."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import pi, sin
from typing import Final

from pipeline.engines.composer.arranging import Block
from pipeline.engines.composer.instruments import INSTRUMENTS
from pipeline.engines.composer.score import EXPRESSION, VIBRATO, Control, Note, Part
from pipeline.engines.composer.setting import Setting

_RANGE_DB: Final = 7.0  # from a block without any heat to the hottest one
_LEAD_SHARE: Final = 0.75  # of that range: the melody is heard in a quiet block, too
_PHRASE_SWELL: Final = 6  # velocity: a phrase is loudest shortly after its middle
_QUIETEST, _LOUDEST = 22, 124
_STEP: Final = 4  # a smaller change of a controller is left out
_LONG_BEATS: Final = 2.0  # a held note that is longer swells by itself
_VIBRATO_AFTER_SECONDS: Final = 0.35
_TREMBLING: Final = frozenset(
    {"cello", "strings", "choir", "trumpet", "french horn", "saxophone", "oboe", "clarinet", "flute", "pan flute"}
    | {"koto", "sitar", "electric guitar"}
)  # fmt: skip
_SHORTENED: Final = {"chords": 0.45, "bass": 0.3, "arpeggio": 0.3, "counter": 0.15, "lead": 0.12}


def expressed(setting: Setting, role: str, instrument: str, notes: Iterable[Note]) -> Part:
    """Return a part with its dynamics: velocities for every note, and controllers for held sounds."""
    ordered = sorted(notes, key=lambda note: (note.start, note.pitch))
    shaped = tuple(_shaped(setting, role, note) for note in ordered)
    controls = _swells(setting, role, shaped) if shaped and not INSTRUMENTS[instrument].decays else []
    if shaped and role in {"lead", "counter"} and instrument in _TREMBLING:
        controls += _vibrato(setting, shaped)
    return Part(role, instrument, shaped, tuple(sorted(controls, key=lambda each: (each.start, each.number))))


def crispness(setting: Setting) -> float:
    """Return how short the notes are, -1 (bound) to 1 (detached): bright and lively music is detached."""
    brief = setting.brief
    return max(-1.0, min(1.0, 0.7 * brief.valence + 1.1 * (brief.energy - 0.45)))


def _shaped(setting: Setting, role: str, note: Note) -> Note:
    beats = setting.style.beats
    bar = int(note.start // beats)
    index = next((at for at, block in enumerate(setting.blocks) if block.holds(bar)), len(setting.blocks) - 1)
    block = setting.blocks[index]
    heat = setting.heat(block)
    if index + 1 < len(setting.blocks) and bar == block.bar + block.bars - 1 and block.bars > 1:
        # The last bar grows towards a louder block.
        rise = setting.heat(setting.blocks[index + 1]) - heat
        heat += max(0.0, 0.7 * rise) * (note.start / beats - bar)
    decibels = _RANGE_DB * (heat - 1) * (_LEAD_SHARE if role == "lead" else 1)
    force = (0.62 + 0.42 * setting.brief.energy) * 10 ** (decibels / 20)
    place = (note.start / beats - block.bar) / block.bars
    breath = _PHRASE_SWELL * (sin(pi * min(1.0, place) ** 1.3) - 0.5)
    velocity = max(_QUIETEST, min(_LOUDEST, round(note.velocity * force + breath)))
    return replace(note, velocity=velocity, length=_articulated(setting, role, note))


def _articulated(setting: Setting, role: str, note: Note) -> float:
    """Return a note's length: detached if the music is bright and lively, else as written."""
    crisp = crispness(setting)
    final = note.start >= setting.layout[-1].bar * setting.style.beats
    if crisp <= 0 or final or note.length > 2 or note.length < 0.2:
        return note.length
    return note.length * (1 - _SHORTENED.get(role, 0.0) * crisp)


def _swells(setting: Setting, role: str, notes: Sequence[Note]) -> list[Control]:
    """Return the expression of a held sound: each phrase grows and fades, long notes too, and the end dies away."""
    beats = setting.style.beats
    last = float(setting.layout[-1].bar * beats)
    depth = 34 if role in {"pad", "chords"} else 20
    points: list[tuple[float, int]] = []
    for block in setting.blocks:
        if not any(_within(note, block, beats) for note in notes):
            continue
        for bar in range(block.bars):
            place = (bar + 0.5) / block.bars
            points.append((float((block.bar + bar) * beats), round(126 - depth * (1 - sin(pi * place**1.2)))))
    if role in {"lead", "counter"}:
        for note in notes:
            if note.length >= _LONG_BEATS and note.start < last:
                points += [
                    (note.start, 104),
                    (note.start + note.length * 0.4, 124),
                    (note.start + note.length * 0.85, 98),
                ]
    final = [note for note in notes if note.start >= last]
    if final:
        length = final[0].length
        points += [(last + length * share, value) for share, value in ((0, 118), (0.35, 104), (0.6, 80), (0.85, 50))]
    return _moves(EXPRESSION, points)


def _vibrato(setting: Setting, notes: Sequence[Note]) -> list[Control]:
    """Return the vibrato: it comes in when a note has begun, and ends with it."""
    wait = _VIBRATO_AFTER_SECONDS * setting.tempo / 60
    points: list[tuple[float, int]] = []
    depth = round(44 + 30 * setting.brief.energy)
    for note in notes:
        if note.length >= 2 * wait and note.length >= 1:
            points += [
                (note.start, 0),
                (note.start + wait, depth // 2),
                (note.start + 1.5 * wait, depth),
                (note.end, 0),
            ]
    return _moves(VIBRATO, points)


def _moves(number: int, points: Iterable[tuple[float, int]]) -> list[Control]:
    """Return the controls for these values, without those that change next to nothing."""
    out: list[Control] = []
    for start, value in sorted(dict(sorted(points)).items()):
        if not out or abs(out[-1].value - value) >= _STEP:
            out.append(Control(start, number, value))
    return out


def _within(note: Note, block: Block, beats: int) -> bool:
    return note.start < (block.bar + block.bars) * beats and note.end > block.bar * beats
