"""The program that decodes one picture from standard input; `pillow_pictures` starts a process of it for each picture.

Decoders are written in C, and strangers upload the pictures: a crash, an endless loop or a decompression bomb ends
this process and no other. The process limits its own memory and CPU time.
Standard output is one line of JSON, either ``{"width", "height"}`` or ``{"code", "detail"}``, followed by the JPEG.

What a picture costs decides, not how many pixels it has. Only few formats are decoded at full size:

- JPEG is decoded at an eighth, a quarter or half of its size by Pillow's ``draft``.
- A large WEBP or AVIF is scaled by libwebp or libavif before it becomes RGB.
- PNG and GIF fill one image of 1 to 4 bytes a pixel, and HEIF a buffer of 3; both are reduced in strips.
"""

import io
import json
import math
import resource
import signal
import sys
import warnings
from collections.abc import Callable
from typing import Final

import bare_files
import bare_heif
import bare_jpeg
import bare_png
import bare_webp
import libavif_scaling
import libheif_planes
import libwebp_scaling
from PIL import AvifImagePlugin, ExifTags, Image, ImageChops, ImageFile, UnidentifiedImageError
from pillow_colours import jpeg_of, opaque, srgb
from pillow_heif import open_heif, register_heif_opener
from unread_files import failure, unidentified

from musicgenerator.errors import (
    PictureError,
    TooComplexPictureError,
    TooManyPixelsError,
    TooSmallPictureError,
    TruncatedPictureError,
)

MAX_SIDE: Final = 1024
MIN_SIDE: Final = 16
MAX_JPEG_PIXELS: Final = 220_000_000
# What the pixels of any other format take when they are decoded: 75 megapixels of colour, or 300 of a palette.
MAX_DECODED_BYTES: Final = 300_000_000
# What a JPEG takes while it is decoded: one in several scans, such as a progressive one, 2 bytes for each sample.
MAX_JPEG_BYTES: Final = 405_000_000
# A picture that is longer than this many times its width is cropped to the part in its middle.
MAX_RATIO: Final = 20
CROPPED_RATIO: Final = 4

_MEMORY_BYTES: Final = 420 << 20
_CPU_SECONDS: Final = 3.7
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF")
_BYTES_BY_MODE: Final = {"1": 1, "L": 1, "P": 1, "I;16": 2}
_COLOUR_BYTES: Final = 4
_BITS: Final = 8
_LARGE: Final = 6_000_000
# A JPEG is in memory as it came and as a bare file.
_COPIES: Final = 2
_STRIP_PIXELS: Final = 4_000_000
# While Pillow resizes by the last factor, it reads this many pixels for each that it writes, in each direction.
_GAP: Final = 2
_GREY: Final = range(126, 130)
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

Box = tuple[int, int, int, int]
Size = tuple[int, int]

# An embedded thumbnail may show something else than the picture. One thread keeps memory and CPU time bounded.
register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
# `_check_cost` knows better than Pillow what a picture costs; GIF frames outside of their canvas only Pillow sees.
Image.MAX_IMAGE_PIXELS = MAX_DECODED_BYTES // 2


def decoded(data: bytes) -> tuple[bytes, int, int]:
    """Return the upright picture as an RGB JPEG without metadata, and the upright original's width and height.

    Raises the PictureError that names what is wrong with the data.
    """
    try:
        image, (width, height) = _small_despite_damage(data)
        orientation, profile = _orientation(image), image.info.get("icc_profile")
        if orientation in _TRANSPOSES:
            image = image.transpose(_TRANSPOSES[orientation])
        if orientation in _SIDEWAYS:
            width, height = height, width
        return jpeg_of(srgb(image, profile)), width, height
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise TooManyPixelsError(str(error)) from error
    except MemoryError as error:
        raise TooComplexPictureError("memory") from error
    except UnidentifiedImageError as error:
        raise unidentified(data) from error
    except Exception as error:
        # Only decoders run above, so any exception means that they cannot read these bytes.
        raise failure(data, error) from error


def _small_despite_damage(data: bytes) -> tuple[Image.Image, Size]:
    """Return what ``_small`` does; if metadata are damaged or missing, return it without them."""
    if bare_files.is_cut_by_zeros(data):
        raise TruncatedPictureError("zeros instead of pixels")
    # Libheif leaves out tiles that are missing, without an error.
    if not (bare_heif.is_heif(data) and bare_heif.missing_bytes(data) > 0):
        try:
            return _small(bare_files.bare(data))
        except PictureError:
            raise
        except Exception:  # noqa: BLE001, S110  the second attempt names what is wrong
            pass
    found = [_small(one) for one in bare_files.bare_without_metadata(data)]
    if ImageChops.difference(found[0][0], found[-1][0]).getbbox():
        raise TruncatedPictureError("pixels are missing")
    return found[0]


