"""Deep HEIFs as the planes that the libheif of pillow-heif decodes; its own way to RGB needs three more copies."""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import _pillow_heif
from PIL import Image

Box = tuple[int, int, int, int]
Size = tuple[int, int]

_UNDEFINED: Final = 99
_YCBCR: Final = 0
_ALPHA: Final = 6
_MIRROR, _ROTATION = int.from_bytes(b"imir"), int.from_bytes(b"irot")
_OUT_OF_MEMORY: Final = 6
_MAX_TRANSFORMS: Final = 8
_BITS: Final = 8
_VERSION_WITH_PROFILE: Final = 8
# The parts of red and blue in luma, by the matrix coefficients of H.273; libheif takes 6 for a file that names none.
_DEFAULT_MATRIX: Final = 6
_WEIGHTS: Final = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
_ROTATIONS: Final = {
    90: Image.Transpose.ROTATE_90,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_270,
}
_MIRRORS: Final = (Image.Transpose.FLIP_TOP_BOTTOM, Image.Transpose.FLIP_LEFT_RIGHT)


class _Error(ctypes.Structure):
    _fields_ = (("code", ctypes.c_int), ("subcode", ctypes.c_int), ("message", ctypes.c_char_p))


class _Profile(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_uint8),
        ("primaries", ctypes.c_int),
        ("transfer", ctypes.c_int),
        ("matrix", ctypes.c_int),
        ("is_full_range", ctypes.c_uint8),
    )


class _Options(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_uint8),
        ("ignore_transformations", ctypes.c_uint8),
        ("others", ctypes.c_void_p * 11),
        ("output_profile", ctypes.POINTER(_Profile)),
    )


@dataclass(frozen=True)
class Plane:
    """One channel: its size, and a function that returns a box of it in mode L."""

    size: Size
    crop: Callable[[Box], Image.Image]


@dataclass(frozen=True)
class Planes:
    """Luma and the two chroma planes, which may be smaller, and how they become an upright picture in RGB.

    ``matrix`` is for ``Image.convert``; ``transposes`` are applied in this order.
    """

    planes: tuple[Plane, Plane, Plane]
    matrix: tuple[float, ...]
    transposes: list[Image.Transpose]


def planes(data: bytes) -> Planes | None:
    """Decode the primary picture; return None if it is not in YCbCr or is transparent.

    Nothing is released, because the process ends after one picture.
    Raises OSError if libheif cannot decode the file, and MemoryError if it lacks memory.
    """
    heif = ctypes.CDLL(_pillow_heif.__file__)
    for name in ("context_alloc", "decoding_options_alloc", "image_get_plane_readonly"):
        getattr(heif, f"heif_{name}").restype = ctypes.c_void_p
    for name in ("context_read_from_memory_without_copy", "context_get_primary_image_handle", "decode_image"):
        getattr(heif, f"heif_{name}").restype = _Error
    context = ctypes.c_void_p(heif.heif_context_alloc())
    handle, image = ctypes.c_void_p(), ctypes.c_void_p()
    heif.heif_context_set_max_decoding_threads(context, 0)
    _check(heif.heif_context_read_from_memory_without_copy(context, data, ctypes.c_size_t(len(data)), None))
    _check(heif.heif_context_get_primary_image_handle(context, ctypes.byref(handle)))
    options = ctypes.cast(heif.heif_decoding_options_alloc(), ctypes.POINTER(_Options)).contents
    if options.version < _VERSION_WITH_PROFILE:
        return None
    profile = _profile(heif, handle)
    # Libheif would rotate all pixels and convert their range, each in a copy.
    options.ignore_transformations, options.output_profile = 1, ctypes.pointer(profile)
    _check(heif.heif_decode_image(handle, ctypes.byref(image), _UNDEFINED, _UNDEFINED, ctypes.byref(options)))
    is_plain = heif.heif_image_get_colorspace(image) == _YCBCR and not heif.heif_image_has_channel(image, _ALPHA)
    if not is_plain or profile.matrix not in _WEIGHTS:
        return None
    luma, blue, red = (_plane(heif, image, channel) for channel in range(3))
    return Planes((luma, blue, red), _matrix(profile), _transposes(heif, context))


def _profile(heif: ctypes.CDLL, handle: ctypes.c_void_p) -> _Profile:
    found = ctypes.POINTER(_Profile)()
    heif.heif_image_handle_get_nclx_color_profile(handle, ctypes.byref(found))
    return found.contents if found else _Profile(matrix=_DEFAULT_MATRIX, is_full_range=1)


def _plane(heif: ctypes.CDLL, image: ctypes.c_void_p, channel: int) -> Plane:
    stride = ctypes.c_int()
    start = heif.heif_image_get_plane_readonly(image, channel, ctypes.byref(stride))
    width, height = heif.heif_image_get_width(image, channel), heif.heif_image_get_height(image, channel)
    bits = heif.heif_image_get_bits_per_pixel_range(image, channel)
    mode = "I;16" if bits > _BITS else "L"
    pixels = memoryview((ctypes.c_char * (stride.value * height)).from_address(start))

    def crop(box: Box) -> Image.Image:
        left, top, right, bottom = box
        rows = pixels[top * stride.value : bottom * stride.value]
        strip = Image.frombytes(mode, (width, bottom - top), rows, "raw", mode, stride.value)
        strip = strip.crop((left, 0, right, bottom - top)) if (left, right) != (0, width) else strip
        return strip.point(lambda value: value / 2 ** (bits - _BITS)).convert("L") if mode == "I;16" else strip

    return Plane((width, height), crop)


def _matrix(profile: _Profile) -> tuple[float, ...]:
    """Return the rows of the matrix that turns YCbCr into RGB, each with its offset."""
    red, blue = _WEIGHTS[profile.matrix]
    green = 1 - red - blue
    black, luma, chroma = (0, 1.0, 1.0) if profile.is_full_range else (16, 255 / 219, 255 / 224)
    rows = (
        (0.0, 2 * (1 - red)),
        (-2 * blue * (1 - blue) / green, -2 * red * (1 - red) / green),
        (2 * (1 - blue), 0.0),
    )
    return tuple(
        value for cb, cr in rows for value in (luma, cb * chroma, cr * chroma, -black * luma - 128 * chroma * (cb + cr))
    )


def _transposes(heif: ctypes.CDLL, context: ctypes.c_void_p) -> list[Image.Transpose]:
    item = ctypes.c_uint32()
    heif.heif_context_get_primary_image_ID(context, ctypes.byref(item))
    found = (ctypes.c_uint32 * _MAX_TRANSFORMS)()
    count = heif.heif_item_get_transformation_properties(context, item, found, _MAX_TRANSFORMS)
    transposes = []
    for property_id in found[:count]:
        kind = heif.heif_item_get_property_type(context, item, property_id)
        if kind == _ROTATION:
            angle = heif.heif_item_get_property_transform_rotation_ccw(context, item, property_id)
            transposes += [_ROTATIONS[angle]] if angle in _ROTATIONS else []
        if kind == _MIRROR:
            direction = heif.heif_item_get_property_transform_mirror(context, item, property_id)
            transposes.append(_MIRRORS[direction == 1])
    return transposes


def _check(error: _Error) -> None:
    if error.code == _OUT_OF_MEMORY:
        raise MemoryError
    if error.code:
        raise OSError(f"libheif: {error.message.decode(errors='replace')}")
