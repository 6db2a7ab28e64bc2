"""Cut the shipped soundfont out of MuseScore General: ``python -m tools.soundfont MuseScore_General_Lite.sf3``.

The source is in Debian's package musescore-general-soundfont-small. Only the presets that the composer plays are
copied; their samples stay as they are, Ogg Vorbis streams. TinySoundFont knows no modulators, so what they do to the
timbre is written into the zones, for several ranges of velocity. Source: SoundFont 2.04, sections 4 to 9.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from struct import Struct, pack
from typing import Any, Final, NamedTuple

import numpy as np
import soundfile

from pipeline.engines.composer.instruments import INSTRUMENTS
from pipeline.engines.composer.mixes import MIXES
from pipeline.engines.composer.soundfont import SHIPPED, chunks, played_velocity

_HEAD: Final = Struct("<20s3H3I")  # name, program, bank, first bag, library, genre, morphology
_INSTRUMENT: Final = Struct("<20sH")  # name, first bag
_BAG: Final = Struct("<2H")  # first generator, first modulator
_GENERATOR: Final = Struct("<Hh")  # kind, value
_MODULATOR: Final = Struct("<2Hh2H")  # source, destination, amount, source of the amount, transform
_SAMPLE: Final = Struct("<20s5I2B2H")  # name, start, end, loop, loop's end, rate, pitch, correction, link, type
_PLAYED_INSTRUMENT, _KEYS, _VELOCITIES, _ATTENUATION, _PLAYED_SAMPLE = 41, 43, 44, 48, 53
_CUTOFF, _RESONANCE, _TO_CUTOFF = 8, 9, 11  # the filter, and how far its envelope moves it
_OPEN, _BRIGHT = 13500, 12000  # a filter that passes everything, and one that nearly does
_ADDRESSES: Final = frozenset({0, 1, 2, 3, 4, 12, 45, 50})
_EFFECTS: Final = frozenset({15, 16})  # sends to a chorus and a reverb, which TinySoundFont has not
# The values that differ from 0 where a zone has none.
_DEFAULTS: Final = {_CUTOFF: _OPEN, 46: -1, 47: -1, 56: 100, 58: -1} | dict.fromkeys(
    (21, 23, 25, 26, 27, 28, 30, 33, 34, 35, 36, 38), -12000
)
# Attenuation as the hardware of the format's time applied it, for which soundfonts are made.
_APPLIED: Final = 0.4
_ALL: Final = 127 << 8
_DRUMS: Final = 128  # the bank of the drum kits
_MONO: Final = 0x11
_RATE: Final = 44_100
_VELOCITY, _KEY = 2, 3  # sources of modulators
_EDGES: Final = (0, 48, 68, 88, 108, 128)  # the velocities at which the timbre changes

# The piano has two recorded layers, of 7 MB each. The harder one plays all strokes, the softer the darker, because
# TinySoundFont cannot brighten the other as the font means it. The outermost keys are never played.
_PIANO: Final = (0, 0)
_HARD: Final = 108
_PIANO_KEYS: Final = (28, 100)
# Soft notes are darker: by how many cents the filter falls from the hardest velocity to the softest, at least.
_BY_VELOCITY: Final = (_VELOCITY | 0x100, _CUTOFF, 0)
_DARKER: Final = -4800

_Values = dict[int, int]


class _Zone(NamedTuple):
    values: _Values
    modulators: dict[tuple[int, int, int], int]  # source, destination and source of the amount; the amount


class _Font:
    """The tables of a soundfont, and its sample data."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._chunks = {name: (start, size) for name, start, size in chunks(data)}
        self.heads = self._rows(b"phdr", _HEAD)
        self.samples = self._rows(b"shdr", _SAMPLE)
        self._instruments = self._rows(b"inst", _INSTRUMENT)
        self._tables = {
            kind: tuple(
                self._rows(kind + name, form)
                for name, form in ((b"bag", _BAG), (b"gen", _GENERATOR), (b"mod", _MODULATOR))
            )
            for kind in (b"p", b"i")
        }
        self._start, _ = self._chunks[b"smpl"]

    def preset(self, first: int, end: int) -> Iterator[_Zone]:
        """Yield the zones of a preset between two bags, with its common values."""
        return self._zones(b"p", first, end, _PLAYED_INSTRUMENT)

    def instrument(self, number: int) -> Iterator[_Zone]:
        """Yield the zones of an instrument, with its common values."""
        return self._zones(b"i", self._instruments[number][1], self._instruments[number + 1][1], _PLAYED_SAMPLE)

    def stream(self, sample: int) -> bytes:
        """Return the Ogg Vorbis stream of a sample."""
        _, start, end, *_ = self.samples[sample]
        return self._data[self._start + start : self._start + end]

    def _zones(self, table: bytes, first: int, end: int, plays: int) -> Iterator[_Zone]:
        bags, generators, modulators = self._tables[table]
        common = _Zone({}, {})
        for (generator, modulator), (generators_end, modulators_end) in pairwise(bags[first : end + 1]):
            values = dict(generators[generator:generators_end])
            moved = {(row[0], row[1], row[3]): row[2] for row in modulators[modulator:modulators_end]}
            if plays in values:
                yield _Zone(common.values | values, common.modulators | moved)
            else:
                common = _Zone(values, moved)

    def _rows(self, name: bytes, form: Struct) -> list[tuple[Any, ...]]:
        start, size = self._chunks[name]
        return [form.unpack_from(self._data, at) for at in range(start, start + size - form.size + 1, form.size)]


