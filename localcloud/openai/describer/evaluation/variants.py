"""Variants of a picture: scaled down, compressed, mirrored, cropped or tinted."""

import io
from collections.abc import Callable
from typing import Final

from PIL import Image, ImageOps


def _shrunk(picture: Image.Image, side: int) -> Image.Image:
    small = picture.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return small


def _cropped(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    return picture.crop((width * 6 // 100, height * 3 // 100, width * 97 // 100, height * 95 // 100))


def _tinted(picture: Image.Image, red: float, blue: float) -> Image.Image:
    bands = picture.split()
    tinted = (bands[0].point(lambda value: value * red), bands[1], bands[2].point(lambda value: value * blue))
    return Image.merge("RGB", tinted)


# The change, and the JPEG quality.
VARIANTS: Final[dict[str, tuple[Callable[[Image.Image], Image.Image], int]]] = {
    "512 px": (lambda picture: _shrunk(picture, 512), 85),
    "320 px": (lambda picture: _shrunk(picture, 320), 60),
    "200 px": (lambda picture: _shrunk(picture, 200), 40),
    "mirrored": (ImageOps.mirror, 85),
    "cropped": (_cropped, 85),
    "warm": (lambda picture: _tinted(picture, 1.12, 0.86), 85),
    "cool": (lambda picture: _tinted(picture, 0.88, 1.12), 85),
}


def varied(image: bytes, variant: str) -> bytes:
    """Return a variant of the picture as a JPEG."""
    change, quality = VARIANTS[variant]
    with Image.open(io.BytesIO(image)) as opened, io.BytesIO() as file:
        change(opened.convert("RGB")).save(file, "JPEG", quality=quality)
        return file.getvalue()
