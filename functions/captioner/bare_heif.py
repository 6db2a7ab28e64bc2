"""HEIFs and AVIFs, which consist of boxes; `meta` says where pixels and metadata are, `mdat` holds both."""

import re
from collections.abc import Iterator
from typing import Final

_BRANDS: Final = (b"avif", b"avis", b"mif1", b"msf1", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
_HEADER_BYTES: Final = 8
_LARGE: Final = 1
_MAX_BOXES: Final = 1000
# The types of items with metadata in the boxes `infe`, and of profiles in the boxes `colr`.
_METADATA_ITEMS: Final = re.compile(rb"(infe[\x02\x03].{7}(?:.{2})?)(?:Exif|mime|uri )", re.DOTALL)
_PROFILES: Final = re.compile(rb"colr(?!nclx)")
_MAX_PADDING: Final = 8 << 20


def is_heif(data: bytes) -> bool:
    """Say whether the file begins like a HEIF or an AVIF."""
    return data[4:8] == b"ftyp" and data[8:12] in _BRANDS


def without_metadata(data: bytes) -> bytes:
    """Return the file with metadata and profiles that decoders ignore."""
    for kind, start, end in boxes(data):
        if kind == b"meta":
            meta = _PROFILES.sub(b"free", _METADATA_ITEMS.sub(rb"\1free", data[start:end]))
            return b"".join([data[:start], meta, data[end:]])
    return data


def paddings(data: bytes) -> list[bytes]:
    """Return a file that ends early with two paddings; if only metadata are missing, both have the same pixels.

    Return a file that does not end early as it is.
    """
    missing = missing_bytes(data)
    if not 0 < missing <= _MAX_PADDING:
        return [data]
    return [data + bytes(missing), data + (bytes(range(1, 255)) * (missing // 254 + 1))[:missing]]


def missing_bytes(data: bytes) -> int:
    """Return how many bytes the last box lacks."""
    return max((end - len(data) for _, _, end in boxes(data)), default=0)


def boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind, the start and the end of the first boxes; the last one may end behind the data."""
    at = 0
    for _ in range(_MAX_BOXES):
        if at + _HEADER_BYTES > len(data):
            return
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if size == _LARGE:
            size = int.from_bytes(data[at + 8 : at + 16])
        # The last box may leave its size open.
        end = at + size if size >= _HEADER_BYTES else len(data)
        yield kind, at, end
        at = end
