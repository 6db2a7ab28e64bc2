"""WEBPs reduced to their first picture, with a header that says what follows."""

import re
import struct
from collections.abc import Iterator
from typing import Final

MAX_METADATA_BYTES: Final = 8 << 20

_PIXELS: Final = {b"VP8 ", b"VP8L", b"ALPH"}
_METADATA: Final = (b"ICCP", b"EXIF", b"XMP ")
_FLAGS: Final = {b"ICCP": 0x20, b"ALPH": 0x10, b"EXIF": 0x08, b"XMP ": 0x04, b"ANMF": 0x02}
_ANIMATED: Final = b"ANMF"
_NEXT_PIXELS: Final = re.compile(rb"(?s)(?=VP8 .{7}\x9d\x01\x2a|VP8L.{4}\x2f)")
_RIFF_BYTES, _FRAME_HEADER_BYTES = 12, 16
_LOSSY_HEADER_BYTES, _LOSSLESS_HEADER_BYTES = 10, 5
_COLOUR_AND_LOOPS: Final = bytes(6)


def is_webp(data: bytes) -> bool:
    """Say whether the file begins like a WEBP."""
    return data.startswith(b"RIFF") and data[8:12] == b"WEBP"


def bare(data: bytes, metadata_bytes: int) -> bytes:
    """Return the first picture with no more metadata than this; return a WEBP without a picture as it is."""
    found = chunks(data, metadata_bytes)
    picture = size(found)
    if picture is None:
        return data
    canvas = found.pop(b"VP8X", memoryview(b""))
    frame = found.pop(_ANIMATED, None)
    sized = _three_bytes(picture[0] - 1) + _three_bytes(picture[1] - 1)
    is_part = frame is not None and canvas[4:10] != sized
    pixels = [_chunk(kind, found[kind]) for kind in (b"ALPH", b"VP8 ", b"VP8L") if kind in found]
    if is_part and frame is not None:
        sized = bytes(canvas[4:10])
        pixels = [
            _chunk(b"ANIM", _COLOUR_AND_LOOPS),
            _chunk(_ANIMATED, b"".join([frame[:_FRAME_HEADER_BYTES], *pixels])),
        ]
    flags = sum(flag for kind, flag in _FLAGS.items() if kind in found or (is_part and kind == _ANIMATED))
    # A lossless picture and a part of a canvas may be transparent without a chunk that says so.
    flags |= _FLAGS[b"ALPH"] if b"VP8L" in found or is_part else 0
    head = _chunk(b"VP8X", bytes([flags, 0, 0, 0]) + sized)
    profile, *others = [_chunk(kind, found[kind]) if kind in found else b"" for kind in _METADATA]
    body = b"".join([b"WEBP", head, profile, *pixels, *others])
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def chunks(data: bytes, metadata_bytes: int = MAX_METADATA_BYTES) -> dict[bytes, memoryview]:
    """Return the chunks of the first picture in a WEBP and its metadata; the last chunk may be cut.

    An animation also has ``ANMF``, whose chunks follow its header of 16 bytes.
    """
    found = _first_chunks(data, _RIFF_BYTES, metadata_bytes)
    if size(found) is None and (pixels := _NEXT_PIXELS.search(data)):
        # The length of a chunk before the pixels is wrong.
        found = _first_chunks(data, pixels.start(), metadata_bytes)
    return found


def size(found: dict[bytes, memoryview]) -> tuple[int, int] | None:
    """Return width and height of the first picture in a WEBP, or None if it has none."""
    lossy, lossless = found.get(b"VP8 ", b""), found.get(b"VP8L", b"")
    if lossy[3:6] == b"\x9d\x01\x2a" and len(lossy) >= _LOSSY_HEADER_BYTES:
        return tuple(side & 0x3FFF for side in struct.unpack_from("<HH", lossy, 6))
    if lossless[:1] == b"\x2f" and len(lossless) >= _LOSSLESS_HEADER_BYTES:
        bits = int.from_bytes(lossless[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None


def _first_chunks(data: bytes, at: int, metadata_bytes: int) -> dict[bytes, memoryview]:
    found: dict[bytes, memoryview] = {}
    for kind, content in _chunks(memoryview(data), at):
        if kind == _ANIMATED and kind not in found:
            found[kind] = content
            found |= {part: inside for part, inside in _chunks(content, _FRAME_HEADER_BYTES) if part in _PIXELS}
        elif kind in _METADATA:
            metadata_bytes -= len(content) + 1
            if kind not in found and metadata_bytes >= 0:
                found[kind] = content
        elif kind == b"VP8X" or (kind in _PIXELS and _ANIMATED not in found):
            found.setdefault(kind, content)
    return found


def _chunks(view: memoryview, at: int) -> Iterator[tuple[bytes, memoryview]]:
    while at + 8 <= len(view):
        length = int.from_bytes(view[at + 4 : at + 8], "little")
        yield bytes(view[at : at + 4]), view[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _chunk(kind: bytes, content: bytes | memoryview) -> bytes:
    return b"".join([kind, len(content).to_bytes(4, "little"), content, bytes(len(content) % 2)])


def _three_bytes(number: int) -> bytes:
    return number.to_bytes(3, "little")
