"""Files reduced to what decides their pixels, so that damage beside the pixels cannot refuse a picture.

PNG, JPEG, GIF and WEBP consist of chunks. The pixels, the colour profile and the orientation are kept.
Texts, previews, further frames, checksums and end markers are dropped or written again.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import Final

from musicgenerator.errors import UnsupportedFormatError

_MAX_METADATA_BYTES: Final = 8 << 20

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PIXEL_CHUNKS: Final = {b"IHDR", b"PLTE", b"tRNS"}
_PNG_METADATA: Final = {b"iCCP", b"eXIf"}
# Some programs store the orientation in texts with these keywords.
_PNG_TEXT_CHUNKS: Final = {b"tEXt", b"zTXt", b"iTXt"}
_PNG_TEXTS: Final = re.compile(rb"XML:com\.adobe\.xmp\0|Raw profile type (exif|APP1)\0")
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
_PNG_END_BYTES: Final = 4 + 4 + 12
_PNG_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}

_JPEG: Final = b"\xff\xd8\xff"
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
    (0xEE, b"Adobe", 12),
)
_NEXT_MARKER: Final = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")

_GIF: Final = (b"GIF87a", b"GIF89a")
_GIF_HEADER_BYTES, _GIF_FRAME_BYTES = 13, 10
_EXTENSION, _FRAME, _CONTROL, _TRAILER = 0x21, 0x2C, 0xF9, 0x3B

_WEBP_PIXELS: Final = {b"VP8 ", b"VP8L", b"ALPH"}
_WEBP_METADATA: Final = (b"ICCP", b"EXIF", b"XMP ")
_WEBP_FLAGS: Final = {b"ICCP": 0x20, b"ALPH": 0x10, b"EXIF": 0x08, b"XMP ": 0x04, b"ANMF": 0x02}
_ANIMATED: Final = b"ANMF"
_FRAME_HEADER_BYTES: Final = 16
_LOSSY_HEADER_BYTES, _LOSSLESS_HEADER_BYTES = 10, 5
_COLOUR_AND_LOOPS: Final = bytes(6)


def bare(data: bytes, *, has_metadata: bool = True) -> bytes:
    """Return the picture in a file that has only what its pixels need; return another format as it is.

    Without metadata, the colours and the orientation may be wrong.

    Raises UnsupportedFormatError for a PNG in Apple's variant, whose pixels other decoders read as nothing.
    """
    limit = _MAX_METADATA_BYTES if has_metadata else 0
    if data.startswith(_PNG):
        return _bare_png(data, limit)
    if data.startswith(_JPEG):
        return _bare_jpeg(data, limit)
    if data.startswith(_GIF):
        return _bare_gif(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _bare_webp(data, limit)
    return data


def endings(data: bytes) -> list[bytes]:
    """Return a bare file with other endings, none if its format has no end that can be missing.

    A decoder that finds every pixel returns the same picture for all of them.
    """
    if data.startswith(_JPEG):
        body = data.removesuffix(b"\xff\xd9").rstrip(b"\xff")
        return [body + b"\xff\xd9", body + bytes(range(1, 255)) * 16 + b"\xff\xd9"]
    if data.startswith(_GIF):
        return [data + bytes(600), data + b"\x01" * 600 + b"\0"]
    # Without the checksum of the pixels, a decoder cannot find it wrong.
    return [data[:-_PNG_END_BYTES]] if data.startswith(_PNG) else []


def _bare_png(data: bytes, limit: int) -> bytes:
    chunks, pixels = [], []
    metadata = 0
    for kind, content, is_intact in png_chunks(data):
        if kind == b"CgBI":
            raise UnsupportedFormatError("a PNG in Apple's variant")
        if kind == b"IDAT":
            if content:
                pixels.append(content)
        elif kind in _PIXEL_CHUNKS and not pixels:
            # A wrong checksum here means wrong colours or a wrong size, so the decoder must see it.
            chunks.append(_png_chunk(kind, content, 0 if is_intact else 1))
        elif kind in _PNG_METADATA or (kind in _PNG_TEXT_CHUNKS and _PNG_TEXTS.match(content)):
            metadata += len(content)
            if is_intact and metadata <= limit:
                chunks.append(_png_chunk(kind, content))
        elif kind == b"IEND":
            break
    return b"".join([_PNG, *chunks, _png_chunk(b"IDAT", b"".join(pixels)), _png_chunk(b"IEND", b"")])


def png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview, bool]]:
    """Yield the kind, the content and whether the checksum is right of each chunk; the last one may be cut."""
    view, at = memoryview(data), len(_PNG)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        content = view[at + 8 : at + 8 + length]
        at += 12 + length
        is_intact = kind == b"IDAT" or zlib.crc32(content, zlib.crc32(kind)).to_bytes(4) == view[at - 4 : at]
        yield kind, content, is_intact


def _png_chunk(kind: bytes, content: bytes | memoryview, error: int = 0) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(kind)) ^ error
    return b"".join([struct.pack(">I4s", len(content), kind), content, checksum.to_bytes(4)])


def png_has_all_rows(data: bytes) -> bool:
    """Say whether the compressed data of a bare PNG is as long as its size asks for."""
    inflate, length, wanted = zlib.decompressobj(), 0, 0
    for kind, content, _ in png_chunks(data):
        if kind == b"IHDR":
            wanted = _png_bytes(*struct.unpack_from(">IIBBBBB", content))
        if kind == b"IDAT":
            for at in range(0, len(content), _PIECE):
                length += len(inflate.decompress(content[at : at + _PIECE]))
    return length >= wanted


def _png_bytes(width: int, height: int, bits: int, colour: int, _: int, __: int, interlace: int) -> int:
    passes = _ADAM7 if interlace else ((0, 0, 1, 1),)
    sizes = ((-((x - width) // dx), -((y - height) // dy)) for x, y, dx, dy in passes)
    return sum(rows * (1 + (columns * bits * _PNG_CHANNELS[colour] + 7) // 8) for columns, rows in sizes if columns)


def _bare_jpeg(data: bytes, limit: int) -> bytes:
    kept: list[bytes | memoryview] = [b"\xff\xd8"]
    view, metadata = memoryview(data), 0
    at, has_scan = 2, False
    while found := _NEXT_MARKER.search(data, at):
        marker, start = found[1][0], found.end()
        # What follows a scan's header is its data, up to the next marker that is not a restart.
        if has_scan and found.start() > at:
            kept.append(view[at : found.start()])
        at = start
        if marker == _END:
            kept.append(b"\xff\xd9")
            return b"".join(kept)
        if marker in _STANDALONE or marker < _FIRST_FRAME:
            continue
        at += max(2, int.from_bytes(data[start : start + 2]))
        segment = view[start:at]
        if marker in _METADATA_SEGMENTS:
            metadata += len(segment)
            if has_scan or metadata > limit or not _is_kept(marker, segment):
                continue
        has_scan = has_scan or marker == _SCAN
        kept += [bytes([0xFF, marker]), segment]
    return b"".join([*kept, view[at:]])


def jpeg_coefficient_bytes(data: bytes) -> int:
    """Return how many bytes of coefficients a decoder of a bare JPEG holds: none if the picture is in one scan."""
    count, whole = 0, 0
    for marker, at in _jpeg_segments(data):
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 3)
            count = data[at + 7]
            factors = [(byte >> 4, byte & 15) for byte in data[at + 9 : at + 8 + 3 * count : 3]]
            across, down = max(one for one, _ in factors), max(one for _, one in factors)
            whole = 2 * int(width) * int(height) * sum(one * other for one, other in factors) // (across * down)
            if marker in _PROGRESSIVE_FRAMES:
                return whole
        if marker == _SCAN and data[at + 2] < count:
            return whole
    return 0


def jpeg_with_rows(data: bytes, rows: int) -> bytes:
    """Return a bare JPEG with only its first rows; a decoder skips the others in each scan."""
    for marker, at in _jpeg_segments(data):
        if marker in _FRAMES:
            return b"".join([data[: at + 3], rows.to_bytes(2), data[at + 5 :]])
    return data


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the marker and the place of each segment of a bare JPEG, up to the first scan."""
    at, marker = 2, 0
    while marker != _SCAN and at + 4 <= len(data):
        marker = data[at + 1]
        yield marker, at + 2
        at += 2 + int.from_bytes(data[at + 2 : at + 4])


