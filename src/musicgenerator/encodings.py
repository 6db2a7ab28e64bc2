"""Undo content encodings of stored bytes, within a bound.

Cloud Storage keeps the header ``Content-Encoding`` of an upload as metadata and never checks it, so the header may be
false. The checksums at the end of gzip and zlib data are not compared: the picture decoder judges the bytes.
"""

import zlib
from dataclasses import dataclass
from typing import Final

MAX_ENCODINGS: Final = 2
# Compressors that work in blocks write a member for each 64 kB.
MAX_MEMBERS: Final = 4096

_GZIP: Final = b"\x1f\x8b\x08"
_GZIP_HEADER_BYTES: Final = 10
_GZIP_TRAILER_BYTES: Final = 8
_FHCRC, _FEXTRA, _FNAME, _FCOMMENT = 2, 4, 8, 16
_ZLIB_HEADER_BYTES: Final = 2
_DEFLATE_METHOD: Final = 8
_SLICE_BYTES: Final = 2**16


@dataclass(frozen=True)
class StoredBytes:
    """An object's first bytes as they are stored, and the ``Content-Encoding`` in its metadata, which may be false."""

    data: bytes
    encoding: str = ""


def undone(data: bytes, encoding: str, limit: int) -> bytes:
    """Return data without the encodings that a ``Content-Encoding`` names, at most ``limit`` bytes of it.

    An encoding that is unknown, or that the data does not have, leaves the data as it is. If the encoded data is cut
    or damaged, the result is what comes before the damage. Memory and time are bounded by ``limit``.
    """
    names = [name.strip().lower() for name in encoding.split(",")]
    applied = [name for name in names if name not in {"", "identity"}]
    if len(applied) > MAX_ENCODINGS:
        return data[:limit]
    for name in reversed(applied):
        if name in {"gzip", "x-gzip"}:
            data = _gunzipped(data, limit)
        elif name == "deflate":
            data = _inflated(data, _ZLIB_HEADER_BYTES if _is_zlib(data) else 0, limit)[0] or data
    return data[:limit]


def _gunzipped(data: bytes, limit: int) -> bytes:
    """Return the content of gzip data, up to ``MAX_MEMBERS`` members, or the data itself if it is not gzip data."""
    if not data.startswith(_GZIP):
        return data
    content, at = bytearray(), 0
    for _ in range(MAX_MEMBERS):
        if len(content) >= limit or not data.startswith(_GZIP, at):
            break
        start = _after_header(data, at)
        member, end = _inflated(data, start, limit - len(content))
        content += member
        if end is None:
            break
        at = end + _GZIP_TRAILER_BYTES
    return bytes(content)


def _after_header(data: bytes, at: int) -> int:
    """Return where the deflate stream of a gzip member starts; past the end of data if the header is cut."""
    flags = data[at + 3] if at + 3 < len(data) else 0
    start = at + _GZIP_HEADER_BYTES
    if flags & _FEXTRA:
        start += 2 + int.from_bytes(data[start : start + 2], "little")
    for flag in (_FNAME, _FCOMMENT):
        if flags & flag:
            end = data.find(b"\0", start)
            start = end + 1 if end >= 0 else len(data)
    return start + (2 if flags & _FHCRC else 0)


def _is_zlib(data: bytes) -> bool:
    return len(data) > 1 and data[0] & 0x0F == _DEFLATE_METHOD and int.from_bytes(data[:2]) % 31 == 0


def _inflated(data: bytes, start: int, limit: int) -> tuple[bytes, int | None]:
    """Return the content of a raw deflate stream, and where the stream ends: None if it is cut, damaged or too long."""
    # A raw stream has no checksum. Slices keep what was inflated before an error.
    stream, content = zlib.decompressobj(-zlib.MAX_WBITS), bytearray()
    for at in range(start, len(data), _SLICE_BYTES):
        if len(content) >= limit:
            break
        part = data[at : at + _SLICE_BYTES]
        try:
            content += stream.decompress(part, limit - len(content))
        except zlib.error:
            break
        if stream.eof:
            return bytes(content), at + len(part) - len(stream.unused_data)
    return bytes(content), None
