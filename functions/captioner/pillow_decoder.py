"""The program that decodes one picture from standard input; `pillow_pictures` starts a process of it for each picture.

Decoders are written in C, and strangers upload the pictures: a crash, an endless loop or a decompression bomb ends
this process and no other. The process limits its own memory and CPU time.
Standard output is one line of JSON, either ``{"width", "height"}`` or ``{"code", "detail"}``, followed by the JPEG.
"""

import io
import json
import re
import resource
import sys
import warnings
from typing import Final

from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError
from pillow_heif import register_heif_opener

from musicgenerator.errors import (
    DamagedPictureError,
    NotAnImageError,
    PictureError,
    TooComplexPictureError,
    TooManyPixelsError,
    TooSmallPictureError,
    TruncatedPictureError,
    UnsupportedFormatError,
)

MAX_PIXELS: Final = 40_000_000
MAX_SIDE: Final = 1024
MIN_SIDE: Final = 16

_MEMORY_BYTES: Final = 440 << 20
_CPU_SECONDS: Final = 3
_JPEG_QUALITY: Final = 88
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF")
_SIGNATURES: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")
_BRANDS: Final = (b"avif", b"avis", b"mif1", b"msf1", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
_BOX_HEADER_BYTES: Final = 8
_TRANSPOSES: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS: Final = {5, 6, 7, 8}

# An embedded thumbnail may show something else than the picture. One thread keeps memory and CPU time bounded.
register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
# Pillow raises DecompressionBombError above twice this number, for WEBP before it allocates the canvas.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2


def decoded(data: bytes) -> tuple[bytes, int, int]:
    """Return the upright picture as an RGB JPEG without metadata, and the upright original's width and height.

    Raises the PictureError that names what is wrong with the data.
    """
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=_FORMATS)
        width, height = image.size
        _check_size(width, height)
        image = _continuous(image)
        # For a large JPEG, Pillow decodes at a reduced scale.
        image.thumbnail((MAX_SIDE, MAX_SIDE))
        orientation = _orientation(image)
        if orientation in _TRANSPOSES:
            image = image.transpose(_TRANSPOSES[orientation])
        if orientation in _SIDEWAYS:
            width, height = height, width
        return _jpeg(_srgb(_on_white(image), image.info.get("icc_profile"))), width, height
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise TooManyPixelsError(str(error)) from error
    except MemoryError as error:
        raise TooComplexPictureError("memory") from error
    except UnidentifiedImageError as error:
        raise _unidentified(data) from error
    except Exception as error:
        # Only decoders run above, so any exception means that they cannot read these bytes.
        raise _failure(data, error) from error


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise TooManyPixelsError(f"{width} x {height}")
    shrunk = min(1.0, MAX_SIDE / max(width, height, 1))
    if min(width, height) * shrunk < MIN_SIDE:
        raise TooSmallPictureError(f"{width} x {height}")


def _continuous(image: Image.Image) -> Image.Image:
    """Return the picture in a mode that resizing can average; in a palette mode, resizing only drops pixels."""
    if image.mode.startswith("I"):
        return image.point(lambda value: value / 256).convert("L")
    if "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert("RGB") if image.mode in {"1", "P"} else image


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  a picture with damaged EXIF is accepted: no EXIF is kept
        return 1


def _on_white(image: Image.Image) -> Image.Image:
    if "A" not in image.mode:
        return image
    rgba = image.convert("RGBA")
    white = Image.new("RGB", rgba.size, "white")
    white.paste(rgba, mask=rgba.getchannel("A"))
    return white


def _srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert to sRGB, because the colour profile is not kept."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            return image.convert("RGB")
        return converted or image.convert("RGB")
    return image.convert("RGB")


def _jpeg(image: Image.Image) -> bytes:
    bare = Image.frombytes("RGB", image.size, image.tobytes())
    out = io.BytesIO()
    bare.save(out, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return out.getvalue()


def _unidentified(data: bytes) -> PictureError:
    if _accepted(data):
        return _failure(data, None)
    if b"<svg" in data[:4096] or data.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL ", b"II+\0", b"MM\0+")):
        return UnsupportedFormatError("SVG, JPEG XL or BigTIFF")
    try:
        with Image.open(io.BytesIO(data)) as image:
            return UnsupportedFormatError(str(image.format))
    except Image.DecompressionBombError:
        return UnsupportedFormatError("a very large picture")
    except Exception as error:  # noqa: BLE001  only decoders run here, as in `decoded`
        return NotAnImageError(repr(error))


def _accepted(data: bytes) -> bool:
    webp = data.startswith(b"RIFF") and data[8:12] == b"WEBP"
    return webp or data.startswith(_SIGNATURES) or (data[4:8] == b"ftyp" and data[8:12] in _BRANDS)


def _failure(data: bytes, error: Exception | None) -> PictureError:
    if re.search("memory|alloc|too large", str(error), re.IGNORECASE):
        return TooComplexPictureError(repr(error))
    early = re.search("truncated|end of file", str(error), re.IGNORECASE) or _ends_early(data)
    return TruncatedPictureError(repr(error)) if early else DamagedPictureError(repr(error))


def _ends_early(data: bytes) -> bool:
    """Say whether the container declares more bytes than it has: WEBP in its header, AVIF and HEIF in each box."""
    if data.startswith(b"RIFF"):
        return 8 + int.from_bytes(data[4:8], "little") > len(data)
    at = 0
    while data[4:8] == b"ftyp" and at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size < _BOX_HEADER_BYTES:
            return False
        at += size
    return at > len(data)


def main() -> None:
    """Decode standard input."""
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))
    jpeg = b""
    try:
        jpeg, width, height = decoded(sys.stdin.buffer.read())
        head: dict[str, object] = {"width": width, "height": height}
    except PictureError as error:
        head = {"code": error.code, "detail": str(error)}
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + jpeg)


if __name__ == "__main__":
    main()
