"""Large AVIFs scaled by the libavif that Pillow brings, before they become RGB; Pillow needs five times the memory."""

import ctypes
from typing import Final

from PIL import Image, _avif

# Libavif calls a picture damaged if the AV1 decoder lacks memory for more than this.
MAX_PLANE_BYTES: Final = 340_000_000

_RGBA: Final = 1
_BITS: Final = 8
# Samples for each pixel in 4:4:4, 4:2:2, 4:2:0 and grey.
_SAMPLES: Final = {1: 3, 2: 2, 3: 1.5, 4: 1}
_TRUNCATED, _OUT_OF_MEMORY = 20, 26
# Libavif's default for `imageSizeLimit`, which shows that the fields are where this module expects them.
_DEFAULT_SIZE_LIMIT: Final = 16384 * 16384


class _Decoder(ctypes.Structure):
    _fields_ = (
        ("codec_choice", ctypes.c_int),
        ("max_threads", ctypes.c_int),
        ("requested_source", ctypes.c_int),
        ("allow_progressive", ctypes.c_int),
        ("allow_incremental", ctypes.c_int),
        ("ignore_exif", ctypes.c_int),
        ("ignore_xmp", ctypes.c_int),
        ("image_size_limit", ctypes.c_uint32),
        ("image_dimension_limit", ctypes.c_uint32),
        ("image_count_limit", ctypes.c_uint32),
        ("strict_flags", ctypes.c_uint32),
        ("image", ctypes.c_void_p),
    )


class _Rgb(ctypes.Structure):
    _fields_ = (
        ("width", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("depth", ctypes.c_uint32),
        ("format", ctypes.c_int),
        ("chroma_upsampling", ctypes.c_int),
        ("chroma_downsampling", ctypes.c_int),
        ("avoid_libyuv", ctypes.c_int),
        ("ignore_alpha", ctypes.c_int),
        ("alpha_premultiplied", ctypes.c_int),
        ("is_float", ctypes.c_int),
        ("max_threads", ctypes.c_int),
        ("pixels", ctypes.c_void_p),
        ("row_bytes", ctypes.c_uint32),
        ("padding", ctypes.c_uint32 * 16),
    )


class _Box(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint32) for name in ("x", "y", "width", "height"))


def scaled(data: bytes, box: tuple[int, int, int, int], size: tuple[int, int]) -> Image.Image:
    """Return this box of an AVIF's first picture, not yet rotated, scaled to this size, in mode RGBA.

    Nothing is released, because the process ends after one picture.
    Raises OSError if libavif cannot decode the file, and MemoryError if it lacks memory.
    """
    library = ctypes.CDLL(_avif.__file__)
    library.avifDecoderCreate.restype = ctypes.POINTER(_Decoder)
    library.avifImageCreateEmpty.restype = ctypes.c_void_p
    decoder = library.avifDecoderCreate()
    settings = decoder.contents
    if settings.image_size_limit != _DEFAULT_SIZE_LIMIT:
        raise OSError("libavif has another interface")
    settings.max_threads, settings.ignore_exif, settings.ignore_xmp, settings.strict_flags = 1, 1, 1, 0
    _check(library.avifDecoderSetIOMemory(decoder, data, ctypes.c_size_t(len(data))))
    _check(library.avifDecoderParse(decoder))
    if _plane_bytes(ctypes.cast(settings.image, ctypes.POINTER(ctypes.c_uint32))) > MAX_PLANE_BYTES:
        raise MemoryError
    _check(library.avifDecoderNextImage(decoder))
    image, diagnostics = ctypes.c_void_p(settings.image), ctypes.create_string_buffer(256)
    left, top, right, bottom = box
    part = ctypes.c_void_p(library.avifImageCreateEmpty())
    # Colour planes may have half the resolution, so a box starts and ends at even pixels.
    even = _Box(left & ~1, top & ~1, right - left + 1 & ~1, bottom - top + 1 & ~1)
    whole = (left, top) == (0, 0)
    if not whole:
        _check(library.avifImageSetViewRect(part, image, ctypes.byref(even)))
    chosen = image if whole else part
    _check(library.avifImageScale(chosen, size[0], size[1], diagnostics))
    rgb = _Rgb()
    library.avifRGBImageSetDefaults(ctypes.byref(rgb), chosen)
    pixels = bytearray(4 * size[0] * size[1])
    rgb.depth, rgb.format = 8, _RGBA
    rgb.pixels, rgb.row_bytes = ctypes.addressof(ctypes.c_char.from_buffer(pixels)), 4 * size[0]
    _check(library.avifImageYUVToRGB(chosen, ctypes.byref(rgb)))
    return Image.frombuffer("RGBA", size, pixels, "raw", "RGBA", 4 * size[0], 1)


def _plane_bytes(image: "ctypes._Pointer[ctypes.c_uint32]") -> int:
    """Return the size of the decoded planes: an image begins with its width, height, depth and format."""
    width, height, depth, layout = image[0], image[1], image[2], image[3]
    return int(width * height * (2 if depth > _BITS else 1) * _SAMPLES.get(layout, 3))


def _check(result: int) -> None:
    if result == _OUT_OF_MEMORY:
        raise MemoryError
    if result:
        raise OSError("truncated" if result == _TRUNCATED else f"libavif ends with result {result}")
