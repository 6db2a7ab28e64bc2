"""The soundfont, reduced in memory to the presets of a piece: decoding all of it takes 150 MB and half a second.

Source: SoundFont 2.04, sections 4 to 7. In an sf3 every sample is an Ogg Vorbis stream, decoded when it is loaded.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from struct import Struct, unpack_from
from typing import Final

_SHIPPED: Final = "fluidr3_33presets.sf3"
_PRESET: Final = Struct("<20x3H12x")  # program, bank, first bag
_INSTRUMENT: Final = Struct("<20xH")  # first bag
_BAG: Final = Struct("<H2x")  # first generator
_GENERATOR: Final = Struct("<2H")  # kind, value
_SAMPLE: Final = Struct("<20x2I16xH")  # start, end, type
_SAMPLE_END: Final = 24
_INSTRUMENT_GENERATOR: Final = 41
_SAMPLE_GENERATOR: Final = 53
_COMPRESSED: Final = 0x10

_Rows = list[tuple[int, ...]]


def read(path: Path | None, presets: AbstractSet[tuple[int, int]]) -> bytes:
    """Return a soundfont (None: the shipped one) with only the samples of these pairs of bank and program.

    Raise OSError if the file cannot be read, ValueError if it is no soundfont.
    """
    source = path or files("pipeline") / "assets" / _SHIPPED
    font = bytearray(source.read_bytes())
    chunks = {name: (start, size) for name, start, size in _chunks(font)}
    if font[8:12] != b"sfbk" or b"shdr" not in chunks:
        msg = f"{source} is not a soundfont"
        raise ValueError(msg)
    tables = {
        name: _rows(font, *chunks[name], form)
        for name, form in (
            (b"phdr", _PRESET), (b"pbag", _BAG), (b"pgen", _GENERATOR),
            (b"inst", _INSTRUMENT), (b"ibag", _BAG), (b"igen", _GENERATOR), (b"shdr", _SAMPLE),
        )
    }  # fmt: skip
    wanted = _samples(tables, presets)
    first, _ = chunks[b"shdr"]
    for index, (start, _, kind) in enumerate(tables[b"shdr"]):
        if index not in wanted and kind & _COMPRESSED:
            at = first + index * _SAMPLE.size + _SAMPLE_END
            font[at : at + 4] = start.to_bytes(4, "little")  # empty: nothing to decode
    return bytes(font)


def _chunks(font: bytearray) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name, first byte and size of every chunk, also of those inside LIST chunks."""
    at = 12
    while at + 8 <= len(font):
        name, size = bytes(font[at : at + 4]), int(unpack_from("<I", font, at + 4)[0])
        if name == b"LIST":
            at += 12
            continue
        yield name, at + 8, size
        at += 8 + size
        if size % 2 and not font[at : at + 4].isalpha():  # some writers omit the padding
            at += 1


def _rows(font: bytearray, start: int, size: int, form: Struct) -> _Rows:
    return [form.unpack_from(font, at) for at in range(start, start + size - form.size + 1, form.size)]


def _samples(tables: dict[bytes, _Rows], presets: AbstractSet[tuple[int, int]]) -> set[int]:
    """Return the samples that these presets play."""
    heads = tables[b"phdr"]
    instruments = {
        value
        for (program, bank, bag), (*_, end) in pairwise(heads)
        if (bank, program) in presets
        for value in _values(tables[b"pbag"], tables[b"pgen"], bag, end, _INSTRUMENT_GENERATOR)
    }
    parts = tables[b"inst"]
    return {
        value
        for index in instruments
        for value in _values(tables[b"ibag"], tables[b"igen"], parts[index][0], parts[index + 1][0], _SAMPLE_GENERATOR)
    }


def _values(bags: _Rows, generators: _Rows, first: int, end: int, kind: int) -> Iterator[int]:
    for number, value in generators[bags[first][0] : bags[end][0]]:
        if number == kind:
            yield value