def _small(data: bytes) -> tuple[Image.Image, Size]:
    """Return the picture without transparency and with no side above ``MAX_SIDE``, and the original's size."""
    chunks = bare_webp.chunks(data) if bare_webp.is_webp(data) else {}
    # Pillow allocates the canvas of a WEBP when it opens the file, so the file is not opened here.
    size = bare_webp.size(chunks)
    if size and _is_large(size) and b"ANMF" not in chunks:
        return _scaled_webp(data, chunks, size), size
    image = _opened(data)
    size = image.size
    if image.format == "HEIF":
        return _reduced_heif(data, image)
    if image.format == "AVIF" and _is_large(size):
        return _scaled_avif(data, image), size
    image = _loaded(image, data)
    reduced = _reduced(image.crop, _box(image.size))
    reduced.info = image.info
    return reduced, size


def _is_large(size: Size) -> bool:
    return size[0] * size[1] > _LARGE


def _opened(data: bytes) -> ImageFile.ImageFile:
    image = Image.open(io.BytesIO(data), formats=_FORMATS)
    _check_cost(image.format, image.mode, image.size)
    return image


def _check_cost(kind: str | None, mode: str, size: Size) -> None:
    pixels = size[0] * size[1]
    is_jpeg = kind == "JPEG"
    if pixels > MAX_JPEG_PIXELS if is_jpeg else pixels * _BYTES_BY_MODE.get(mode, _COLOUR_BYTES) > MAX_DECODED_BYTES:
        raise TooManyPixelsError(f"{kind} of {size[0]} x {size[1]}")
    if min(size) < MIN_SIDE:
        raise TooSmallPictureError(f"{size[0]} x {size[1]}")


def _box(size: Size) -> Box:
    """Return the part of the picture that is looked at: all of it, or the middle of a very long one."""
    short, long = min(size), max(size)
    if long <= MAX_RATIO * short:
        return (0, 0, *size)
    shown = CROPPED_RATIO * short
    start = (long - shown) // 2
    return (start, 0, start + shown, short) if size[0] == long else (0, start, short, start + shown)