def cut(source: bytes, presets: Sequence[tuple[int, int]]) -> bytes:
    """Return a soundfont with only these presets, pairs of bank and program; raise KeyError if one is missing."""
    font = _Font(source)
    heads = {(head[2], head[1]): (head, following[3]) for head, following in pairwise(font.heads)}
    samples: dict[int, int] = {}
    phdr = pbag = pgen = inst = ibag = igen = b""
    for number, preset in enumerate(presets):
        head, end = heads[preset]
        phdr += _HEAD.pack(*head[:3], number, 0, 0, 0)
        pbag += _BAG.pack(number, 0)
        pgen += _GENERATOR.pack(_PLAYED_INSTRUMENT, number)
        inst += _INSTRUMENT.pack(head[0], len(ibag) // _BAG.size)
        for values in _flat(font, preset, head[3], end):
            values[_PLAYED_SAMPLE] = samples.setdefault(values[_PLAYED_SAMPLE], 2 * len(samples))
            ibag += _BAG.pack(len(igen) // _GENERATOR.size, 0)
            igen += b"".join(_GENERATOR.pack(kind, values[kind]) for kind in sorted(values, key=_order))
    phdr += _HEAD.pack(b"EOP", 0, 0, len(presets), 0, 0, 0)
    pbag += _BAG.pack(len(presets), 0)
    inst += _INSTRUMENT.pack(b"EOI", len(ibag) // _BAG.size)
    ibag += _BAG.pack(len(igen) // _GENERATOR.size, 0)
    data, shdr = _copied(font, samples)
    last, none = _GENERATOR.pack(0, 0), bytes(_MODULATOR.size)
    tables = (
        (b"phdr", phdr), (b"pbag", pbag), (b"pmod", none), (b"pgen", pgen + last),
        (b"inst", inst), (b"ibag", ibag), (b"imod", none), (b"igen", igen + last), (b"shdr", shdr),
    )  # fmt: skip
    lists = ((b"INFO", _information()), (b"sdta", _chunk(b"smpl", data)))
    body = b"".join(_chunk(b"LIST", name + content) for name, content in lists)
    pdta = _chunk(b"LIST", b"pdta" + b"".join(_chunk(name, content) for name, content in tables))
    return _chunk(b"RIFF", b"sfbk" + body + pdta)


def _order(kind: int) -> tuple[int, int]:
    """Sort generators as the format asks: keys, velocities, the others, the sample."""
    return {_KEYS: -2, _VELOCITIES: -1, _PLAYED_SAMPLE: 1}.get(kind, 0), kind


def _flat(font: _Font, preset: tuple[int, int], first: int, end: int) -> Iterator[_Values]:
    """Yield the values of each zone of each instrument of a preset, in each range of velocities."""
    zones = [*font.preset(first, end)]
    if preset == _PIANO:
        zones = [_piano(zone) for zone in zones if zone.values[_VELOCITIES] & 0xFF >= _HARD]
    for outer in zones:
        for zone in font.instrument(outer.values[_PLAYED_INSTRUMENT]):
            inner = _piano(zone) if preset == _PIANO else zone
            if preset[0] != _DRUMS and inner.values.get(_CUTOFF, _OPEN) + outer.values.get(_CUTOFF, 0) >= _BRIGHT:
                outer.modulators[_BY_VELOCITY] = min(_DARKER, outer.modulators.get(_BY_VELOCITY, 0))
            keys, velocities = (_common(outer, inner, kind) for kind in (_KEYS, _VELOCITIES))
            edges = _EDGES if _moved_by_velocity(outer) or _moved_by_velocity(inner) else (0, 128)
            for low, beyond in pairwise(edges):
                soft, hard = max(low, velocities[0]), min(beyond - 1, velocities[1])
                quietest = played_velocity(soft - 1) + 1 if soft else 0
                loudest = played_velocity(hard)
                if keys[0] <= keys[1] and soft <= hard and quietest <= loudest:
                    values = _played(outer, inner, ((keys[0] + keys[1]) / 2, (soft + hard) / 2))
                    yield values | {_KEYS: keys[0] | keys[1] << 8, _VELOCITIES: quietest | loudest << 8}


def _moved_by_velocity(zone: _Zone) -> bool:
    return any(
        amount and to != _ATTENUATION and _VELOCITY in (source & 0x7F, by & 0x7F)
        for (source, to, by), amount in zone.modulators.items()
    )


def _piano(zone: _Zone) -> _Zone:
    """Return a zone of the hard layer, for all velocities and the keys that are played, without its filter."""
    values = {kind: value for kind, value in zone.values.items() if kind not in {_CUTOFF, _TO_CUTOFF, _RESONANCE}}
    low, high = values.get(_KEYS, _ALL) & 0xFF, values.get(_KEYS, _ALL) >> 8
    keys = max(low, _PIANO_KEYS[0]) | min(high, _PIANO_KEYS[1]) << 8
    return _Zone(values | {_VELOCITIES: _ALL, _KEYS: keys}, {})


def _common(outer: _Zone, inner: _Zone, kind: int) -> tuple[int, int]:
    one, other = (zone.values.get(kind, _ALL) for zone in (outer, inner))
    return max(one & 0xFF, other & 0xFF), min(one >> 8, other >> 8)


def _played(outer: _Zone, inner: _Zone, stroke: tuple[float, float]) -> _Values:
    """Return the values of a zone for a key and a velocity: the preset's and the modulators' are added."""
    values = dict(inner.values)
    added = {kind: float(value) for kind, value in outer.values.items() if kind != _PLAYED_INSTRUMENT}
    for zone in (outer, inner):
        for (source, to, by), amount in zone.modulators.items():
            loudness = to == _ATTENUATION and source & 0x7F == _VELOCITY  # the player does that
            if amount and not loudness and to not in _ADDRESSES:
                added[to] = added.get(to, 0) + amount * _source(source, stroke) * (_source(by, stroke) if by else 1)
    for kind, value in added.items():
        values[kind] = round(values.get(kind, _DEFAULTS.get(kind, 0)) + value)
    # No filter takes the fundamental away.
    values[_CUTOFF] = round(min(_OPEN, max(values.get(_CUTOFF, _OPEN), 100 * stroke[0] + 1900)))
    values[_ATTENUATION] = max(0, round(_APPLIED * values.get(_ATTENUATION, 0)))
    return {
        kind: value
        for kind, value in values.items()
        if kind not in _EFFECTS and (value != _DEFAULTS.get(kind, 0) or kind == _PLAYED_SAMPLE)
    }


def _source(source: int, stroke: tuple[float, float]) -> float:
    """Return the value of a modulator's source: the key or the velocity, on a straight line."""
    number = source & 0xFF
    if number not in {_VELOCITY, _KEY}:
        return 0.0
    place = stroke[0 if number == _KEY else 1] / 127
    place = 1 - place if source & 0x100 else place
    return 2 * place - 1 if source & 0x200 else place


def _copied(font: _Font, samples: Mapping[int, int]) -> tuple[bytes, bytes]:
    """Return the data of the samples and their headers. A sample without its other side becomes mono.

    Players read a frame or two past the end of a sample. TinySoundFont decodes the samples one after another, without
    the pause that an sf2 has between them, so a header of silence follows each; they share one stream.
    """
    data, headers = bytearray(_silence()), b""
    silence = _SAMPLE.pack(b"silence", 0, len(data), 0, 0, _RATE, 60, 0, 0, _MONO)
    for old in samples:
        name, _, _, loop, loop_end, rate, pitch, correction, link, kind = font.samples[old]
        start = len(data)
        data += font.stream(old)
        paired = kind != _MONO and link in samples
        pair = (samples[link], kind) if paired else (0, _MONO)
        headers += _SAMPLE.pack(name, start, len(data), loop, loop_end, rate, pitch, correction, *pair) + silence
    data += b"\0" * (len(data) % 2)  # TinySoundFont does not know the padding of chunks
    return bytes(data), headers + _SAMPLE.pack(b"EOS", *[0] * 9)


def _silence() -> bytes:
    file = BytesIO()
    soundfile.write(file, np.zeros(256, np.float32), _RATE, format="OGG", subtype="VORBIS")
    return file.getvalue()


def _information() -> bytes:
    texts = ((b"isng", b"EMU8000"), (b"INAM", b"MuseScore General, cut"), (b"ICOP", b"MIT; see the copyright file"))
    ended = ((name, text + b"\0" * (2 - len(text) % 2)) for name, text in texts)
    return _chunk(b"ifil", pack("<2H", 3, 1)) + b"".join(_chunk(name, text) for name, text in ended)


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def main() -> None:
    """Write the soundfont into ``pipeline/assets``."""
    played = {(instrument.bank, instrument.program) for instrument in INSTRUMENTS.values()}
    played |= {program for mix in MIXES.values() for program in mix.programs.values()}
    out = Path(__file__).parents[1] / "pipeline" / "assets" / SHIPPED
    out.write_bytes(cut(Path(sys.argv[1]).read_bytes(), sorted(played)))
    print(f"{out}: {out.stat().st_size} bytes, {len(played)} presets")


if __name__ == "__main__":
    main()
