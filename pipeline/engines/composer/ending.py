"""The end of each part: the final tonic chord, which rings until the piece is over."""

from collections.abc import Sequence
from typing import Final

from pipeline.engines.composer import accompaniment, bass, drumming
from pipeline.engines.composer.instruments import INSTRUMENTS
from pipeline.engines.composer.score import ChordSpan, Note
from pipeline.engines.composer.setting import Setting
from pipeline.engines.composer.theory import voicing

_HELD_SHARE: Final = 0.35  # of the ring, for which a held sound lasts: then the room rings
_BUSY: Final = 0.5


def last_notes(setting: Setting, role: str, instrument: str, notes: Sequence[Note]) -> list[Note]:
    """Return the end of a part that has played ``notes``."""
    if not notes:
        return []
    span = setting.of(setting.layout[-1])[0]
    beat = span.start
    ring = setting.ring * (1.0 if INSTRUMENTS[instrument].decays else _HELD_SHARE)
    match role:
        case "drums":
            return _last_stroke(setting, instrument, beat, ring)
        case "lead" | "counter":
            tones = (span.chord.root,) if role == "lead" else span.chord.singable
            return [Note(beat, ring, _nearest_pitch(tones, notes[-1].pitch, instrument), 84)]
        case "bass":
            pitch = accompaniment.above(span.chord.root, max(INSTRUMENTS[instrument].low, bass.LOWEST))
            return [Note(beat, ring, pitch, 86)]
        case _:
            return _last_chord(instrument, span, notes, ring)


def _last_stroke(setting: Setting, instrument: str, beat: float, ring: float) -> list[Note]:
    if instrument == "taiko":
        return [Note(beat, ring, drumming.DEEP, 92)]
    busy = setting.layout[-1].intensity > _BUSY and len(setting.style.drums) > 2
    return [Note(beat, 0.5, drumming.KICK, 84)] + [Note(beat, ring, drumming.CRASH, 66)] * busy


def _last_chord(instrument: str, span: ChordSpan, notes: Sequence[Note], ring: float) -> list[Note]:
    preset = INSTRUMENTS[instrument]
    if instrument == "distortion guitar":
        return [Note(span.start, ring, pitch, 84) for pitch in accompaniment.power(span.chord, preset.low)]
    middle = round(sum(note.pitch for note in notes) / len(notes))
    pitches = voicing(span.chord, (), max(preset.low, middle - 10), min(preset.high, middle + 9), 4)
    return [Note(span.start, ring, pitch, 76) for pitch in pitches]


def _nearest_pitch(tones: Sequence[int], last: int, instrument: str) -> int:
    """Return the pitch within the instrument's range that is nearest to ``last`` and is one of these tones."""
    preset = INSTRUMENTS[instrument]
    return min((p for p in range(preset.low, preset.high + 1) if p % 12 in tones), key=lambda p: (abs(p - last), p))