def _target(box: Box) -> Size:
    """Return the size of this part of the picture in the JPEG."""
    width, height = box[2] - box[0], box[3] - box[1]
    scale = min(1.0, MAX_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _scaled_webp(data: bytes, chunks: dict[bytes, memoryview], size: Size) -> Image.Image:
    _check_cost("WEBP", "RGBA", size)
    box = _box(size)
    image = opaque(libwebp_scaling.scaled(data, box, _target(box)))
    names = {b"EXIF": "exif", b"XMP ": "xmp", b"ICCP": "icc_profile"}
    image.info = {names[kind]: bytes(content) for kind, content in chunks.items() if kind in names}
    return image


def _scaled_avif(data: bytes, image: ImageFile.ImageFile) -> Image.Image:
    box = _box(image.size)
    scaled = opaque(libavif_scaling.scaled(data, box, _target(box)))
    scaled.info = image.info
    return scaled


def _reduced_heif(data: bytes, image: ImageFile.ImageFile) -> tuple[Image.Image, Size]:
    """Reduce libheif's buffers, without a copy of them as an image."""
    deep = libheif_planes.planes(data) if image.info["bit_depth"] > _BITS else None
    if deep:
        luma = deep.planes[0].size
        target = _target(_box(luma))
        channels = [_reduced(plane.crop, _scaled(_box(luma), luma, plane.size), target) for plane in deep.planes]
        reduced, size = Image.merge("RGB", channels).convert("RGB", deep.matrix), image.size
        for transpose in deep.transposes:
            reduced = reduced.transpose(transpose)
    else:
        heif = open_heif(data, convert_hdr_to_8bit=True, hdr_to_16bit=True, remove_stride=False)
        pixels = memoryview(heif.data)
        # The buffer may have another size than the file declares.
        size, mode, stride = heif.size, heif.mode, heif.stride

        def crop(box: Box) -> Image.Image:
            left, top, right, bottom = box
            rows = pixels[top * stride : bottom * stride]
            strip = Image.frombytes(mode, (size[0], bottom - top), rows, "raw", mode, stride)
            return strip if (left, right) == (0, size[0]) else strip.crop((left, 0, right, bottom - top))

        reduced = _reduced(crop, _box(size))
    reduced.info = image.info
    return reduced, size


def _scaled(box: Box, size: Size, other: Size) -> Box:
    """Return the box in a plane of another size."""
    (left, top, right, bottom), (across, down) = box, (other[0] / size[0], other[1] / size[1])
    return round(left * across), round(top * down), round(right * across), round(bottom * down)


def _loaded(image: ImageFile.ImageFile, data: bytes) -> ImageFile.ImageFile:
    """Return the picture with its pixels, a JPEG at a reduced scale; raise an error if rows are missing."""
    try:
        loaded = _drafted(image, data)
    except OSError:
        ended = _ended(data)
        if ended is None:
            raise
        return ended
    # Pillow shows rows that are missing as black; of an interlaced picture they may be any.
    is_suspect = image.format == "PNG" and (bare_png.is_interlaced(data) or _is_last_row_blank(loaded))
    if is_suspect and bare_png.missing_bytes(data) > 0:
        raise TruncatedPictureError("rows are missing")
    # Libjpeg fills what is missing with grey, or draws from what follows.
    if image.format == "JPEG" and (_is_last_pixel_grey(loaded) or not bare_jpeg.has_end(data)) and _ended(data) is None:
        raise TruncatedPictureError("rows are missing")
    return loaded


def _ended(data: bytes) -> ImageFile.ImageFile | None:
    """Return the picture if only its end is missing, otherwise None."""
    first = None
    for other in bare_files.endings(data):
        try:
            image = _drafted(_opened(other), other)
        except (OSError, SyntaxError):
            return None
        if first is None:
            first = image
        elif ImageChops.difference(first, image).getbbox():
            return None
    return first


def _drafted(image: ImageFile.ImageFile, data: bytes) -> ImageFile.ImageFile:
    if image.format == "JPEG":
        scale = _draft_scale(image.size, bare_jpeg.coefficient_bytes(data) + _COPIES * len(data))
        if scale > 1:
            image.draft(None, (int(image.width / scale), int(image.height / scale)))
    image.load()
    return image


def _draft_scale(size: Size, other_bytes: int) -> float:
    """Return how much a JPEG is reduced while it is decoded, so that it fits in memory beside the other bytes."""
    scales = [
        scale for scale in (1, 2, 4, 8) if other_bytes + _COLOUR_BYTES * size[0] * size[1] // scale**2 <= MAX_JPEG_BYTES
    ]
    if not scales:
        raise TooComplexPictureError(f"a JPEG of {size[0]} x {size[1]} in several scans")
    left, top, right, bottom = _box(size)
    return max(scales[0], max(right - left, bottom - top) / (_GAP * MAX_SIDE))


def _is_last_row_blank(image: Image.Image) -> bool:
    return image.crop((0, image.height - 1, *image.size)).getbbox(alpha_only=False) is None


def _is_last_pixel_grey(image: Image.Image) -> bool:
    pixel = image.getpixel((image.width - 1, image.height - 1))
    return all(channel in _GREY for channel in (pixel if isinstance(pixel, tuple) else (pixel,)))


def _reduced(crop: Callable[[Box], Image.Image], box: Box, target: Size | None = None) -> Image.Image:
    """Return this box of the picture without transparency, in the size of the JPEG or in another one.

    Converts and reduces strips, because a conversion of all pixels at once needs a second image of the full size.
    """
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    factor = max(1, max(width, height) // (_GAP * MAX_SIDE))
    rows = max(1, _STRIP_PIXELS // (width * factor)) * factor
    strips = [
        opaque(crop((left, start, right, min(start + rows, bottom)))).reduce(factor)
        for start in range(top, bottom, rows)
    ]
    reduced = Image.new(strips[0].mode, (math.ceil(width / factor), math.ceil(height / factor)))
    for number, strip in enumerate(strips):
        reduced.paste(strip, (0, number * rows // factor))
    target = target or _target(box)
    return reduced if reduced.size == target else reduced.resize(target, box=(0, 0, width / factor, height / factor))


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  a picture with damaged EXIF is accepted: no EXIF is kept
        return 1


def main() -> None:
    """Decode standard input."""
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.setitimer(signal.ITIMER_PROF, _CPU_SECONDS)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(_CPU_SECONDS), math.ceil(_CPU_SECONDS) + 1))
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