def _is_kept(marker: int, segment: memoryview) -> bool:
    return any(
        marker == kept and segment[2 : 2 + len(begin)] == begin and len(segment) >= 2 + length
        for kept, begin, length in _KEPT_SEGMENTS
    )


def _bare_gif(data: bytes) -> bytes:
    view = memoryview(data)
    at = _GIF_HEADER_BYTES + _palette_bytes(data[10:11])
    kept = [view[:at]]
    control = view[:0]
    while at < len(data) and data[at] != _TRAILER:
        if data[at] == _EXTENSION:
            end = _after_blocks(data, at + 2)
            if data[at + 1 : at + 2] == bytes([_CONTROL]):
                control = view[at:end]
            at = end
        elif data[at] == _FRAME:
            # The palette, and a byte with the size of the first code.
            start = at + _GIF_FRAME_BYTES + _palette_bytes(data[at + 9 : at + 10]) + 1
            end = _after_blocks(data, start)
            trailer = bytes([_TRAILER]) if end <= len(data) else b""
            return b"".join([*kept, control, view[at:end], trailer])
        else:
            at += 1
    return data


def _palette_bytes(flags: bytes) -> int:
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    """Return the place after the blocks that begin here, which is behind the data's end if their end is missing."""
    length = len(data)
    while at < length:
        size = data[at]
        at += 1 + size
        if not size:
            return at
    return length + 1


