"""Why a file could not be read: it is no picture, of another format, damaged, cut short or too costly."""

import io
import re
from typing import Final

import bare_gif
import bare_heif
import bare_jpeg
import bare_png
import bare_webp
from PIL import Image

from musicgenerator.errors import (
    DamagedPictureError,
    NotAnImageError,
    PictureError,
    TooComplexPictureError,
    TruncatedPictureError,
    UnsupportedFormatError,
)

# How pictures begin that Pillow may not read: JPEG XL, TIFF and BigTIFF, the raw files of cameras, JPEG XR, OpenEXR,
# Radiance, Photoshop, GIMP, DjVu, BPG, FLIF, MNG, WMF and Clip Studio.
_OTHER_PICTURES: Final = (
    *(b"\xff\x0a", b"\0\0\0\x0cJXL ", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"IIRO", b"IIRS", b"IIU\0"),
    *(b"FUJIFILMCCD-RAW", b"FOVb", b"II\xbc", b"v/1\1", b"#?RADIANCE", b"#?RGBE", b"8BPS", b"gimp xcf", b"AT&TFORM"),
    *(b"BPG\xfb", b"FLIF", b"\x8aMNG", b"\x8bJNG", b"\xd7\xcd\xc6\x9a", b"CSFCHUNK"),
)
_OTHER_BRANDS: Final = (b"crx ", b"vvic", b"jxl ")
_SVG: Final = re.compile(rb"(?i)<(?:\w{1,9}:)?svg[\s/>]")
_HTML: Final = re.compile(rb"(?i)<html")
_HEAD_BYTES: Final = 1 << 16
_SIGNATURES: Final = (bare_jpeg.SIGNATURE, bare_png.SIGNATURE, *bare_gif.SIGNATURES)


def unidentified(data: bytes) -> PictureError:
    """Return why no decoder knows a file."""
    if _is_unsupported(data):
        return UnsupportedFormatError("a picture in another format")
    if accepted(data):
        return failure(data, None)
    try:
        with Image.open(io.BytesIO(data)) as image:
            return UnsupportedFormatError(str(image.format))
    except Image.DecompressionBombError:
        return UnsupportedFormatError("a very large picture")
    except Exception as error:  # noqa: BLE001  only decoders run here, as in `decoded`
        return NotAnImageError(repr(error))


def _is_unsupported(data: bytes) -> bool:
    # A text in UTF-16 has a zero in each letter.
    head = data[:_HEAD_BYTES].replace(b"\0", b"")
    return (
        data.startswith(_OTHER_PICTURES)
        or (data[4:8] == b"ftyp" and data[8:12] in _OTHER_BRANDS)
        or (data.startswith(bare_jpeg.SIGNATURE) and bare_jpeg.is_deep(bare_jpeg.bare(data, 0)))
        or data[40:44] == b" EMF"
        or bool(not accepted(data) and _SVG.search(head) and not _HTML.search(head))
    )


def accepted(data: bytes) -> bool:
    """Say whether a file begins as an accepted format does."""
    return data.startswith(_SIGNATURES) or bare_webp.is_webp(data) or bare_heif.is_heif(data)


def failure(data: bytes, error: Exception | None) -> PictureError:
    """Return why a decoder failed on a file of an accepted format."""
    if re.search("memory|alloc|too large", str(error), re.IGNORECASE):
        return TooComplexPictureError(repr(error))
    early = re.search("truncated|end of file", str(error), re.IGNORECASE) or _ends_early(data)
    return TruncatedPictureError(repr(error)) if early else DamagedPictureError(repr(error))


def _ends_early(data: bytes) -> bool:
    """Say whether the container declares more bytes than it has: WEBP in its header, AVIF and HEIF in each box."""
    if data.startswith(b"RIFF"):
        return 8 + int.from_bytes(data[4:8], "little") > len(data)
    return bare_heif.is_heif(data) and bare_heif.missing_bytes(data) > 0
