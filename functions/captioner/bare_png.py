"""PNGs reduced to the chunks that decide their pixels, colours and orientation; Pillow refuses damage in the others."""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import Final

from musicgenerator.errors import DamagedPictureError, UnsupportedFormatError

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"

_PIXEL_CHUNKS: Final = (b"IHDR", b"PLTE", b"tRNS")
_METADATA_CHUNKS: Final = {b"iCCP", b"eXIf"}
# Some programs store the orientation in texts with these keywords.
_TEXT_CHUNKS: Final = {b"tEXt", b"zTXt", b"iTXt"}
_TEXTS: Final = re.compile(rb"XML:com\.adobe\.xmp\0|Raw profile type (exif|APP1)\0")
_NEXT_PIXELS: Final = re.compile(rb"(?s)(?=.{4}(?:PLTE|tRNS|IDAT|IEND))")
_PALETTE: Final = 3
_MAX_COLOURS: Final = 256
_INTERLACE_AT: Final = 28
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Where each pass of an interlaced PNG starts, and its steps.
_ADAM7: Final = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_PIECE: Final = 1 << 15
# The checksum of the pixels, the checksum of their chunk, and the chunk `IEND`.
_END_BYTES: Final = 4 + 4 + 12


def bare(data: bytes, metadata_bytes: int) -> bytes:
    """Return the PNG with right checksums, an end, no more metadata than this, and nothing else.

    Raises UnsupportedFormatError for Apple's variant, whose pixels other decoders read as nothing, and
    DamagedPictureError if nothing tells the size or the colours.
    """
    kept: dict[bytes, memoryview] = {}
    metadata: list[bytes] = []
    pixels = bytearray()
    for kind, content in _chunks(data):
        if kind == b"CgBI":
            raise UnsupportedFormatError("a PNG in Apple's variant")
        if kind == b"IEND":
            break
        if kind == b"IDAT":
            pixels += content
        elif kind in _PIXEL_CHUNKS and not pixels:
            kept[kind] = kept.get(kind, content)
        elif kind in _METADATA_CHUNKS or (kind in _TEXT_CHUNKS and _TEXTS.match(content)):
            metadata_bytes -= len(content) + 1
            if metadata_bytes >= 0:
                metadata.append(_chunk(kind, content))
    header = bytes(kept.get(b"IHDR", b""))
    if header[9:10] == bytes([_PALETTE]) and b"PLTE" not in kept:
        raise DamagedPictureError("the palette is missing")
    kept[b"PLTE"] = _palette(kept.get(b"PLTE", memoryview(b"")))
    kept[b"tRNS"] = _transparency(header, len(kept[b"PLTE"]), kept.get(b"tRNS", memoryview(b"")))
    head = [_chunk(kind, kept[kind]) for kind in _PIXEL_CHUNKS if kept.get(kind)]
    png = b"".join([SIGNATURE, *head, *metadata, _chunk(b"IDAT", pixels), _chunk(b"IEND", b"")])
    # If the checksum of the size is wrong, the number of pixels shows whether the size is.
    is_certain = zlib.crc32(data[12:29]) == int.from_bytes(data[29:33])
    if not is_certain and missing_bytes(png):
        raise DamagedPictureError("the size is wrong")
    return png


def _palette(content: memoryview) -> memoryview:
    return content[: min(len(content) // 3, _MAX_COLOURS) * 3]


def _transparency(header: bytes, palette_bytes: int, content: memoryview) -> memoryview:
    """Return what a `tRNS` chunk has of use: no more colours than the palette, and a colour of 16 bits as one of 8."""
    bits, colour = header[8:9], header[9:10]
    if colour == bytes([_PALETTE]):
        return content[: palette_bytes // 3]
    length = {b"\0": 2, b"\2": 6}.get(colour, 0)
    content = content[:length] if len(content) >= length else content[:0]
    if bits != b"\x10":
        return content
    # Pillow compares the colour with pixels that it has already reduced to 8 bits.
    return memoryview(b"".join(bytes([0, high]) for high in content[::2]))


def without_checksum(png: bytes) -> bytes:
    """Return a bare PNG without the checksum of its pixels, which a decoder then cannot find wrong."""
    return png[:-_END_BYTES]


def is_interlaced(png: bytes) -> bool:
    """Say whether a bare PNG is interlaced."""
    return png[_INTERLACE_AT] != 0


def missing_bytes(png: bytes) -> int:
    """Return how many bytes its decompressed rows lack for the size of a bare PNG; negative if it has more."""
    inflate, missing = zlib.decompressobj(), 0
    for kind, content in _chunks(png):
        if kind == b"IHDR":
            missing = _row_bytes(*struct.unpack_from(">IIBBBBB", content))
        for at in range(0, len(content) if kind == b"IDAT" else 0, _PIECE):
            missing -= len(inflate.decompress(content[at : at + _PIECE]))
            if missing < 0:
                return missing
    return missing


def _row_bytes(width: int, height: int, bits: int, colour: int, _: int, __: int, interlace: int) -> int:
    passes = _ADAM7 if interlace else ((0, 0, 1, 1),)
    sizes = ((-((x - width) // dx), -((y - height) // dy)) for x, y, dx, dy in passes)
    return sum(rows * (1 + (columns * bits * _CHANNELS[colour] + 7) // 8) for columns, rows in sizes if columns)


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the kind and the content of each chunk; the last one may be cut."""
    view, at = memoryview(data), len(SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        start, at = at + 8, at + 12 + length
        yield kind, view[start : start + length]
        # If no chunk follows, the length was wrong.
        if kind not in _PIXEL_CHUNKS and kind != b"IDAT" and not data[at + 4 : at + 8].isalpha():
            found = _NEXT_PIXELS.search(data, start)
            at = found.start() if found else len(data)


def _chunk(kind: bytes, content: bytes | bytearray | memoryview) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return b"".join([struct.pack(">I4s", len(content), kind), content, checksum.to_bytes(4)])
