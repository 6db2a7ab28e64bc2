"""HEIFs and AVIFs, which consist of boxes; `meta` says where pixels and metadata are, `mdat` holds both."""

import re
from collections.abc import Iterator
from typing import Final

from musicgenerator.errors import TruncatedPictureError

# The first brand that a file has decides how it is decoded.
_BRANDS: Final = (b"avif", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"avis", b"mif1", b"msf1")
_MAJOR_BRAND: Final = slice(8, 12)
_HEADER_BYTES: Final = 8
_LARGE: Final = 1
_MAX_BOXES: Final = 1000
# The types of items with metadata in the boxes `infe`, and of profiles in the boxes `colr`.
_METADATA_ITEMS: Final = re.compile(rb"(infe[\x02\x03].{7}(?:.{2})?)(?:Exif|mime|uri )", re.DOTALL)
_PROFILES: Final = re.compile(rb"colr(?!nclx)")
_MAX_PADDING: Final = 8 << 20
_FEW_ZEROS: Final = 64
_MAX_BRANDS_BYTES: Final = 200
# Only these hold pixels, or say where they are; phones add other boxes, such as a film.
_PICTURE_BOXES: Final = (b"mdat", b"meta")


def is_heif(data: bytes) -> bool:
    """Say whether the file begins like a HEIF or an AVIF."""
    return _brand(data) is not None


def bare(data: bytes) -> bytes:
    """Return the file with a brand that decoders know as its major one, which they read alone."""
    brand = _brand(data)
    return data if brand is None else data[: _MAJOR_BRAND.start] + brand + data[_MAJOR_BRAND.stop :]


def _brand(data: bytes) -> bytes | None:
    if data[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(data[:4]), _MAX_BRANDS_BYTES)
    compatible = {data[at : at + 4] for at in range(16, end, 4)}
    major = data[_MAJOR_BRAND]
    return major if major in _BRANDS else next((brand for brand in _BRANDS if brand in compatible), None)


def without_metadata(data: bytes) -> bytes:
    """Return the file with metadata and profiles that decoders ignore."""
    for kind, start, end in boxes(data):
        if kind == b"meta":
            meta = _PROFILES.sub(b"free", _METADATA_ITEMS.sub(rb"\1free", data[start:end]))
            return b"".join([data[:start], meta, data[end:]])
    return data


def paddings(data: bytes) -> list[bytes]:
    """Return a file that ends early with two paddings; if only metadata are missing, both have the same pixels.

    Return a file that does not end early as it is. Raises TruncatedPictureError if too much is missing.
    """
    missing, data = missing_bytes(data), _written(data)
    if missing <= 0:
        return [data]
    if missing > _MAX_PADDING:
        raise TruncatedPictureError(f"{missing} bytes are missing")
    return [data + bytes(missing), data + (bytes(range(1, 255)) * (missing // 254 + 1))[:missing]]


def missing_bytes(data: bytes) -> int:
    """Return how many bytes the last box lacks, if it is one with pixels or metadata."""
    written = len(_written(data))
    return max((end - written for kind, _, end in boxes(data) if kind in _PICTURE_BOXES), default=0)


def _written(data: bytes) -> bytes:
    """Return a HEIF without many zeros at its end: HEVC, unlike AV1, never has more than two in a row."""
    written = data.rstrip(b"\0")
    return written if b"hvcC" in data and len(data) - len(written) > _FEW_ZEROS else data


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
