"""Files reduced to what decides their pixels, so that damage beside the pixels cannot refuse a picture.

The pixels, the colour profile and the orientation are kept.
Texts, previews, further frames, checksums and end markers are dropped or written again.
"""

from typing import Final

import bare_gif
import bare_heif
import bare_jpeg
import bare_png
import bare_webp

# Zeros at the end of compressed pixels, as a part of them, which show that a file was not written to its end.
_MAX_ZEROS: Final = 0.25
_FEW_ZEROS: Final = 64


def bare(data: bytes) -> bytes:
    """Return the picture in a file that has only what its pixels need; of HEIF and AVIF only the brand changes.

    Raises UnsupportedFormatError or DamagedPictureError for a PNG whose pixels cannot be understood.
    """
    return _bare(data, bare_webp.MAX_METADATA_BYTES)


def bare_without_metadata(data: bytes) -> list[bytes]:
    """Return the picture without metadata, so that its colours and its orientation may be wrong.

    Return a HEIF or AVIF that ends early twice; if only metadata are missing, both have the same pixels.
    """
    if bare_heif.is_heif(data):
        return [bare_heif.without_metadata(padded) for padded in bare_heif.paddings(bare_heif.bare(data))]
    return [_bare(data, 0)]


def is_cut_by_zeros(data: bytes) -> bool:
    """Say whether the pixels of a WEBP, HEIF or AVIF end in many zeros, from which decoders draw without an error."""
    parts: list[bytes] = []
    if bare_heif.is_heif(data):
        parts = [data[start:end] for kind, start, end in bare_heif.boxes(data) if kind == b"mdat"]
    if bare_webp.is_webp(data):
        parts = [bytes(part) for kind, part in bare_webp.chunks(data).items() if kind in {b"VP8 ", b"VP8L"}]
    return any(len(part) - len(part.rstrip(b"\0")) > max(_FEW_ZEROS, _MAX_ZEROS * len(part)) for part in parts)


def endings(data: bytes) -> list[bytes]:
    """Return a bare file with other endings, none if its format has no end that can be missing.

    If every pixel is in the file, a decoder makes one picture of all of them.
    """
    if data.startswith(bare_jpeg.SIGNATURE):
        return bare_jpeg.endings(data)
    if data.startswith(bare_gif.SIGNATURES):
        return bare_gif.endings(data)
    return [bare_png.without_checksum(data)] if data.startswith(bare_png.SIGNATURE) else []


def _bare(data: bytes, metadata_bytes: int) -> bytes:
    if data.startswith(bare_png.SIGNATURE):
        return bare_png.bare(data, metadata_bytes)
    if data.startswith(bare_jpeg.SIGNATURE):
        return bare_jpeg.bare(data, metadata_bytes)
    if data.startswith(bare_gif.SIGNATURES):
        return bare_gif.bare(data)
    if bare_heif.is_heif(data):
        return bare_heif.bare(data)
    return bare_webp.bare(data, metadata_bytes) if bare_webp.is_webp(data) else data
