"""Large WEBPs decoded at a reduced scale by the libwebp that Pillow brings; Pillow decodes them in full, four times."""

import ctypes
from typing import Final

from PIL import Image, _webp

_ABI_VERSION: Final = 0x0209
_RGBA: Final = 1
_IS_EXTERNAL: Final = 1
_OUT_OF_MEMORY, _NOT_ENOUGH_DATA = 1, 7


class _Features(ctypes.Structure):
    _fields_ = (("facts", ctypes.c_int * 5), ("padding", ctypes.c_uint32 * 5))


class _Pixels(ctypes.Structure):
    _fields_ = (("rgba", ctypes.c_void_p), ("stride", ctypes.c_int), ("size", ctypes.c_size_t))


class _Planes(ctypes.Structure):
    _fields_ = (("planes", ctypes.c_void_p * 4), ("strides", ctypes.c_int * 4), ("sizes", ctypes.c_size_t * 4))


class _Memory(ctypes.Union):
    _fields_ = (("pixels", _Pixels), ("planes", _Planes))


class _Buffer(ctypes.Structure):
    _fields_ = (
        ("colorspace", ctypes.c_int),
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("is_external_memory", ctypes.c_int),
        ("memory", _Memory),
        ("padding", ctypes.c_uint32 * 4),
        ("private_memory", ctypes.c_void_p),
    )


_OPTIONS: Final = (
    "bypass_filtering",
    "no_fancy_upsampling",
    "use_cropping",
    "crop_left",
    "crop_top",
    "crop_width",
    "crop_height",
    "use_scaling",
    "scaled_width",
    "scaled_height",
    "use_threads",
    "dithering_strength",
    "flip",
    "alpha_dithering_strength",
)


class _Options(ctypes.Structure):
    _fields_ = (*((name, ctypes.c_int) for name in _OPTIONS), ("padding", ctypes.c_uint32 * 5))


class _Config(ctypes.Structure):
    _fields_ = (("input", _Features), ("output", _Buffer), ("options", _Options))


def scaled(webp: bytes, box: tuple[int, int, int, int], size: tuple[int, int]) -> Image.Image:
    """Return this box of a still WEBP, scaled to this size, in mode RGBA.

    Raises OSError if libwebp cannot decode the file, and MemoryError if it lacks memory.
    """
    library = ctypes.CDLL(_webp.__file__)
    config = _Config()
    if not library.WebPInitDecoderConfigInternal(ctypes.byref(config), _ABI_VERSION):
        raise OSError("libwebp has another interface")
    left, top, right, bottom = box
    options = config.options
    options.use_cropping, options.crop_left, options.crop_top = 1, left, top
    options.crop_width, options.crop_height = right - left, bottom - top
    options.use_scaling, (options.scaled_width, options.scaled_height) = 1, size
    stride = 4 * size[0]
    pixels = bytearray(stride * size[1])
    config.output.colorspace, config.output.is_external_memory = _RGBA, _IS_EXTERNAL
    config.output.memory.pixels = _Pixels(ctypes.addressof(ctypes.c_char.from_buffer(pixels)), stride, len(pixels))
    status = library.WebPDecode(webp, ctypes.c_size_t(len(webp)), ctypes.byref(config))
    if status == _OUT_OF_MEMORY:
        raise MemoryError
    if status:
        raise OSError("truncated" if status == _NOT_ENOUGH_DATA else f"libwebp ends with status {status}")
    return Image.frombuffer("RGBA", size, pixels, "raw", "RGBA", stride, 1)
