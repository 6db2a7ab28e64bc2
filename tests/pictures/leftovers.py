"""Find what a JPEG contains besides its pixels, without a library."""

from collections.abc import Iterator
from typing import Final

START, END, SCAN, JFIF = 0xD8, 0xD9, 0xDA, 0xE0
# The segments that a picture needs: quantisation tables, a baseline or progressive frame, Huffman tables, the scan.
PIXELS: Final = {0xDB, 0xC0, 0xC2, 0xC4, SCAN}


def leftovers(jpeg: bytes) -> list[str]:
    """Return every segment that is neither pixels nor a bare JFIF header, and the number of bytes after the end."""
    return list(_found(jpeg))


def _found(jpeg: bytes) -> Iterator[str]:
    if jpeg[:2] != bytes([0xFF, START]):
        yield "no JPEG"
        return
    at = 2
    while jpeg[at + 1] != END:
        marker, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        bare = marker == JFIF and jpeg[at + 4 : at + 9] == b"JFIF\0" and length == 16
        if jpeg[at] != 0xFF or not (bare or marker in PIXELS):
            yield f"segment {marker:02x} of {length} bytes at {at}"
        at += 2 + length
        # In a scan's data, FF is followed by 0 or a restart marker; any other byte begins the next segment.
        while marker == SCAN and (jpeg[at] != 0xFF or jpeg[at + 1] == 0 or 0xD0 <= jpeg[at + 1] <= 0xD7):
            at += 1
    if at + 2 != len(jpeg):
        yield f"{len(jpeg) - at - 2} bytes behind the end"