def _bare_webp(data: bytes, limit: int) -> bytes:
    chunks = webp_chunks(data, limit)
    size = webp_size(chunks)
    if size is None:
        return data
    canvas = chunks.pop(b"VP8X", memoryview(b""))
    frame = chunks.pop(_ANIMATED, None)
    sized = _three_bytes(size[0] - 1) + _three_bytes(size[1] - 1)
    is_part = frame is not None and canvas[4:10] != sized
    pixels = [_webp_chunk(kind, chunks[kind]) for kind in (b"ALPH", b"VP8 ", b"VP8L") if kind in chunks]
    if is_part and frame is not None:
        sized = bytes(canvas[4:10])
        frame_chunk = _webp_chunk(_ANIMATED, b"".join([frame[:_FRAME_HEADER_BYTES], *pixels]))
        pixels = [_webp_chunk(b"ANIM", _COLOUR_AND_LOOPS), frame_chunk]
    flags = sum(flag for kind, flag in _WEBP_FLAGS.items() if kind in chunks or (is_part and kind == _ANIMATED))
    # A lossless picture and a part of a canvas may be transparent without a chunk that says so.
    flags |= _WEBP_FLAGS[b"ALPH"] if b"VP8L" in chunks or is_part else 0
    head = _webp_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + sized)
    profile, *others = [_webp_chunk(kind, chunks[kind]) if kind in chunks else b"" for kind in _WEBP_METADATA]
    body = b"".join([b"WEBP", head, profile, *pixels, *others])
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def webp_chunks(data: bytes, limit: int = _MAX_METADATA_BYTES) -> dict[bytes, memoryview]:
    """Return the chunks of the first picture in a WEBP and its metadata; the last chunk may be cut.

    An animation also has ``ANMF``, whose chunks follow its header of 16 bytes.
    """
    found: dict[bytes, memoryview] = {}
    metadata = 0
    for kind, content in _chunks(memoryview(data), 12):
        if kind == _ANIMATED and kind not in found:
            found[kind] = content
            pixels = {part: inside for part, inside in _chunks(content, _FRAME_HEADER_BYTES) if part in _WEBP_PIXELS}
            found |= pixels
        elif kind in _WEBP_METADATA:
            metadata += len(content)
            if kind not in found and metadata <= limit:
                found[kind] = content
        elif kind == b"VP8X" or (kind in _WEBP_PIXELS and _ANIMATED not in found):
            found.setdefault(kind, content)
    return found


def webp_size(chunks: dict[bytes, memoryview]) -> tuple[int, int] | None:
    """Return width and height of the first picture in a WEBP, or None if it has none."""
    lossy, lossless = chunks.get(b"VP8 ", b""), chunks.get(b"VP8L", b"")
    if lossy[3:6] == b"\x9d\x01\x2a" and len(lossy) >= _LOSSY_HEADER_BYTES:
        return tuple(side & 0x3FFF for side in struct.unpack_from("<HH", lossy, 6))
    if lossless[:1] == b"\x2f" and len(lossless) >= _LOSSLESS_HEADER_BYTES:
        bits = int.from_bytes(lossless[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None


def _chunks(view: memoryview, at: int) -> Iterator[tuple[bytes, memoryview]]:
    while at + 8 <= len(view):
        length = int.from_bytes(view[at + 4 : at + 8], "little")
        yield bytes(view[at : at + 4]), view[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _webp_chunk(kind: bytes, content: bytes | memoryview) -> bytes:
    return b"".join([kind, len(content).to_bytes(4, "little"), content, bytes(len(content) % 2)])


def _three_bytes(number: int) -> bytes:
    return number.to_bytes(3, "little")
