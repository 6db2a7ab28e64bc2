"""The soundfont, reduced in memory to the samples that a piece plays: decoding all of it would take seconds.

Source: SoundFont 2.04, sections 4 to 7. In an sf3 every sample is an Ogg Vorbis stream, decoded when it is loaded.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from struct import Struct, pack_into, unpack_from
from typing import Final

SHIPPED: Final = "musescore_general_cut.sf3"
_PRESET: Final = Struct("<20x3H12x")  # program, bank, first bag
_INSTRUMENT: Final = Struct("<20xH")  # first bag
_BAG: Final = Struct("<H2x")  # first generator
_GENERATOR: Final = Struct("<2H")  # kind, value
_SAMPLE: Final = Struct("<20x2I16xH")  # start, end, type
_SAMPLE_START: Final = 20
_KEYS: Final = 43
_VELOCITIES: Final = 44
_PLAYED_INSTRUMENT: Final = 41
_PLAYED_SAMPLE: Final = 53
_COMPRESSED: Final = 0x10

# Loudness grows with this power of the velocity, as in the soundfont's own modulators; TinySoundFont's power is one.
_FORCE: Final = 1.35

_Rows = list[tuple[int, ...]]
Strokes = Mapping[tuple[int, int], AbstractSet[tuple[int, int]]]
"""For each bank and program, the keys and velocities that are played."""


def read(path: Path | None, strokes: Strokes) -> bytes:
    """Return a soundfont (None: the shipped one) with only the samples that these strokes play.

    Raise OSError if the file cannot be read, ValueError if it is no soundfont.
    """
    source = path or files("pipeline") / "assets" / SHIPPED
    font = source.read_bytes()
    places = {name: (start, size) for name, start, size in chunks(font)}
    if font[8:12] != b"sfbk" or b"shdr" not in places:
        msg = f"{source} is not a soundfont"
        raise ValueError(msg)
    tables = {
        name: _rows(font, *places[name], form)
        for name, form in (
            (b"phdr", _PRESET), (b"pbag", _BAG), (b"pgen", _GENERATOR),
            (b"inst", _INSTRUMENT), (b"ibag", _BAG), (b"igen", _GENERATOR), (b"shdr", _SAMPLE),
        )
    }  # fmt: skip
    if not all(kind & _COMPRESSED for *_, kind in tables[b"shdr"][:-1]):
        return font  # an sf2: there is nothing to decode
    return _reduced(font, places, tables[b"shdr"], _samples(tables, strokes))


def played_velocity(velocity: float, decibels: float = 0.0) -> int:
    """Return the velocity to play with TinySoundFont, whose loudness is proportional to it, changed by decibels."""
    loudness: float = (max(0.0, velocity) / 127) ** _FORCE * 10 ** (decibels / 20)
    return round(127 * loudness)


def chunks(font: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name, first byte and size of every chunk, also of those inside LIST chunks."""
    at = 12
    while at + 8 <= len(font):
        name, size = font[at : at + 4], int(unpack_from("<I", font, at + 4)[0])
        if name == b"LIST":
            at += 12
            continue
        yield name, at + 8, size
        at += 8 + size
        if size % 2 and not font[at : at + 4].isalpha():  # some writers omit the padding
            at += 1


def _reduced(font: bytes, places: Mapping[bytes, tuple[int, int]], headers: _Rows, wanted: AbstractSet[int]) -> bytes:
    """Return the soundfont with the data of the wanted samples; the other samples are empty."""
    (first, size), (table, _) = places[b"smpl"], places[b"shdr"]
    after = first + size
    after += size % 2 and not font[after : after + 4].isalpha()
    data = bytearray()
    rest = bytearray(font[after:])
    for index, (start, end, _) in enumerate(headers[:-1]):
        begins = len(data)
        if index in wanted:
            data += font[first + start : first + end]
        at = table - after + index * _SAMPLE.size + _SAMPLE_START
        pack_into("<2I", rest, at, begins, len(data))
    data += b"\0" * (len(data) % 2)
    cut = bytearray(font[:first])
    pack_into("<I", cut, first - 4, len(data))
    pack_into("<I", cut, first - 16, len(data) + 12)  # the LIST chunk that holds only the samples
    pack_into("<I", cut, 4, len(cut) + len(data) + len(rest) - 8)
    return bytes(cut + data + rest)


def _rows(font: bytes, start: int, size: int, form: Struct) -> _Rows:
    return [form.unpack_from(font, at) for at in range(start, start + size - form.size + 1, form.size)]


def _samples(tables: Mapping[bytes, _Rows], strokes: Strokes) -> set[int]:
    """Return the samples that the strokes play, each with the one after it, which is silence in the shipped font."""
    parts = tables[b"inst"]
    played: set[int] = set()
    for (program, bank, bag), (*_, end) in pairwise(tables[b"phdr"]):
        struck = strokes.get((bank, program), frozenset())
        for index, within in _zones(tables[b"pbag"], tables[b"pgen"], bag, end, _PLAYED_INSTRUMENT, struck):
            first, last = parts[index][0], parts[index + 1][0]
            zones = _zones(tables[b"ibag"], tables[b"igen"], first, last, _PLAYED_SAMPLE, within)
            played |= {after for sample, sounding in zones if sounding for after in (sample, sample + 1)}
    return played


def _zones(
    bags: _Rows, generators: _Rows, first: int, end: int, kind: int, strokes: AbstractSet[tuple[int, int]]
) -> Iterator[tuple[int, AbstractSet[tuple[int, int]]]]:
    """Yield what each zone plays, with the strokes within its ranges; a first zone that plays nothing has defaults."""
    common: dict[int, int] = {}
    for bag in range(first, end):
        values = {row[0]: row[1] for row in generators[bags[bag][0] : bags[bag + 1][0]]}
        if kind not in values:
            common = values
            continue
        yield values[kind], set(_within(strokes, common | values))


def _within(strokes: Iterable[tuple[int, int]], values: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    keys, velocities = (values.get(kind, 127 << 8) for kind in (_KEYS, _VELOCITIES))
    for key, velocity in strokes:
        if keys & 0xFF <= key <= keys >> 8 and velocities & 0xFF <= velocity <= velocities >> 8:
            yield key, velocity
