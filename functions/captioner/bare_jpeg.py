"""JPEGs reduced to the segments that decide their pixels, colours and orientation."""

import re
import struct
from collections.abc import Iterator
from typing import Final

SIGNATURE: Final = b"\xff\xd8\xff"

_END_MARKER: Final = b"\xff\xd9"
_FIRST_FRAME, _END, _SCAN = 0xC0, 0xD9, 0xDA
_FRAMES: Final = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE_FRAMES: Final = {0xC2, 0xC6, 0xCA, 0xCE}
# These markers have no length; the standard reserves the others below C0.
_STANDALONE: Final = {0, 1, *range(0xD0, 0xD9)}
_METADATA_SEGMENTS: Final = {*range(0xE0, 0xF0), 0xFE}
# Their marker, how they begin, and how long the decoders expect them to be.
_KEPT_SEGMENTS: Final = (
    (0xE0, b"JFIF\0", 14),
    (0xE1, b"Exif\0\0", 14),
    (0xE1, b"http://ns.adobe.com/xap/1.0/\0", 30),
    (0xE2, b"ICC_PROFILE\0", 14),
)
_ADOBE: Final = (0xEE, b"Adobe", 12)
_FEW_ZEROS: Final = 64
_NEXT_MARKER: Final = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")


def bare(data: bytes, metadata_bytes: int) -> bytes:
    """Return the first picture in the JPEG with no more metadata than this; its end marker may be missing."""
    kept: list[bytes | memoryview] = [b"\xff\xd8"]
    view = memoryview(data)
    at, has_scan = 2, False
    while found := _NEXT_MARKER.search(data, at):
        marker, start = found[1][0], found.end()
        # What follows a scan's header is its data, up to the next marker that is not a restart.
        if has_scan and found.start() > at:
            kept.append(view[at : found.start()])
        at = start
        if marker == _END:
            kept.append(_END_MARKER)
            return b"".join(kept)
        if marker in _STANDALONE or marker < _FIRST_FRAME:
            continue
        at += max(2, int.from_bytes(data[start : start + 2]))
        segment = view[start:at]
        # Adobe's segment says how the channels become colours.
        if marker in _METADATA_SEGMENTS and not _begins(segment, marker, *_ADOBE):
            if has_scan or not any(_begins(segment, marker, *kind) for kind in _KEPT_SEGMENTS):
                continue
            metadata_bytes -= len(segment)
            if metadata_bytes < 0:
                continue
        has_scan = has_scan or marker == _SCAN
        kept += [bytes([0xFF, marker]), segment]
    return b"".join([*kept, view[at:]])


def has_end(jpeg: bytes) -> bool:
    """Say whether a bare JPEG has its end marker."""
    return jpeg.endswith(_END_MARKER)


def is_deep(jpeg: bytes) -> bool:
    """Say whether a bare JPEG has more than 8 bits a channel, which libjpeg cannot decode here."""
    return any(marker in _FRAMES and jpeg[at + 2 : at + 3] > b"\x08" for marker, at in _segments(jpeg))


def endings(jpeg: bytes) -> list[bytes]:
    """Return a bare JPEG with two endings; if every pixel is in the file, a decoder makes one picture of both."""
    body = jpeg.removesuffix(_END_MARKER)
    written = body.rstrip(b"\0")
    # A download that was stopped may have zeros where the rest should be; a single one belongs to the byte before it.
    if not has_end(jpeg) and len(body) - len(written) > _FEW_ZEROS:
        body = written + b"\0"
    body = body.rstrip(b"\xff")
    return [body + _END_MARKER, body + bytes(range(1, 255)) * 16 + _END_MARKER]


def coefficient_bytes(jpeg: bytes) -> int:
    """Return how many bytes of coefficients a decoder of a bare JPEG holds: none if the picture is in one scan."""
    count, whole = 0, 0
    for marker, at in _segments(jpeg):
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", jpeg, at + 3)
            count = jpeg[at + 7]
            factors = [(byte >> 4, byte & 15) for byte in jpeg[at + 9 : at + 8 + 3 * count : 3]]
            across, down = max(one for one, _ in factors), max(one for _, one in factors)
            whole = 2 * int(width) * int(height) * sum(one * other for one, other in factors) // (across * down)
            if marker in _PROGRESSIVE_FRAMES:
                return whole
        if marker == _SCAN and jpeg[at + 2] < count:
            return whole
    return 0


def _segments(jpeg: bytes) -> Iterator[tuple[int, int]]:
    """Yield the marker and the place of each segment of a bare JPEG, up to the first scan."""
    at, marker = 2, 0
    while marker != _SCAN and at + 4 <= len(jpeg):
        marker = jpeg[at + 1]
        yield marker, at + 2
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4])


def _begins(segment: memoryview, marker: int, kept: int, begin: bytes, length: int) -> bool:
    return marker == kept and segment[2 : 2 + len(begin)] == begin and len(segment) >= 2 + length
