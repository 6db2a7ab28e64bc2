"""Pictures decoded by Pillow: bounded before anything is loaded, and stripped of everything but their pixels."""

import io
import warnings
from typing import Final

from captioning import Picture
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError
from pillow_heif import register_heif_opener

from musicgenerator.errors import (
    EmptyPictureError,
    NotAnImageError,
    PictureTooLargeError,
    TooManyPixelsError,
    TruncatedPictureError,
    UnsupportedFormatError,
)

BYTES_AT_MOST: Final = 20_000_000
PIXELS_AT_MOST: Final = 40_000_000
SIDE_AT_MOST: Final = 1024

_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF")
_QUALITY: Final = 88
# What the decoders raise on damaged data, as found by running them over thousands of hostile files.
_DAMAGE: Final = (OSError, SyntaxError, EOFError, ValueError, MemoryError, IndexError, OverflowError, TypeError)

register_heif_opener()


def decode(data: bytes) -> Picture:
    """Return the upright picture as an RGB JPEG of at most 1,024 pixels a side, without any metadata.

    Raises a PictureError that says what is wrong with the data.
    """
    if not data:
        raise EmptyPictureError("0 bytes")
    if len(data) > BYTES_AT_MOST:
        raise PictureTooLargeError(f"{len(data)} bytes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _decoded(_opened(data))


def _opened(data: bytes) -> ImageFile.ImageFile:
    # The limit is ours, checked below: Pillow's own raises before the size can be told.
    Image.MAX_IMAGE_PIXELS = None
    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except UnidentifiedImageError as error:
        raise _unknown(data) from error
    except _DAMAGE as error:
        raise TruncatedPictureError(repr(error)) from error
    width, height = image.size
    if width * height > PIXELS_AT_MOST:
        raise TooManyPixelsError(f"{width} x {height}")
    return image


def _unknown(data: bytes) -> NotAnImageError | UnsupportedFormatError | TruncatedPictureError:
    if data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8")):
        return TruncatedPictureError("the header is damaged")
    if data.startswith((b"II*\0", b"MM\0*", b"BM", b"8BPS", b"\0\0\1\0", b"\0\0\0\x0cjP")) or b"<svg" in data[:1024]:
        return UnsupportedFormatError("a picture of another format")
    return NotAnImageError("no picture format is recognised")


def _decoded(image: ImageFile.ImageFile) -> Picture:
    try:
        original = _upright_size(image)
        if image.format in {"JPEG", "MPO"}:
            image.draft("RGB", (2 * SIDE_AT_MOST, 2 * SIDE_AT_MOST))
        image.load()
        upright = ImageOps.exif_transpose(image)
        upright.thumbnail((SIDE_AT_MOST, SIDE_AT_MOST))
        out = io.BytesIO()
        _flat(upright).save(out, "JPEG", quality=_QUALITY, optimize=True)
    except _DAMAGE as error:
        raise TruncatedPictureError(repr(error)) from error
    return Picture(out.getvalue(), *original)


def _upright_size(image: Image.Image) -> tuple[int, int]:
    turned = image.getexif().get(ExifTags.Base.Orientation) in {5, 6, 7, 8}
    return (image.height, image.width) if turned else image.size


def _flat(image: Image.Image) -> Image.Image:
    """Return RGB pixels on white, with nothing else attached."""
    if image.mode.startswith("I") or image.mode == "F":
        image = image.point(lambda value: value / 256).convert("L")
    if "A" in image.mode or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.new("RGB", rgba.size, "white")
        image.paste(rgba, mask=rgba.getchannel("A"))
    rgb = image.convert("RGB")
    return Image.frombytes("RGB", rgb.size, rgb.tobytes())
