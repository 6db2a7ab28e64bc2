"""Small pictures that the tests draw, encode and compare."""

import io
import struct
import warnings
import zlib
from typing import Any

import pillow_heif
from captioning import Picture
from PIL import Image, ImageDraw
from pillow_decoder import decoded

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "MPO"]


def quarters(size: tuple[int, int] = (64, 48)) -> Image.Image:
    """Return a picture that is red at the top left, green at the top right and blue below."""
    width, height = size
    image = Image.new("RGB", size, BLUE)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width // 2 - 1, height // 2 - 1), RED)
    draw.rectangle((width // 2, 0, width - 1, height // 2 - 1), GREEN)
    return image


def decode(data: bytes) -> Picture:
    """Decode in this process, which saves a start of the decoder for each picture."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Picture(*decoded(data))


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.register_heif_opener()
    if kind == "MPO":
        options |= {"save_all": True, "append_images": [image.copy()]}
    image.save(out, kind, **options)
    return out.getvalue()


def pixels(picture: Picture) -> Image.Image:
    image = Image.open(io.BytesIO(picture.jpeg))
    image.load()
    return image


def near(expected: tuple[int, int, int], image: Image.Image, at: tuple[float, float]) -> bool:
    """Say whether the pixel at these fractions of width and height has about this colour, as after a lossy encoder."""
    found = image.getpixel((int(at[0] * image.width), int(at[1] * image.height)))
    assert isinstance(found, tuple)
    return all(abs(one - other) <= 40 for one, other in zip(expected, found, strict=True))


def shows_quarters(image: Image.Image) -> bool:
    return near(RED, image, (0.25, 0.25)) and near(GREEN, image, (0.75, 0.25)) and near(BLUE, image, (0.5, 0.75))


def png(width: int, height: int, bits: int = 8, colour: int = 2) -> bytes:
    """Return a PNG whose header declares this size, with almost no data."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data
