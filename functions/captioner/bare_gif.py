"""GIFs reduced to their first frame."""

from typing import Final

SIGNATURES: Final = (b"GIF87a", b"GIF89a")

_HEADER_BYTES, _FRAME_BYTES = 13, 10
_EXTENSION, _FRAME, _CONTROL, _TRAILER = 0x21, 0x2C, 0xF9, 0x3B


def bare(data: bytes) -> bytes:
    """Return the first frame with its palette and its transparency; return a GIF without frames as it is."""
    view = memoryview(data)
    at = _HEADER_BYTES + _palette_bytes(data[10:11])
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
            start = at + _FRAME_BYTES + _palette_bytes(data[at + 9 : at + 10]) + 1
            end = _after_blocks(data, start)
            trailer = bytes([_TRAILER]) if end <= len(data) else b""
            return b"".join([*kept, control, view[at:end], trailer])
        else:
            at += 1
    return data


def endings(gif: bytes) -> list[bytes]:
    """Return a bare GIF with two endings; if every pixel is in the file, a decoder makes one picture of both."""
    return [gif + bytes(600), gif + b"\x01" * 600 + b"\0"]


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
