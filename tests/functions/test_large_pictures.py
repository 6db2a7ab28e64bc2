"""What a picture costs decides, not how many pixels it has; each way of decoding a large one keeps its colours."""

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
from bare_jpeg import coefficient_bytes
from PIL import ExifTags, Image, ImageChops, ImageStat
from pillow_decoder import CROPPED_RATIO, MAX_DECODED_BYTES, MAX_JPEG_PIXELS, MAX_RATIO, MAX_SIDE

from musicgenerator.errors import TooComplexPictureError, TooManyPixelsError, TruncatedPictureError
from tests.pictures.bombs import ALPHA, COLOUR, PALETTE, blocks, chunk, noise_strip, png, repeated
from tests.pictures.corpus import Sample
from tests.pictures.drawn import GREEN, RED, decode, encoded, near, pixels, quarters, shows_quarters
from tests.pictures.runs import run_all

LARGE = (3000, 2250)
# HEIF is decoded in the same way at each size, and encoding it takes long.
MEDIUM = (1400, 1050)
COLOURS = chunk(b"PLTE", bytes(range(256)) * 3)
MAX_SECONDS = 4
MAX_MEGABYTES = 450


def deep_heif(image: Image.Image, **options: Any) -> bytes:
    """Return a HEIF with 10 bits a channel."""
    wide = b"".join(struct.pack("<H", byte * 257) for byte in image.tobytes())
    out = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", image.size, wide).save(out, enc_params={"preset": "ultrafast"}, **options)
    return out.getvalue()


def large(kind: str, image: Image.Image, **options: Any) -> bytes:
    if kind == "deep HEIF":
        return deep_heif(image, chroma=422, **options)
    fast: dict[str, dict[str, Any]] = {
        "WEBP": {"method": 0},
        "AVIF": {"speed": 10},
        "HEIF": {"enc_params": {"preset": "ultrafast"}},
    }
    return encoded(image, kind, **fast.get(kind, {}), **options)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("colour.jpg", lambda: repeated(noise_strip(16_384), 768)),
        ("cmyk.jpg", lambda: repeated(noise_strip(16_384).convert("CMYK"), 1536)),
        ("grey.jpg", lambda: repeated(noise_strip(16_384).convert("L"), 1536)),
        ("palette.png", lambda: png(12_000, 9000, PALETTE, extra=COLOURS, value=99)),
        (
            "progressive.jpg",
            lambda: encoded(blocks((9248, 6936)), "JPEG", progressive=True, subsampling="4:4:4", quality=40),
        ),
        (
            "long.jpg",
            lambda: encoded(blocks((40_000, 1600)), "JPEG", progressive=True, subsampling="4:4:4", quality=40),
        ),
        ("screenshot.png", lambda: png(560, 40_000, value=99)),
    ],
)
def test_a_large_picture_is_decoded_within_its_bounds(tmp_path: Path, name: str, make: Callable[[], bytes]) -> None:
    """201 megapixels of JPEG, 64 of a progressive one, and 108 of a palette take little time and memory."""
    path = tmp_path / name
    path.write_bytes(make())
    (run,) = run_all([Sample("", name, path)])
    assert run.outcome == "ok"
    assert run.computing < MAX_SECONDS
    assert run.megabytes < MAX_MEGABYTES


def claims(width: int, height: int) -> bytes:
    """Return a JPEG whose header declares this size."""
    data = encoded(quarters(), "JPEG")
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (png(9248, 6936, COLOUR, rows=1), TruncatedPictureError),
        (png(9248, 6936, ALPHA, rows=1), TruncatedPictureError),
        (png(9248, 8200, COLOUR, rows=1), TooManyPixelsError),
        (png(MAX_DECODED_BYTES // 16_384, 16_384, PALETTE, extra=COLOURS, rows=1), TruncatedPictureError),
        (png(MAX_DECODED_BYTES // 16_384 + 1, 16_384, PALETTE, extra=COLOURS, rows=1), TooManyPixelsError),
        (claims(16_384, 12_288), TruncatedPictureError),
        (claims(MAX_JPEG_PIXELS // 16_384 + 1, 16_384), TooManyPixelsError),
    ],
    ids=["colour", "alpha", "too much colour", "palette", "too large a palette", "JPEG", "too large a JPEG"],
)
def test_the_limit_depends_on_what_a_pixel_costs(data: bytes, error: type[Exception]) -> None:
    """64 megapixels of colour, 300 of a palette and 200 of JPEG are not too many; their rows are missing here."""
    with pytest.raises(error):
        decode(data)


KINDS: list[tuple[str, dict[str, Any]]] = [
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("PNG", {}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
    ("AVIF", {}),
    ("AVIF", {"subsampling": "4:4:4"}),
    ("HEIF", {}),
    ("HEIF", {"tile_size": 512}),
    ("deep HEIF", {}),
    ("deep HEIF", {"tile_size": 512}),
]


@pytest.mark.parametrize(("kind", "options"), KINDS, ids=str)
def test_a_large_picture_looks_like_the_original(kind: str, options: dict[str, Any]) -> None:
    """Each way of decoding at a reduced scale returns the size and the colours of the original."""
    size = MEDIUM if "HEIF" in kind else LARGE
    gradients = Image.radial_gradient("L").resize(size), Image.linear_gradient("L").resize(size)
    original = Image.merge("RGB", [*gradients, quarters(size).getchannel(2)])
    picture = decode(large(kind, original, **options))
    assert (picture.width, picture.height) == size
    shown = pixels(picture)
    assert shown.size == (MAX_SIDE, 768)
    difference = ImageChops.difference(shown, original.resize(shown.size))
    assert max(ImageStat.Stat(difference).mean) < 4


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "GIF"])
def test_a_large_transparent_picture_is_on_white(kind: str) -> None:
    """Transparent pixels are white also where the picture is reduced before it is opaque."""
    image = quarters(LARGE).convert("RGBA")
    image.paste((0, 0, 0, 0), (0, LARGE[1] // 2, *LARGE))
    shown = pixels(decode(large(kind, image)))
    assert near((255, 255, 255), shown, (0.5, 0.75))
    assert near(RED, shown, (0.25, 0.25))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "deep HEIF"])
def test_a_picture_that_is_scaled_is_upright(kind: str, orientation: int) -> None:
    """The orientation in EXIF or in the container is applied after scaling."""
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    size = (320, 240) if kind == "deep HEIF" else LARGE
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = quarters(size).transpose(back[orientation]) if orientation in back else quarters(size)
    picture = decode(large(kind, stored, exif=exif.tobytes()))
    assert (picture.width, picture.height) == size
    assert shows_quarters(pixels(picture))


@pytest.mark.parametrize("full_range", [0, 1])
@pytest.mark.parametrize("matrix", [1, 5, 6, 9])
@pytest.mark.parametrize("chroma", [420, 422, 444])
def test_a_deep_heif_keeps_its_colours(chroma: int, matrix: int, full_range: int) -> None:
    """The matrix and the range of the file decide how its planes become RGB."""
    options = {"matrix_coefficients": matrix, "full_range_flag": full_range, "color_primaries": 1}
    data = deep_heif(quarters((320, 240)), chroma=chroma, quality=90, transfer_characteristics=13, **options)
    shown = pixels(decode(data))
    for at, colour in (((0.25, 0.25), RED), ((0.75, 0.25), GREEN), ((0.5, 0.75), (0, 0, 255))):
        found = shown.getpixel((int(at[0] * shown.width), int(at[1] * shown.height)))
        assert isinstance(found, tuple)
        assert max(abs(one - other) for one, other in zip(found, colour, strict=True)) < 12


@pytest.mark.parametrize("is_wide", [False, True])
@pytest.mark.parametrize(
    ("kind", "length"),
    [(kind, 4200) for kind in ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "HEIF", "deep HEIF")]
    + [(kind, 16_000) for kind in ("JPEG", "PNG", "GIF", "WEBP", "AVIF")],
)
def test_the_middle_of_a_very_long_picture_is_looked_at(kind: str, length: int, is_wide: bool) -> None:
    """A screenshot of a whole page would be a line; the crop has the resolution to show something."""
    short = 128 if length < 5000 else 400
    shown = CROPPED_RATIO * short
    image = Image.new("RGB", (short, length), RED)
    image.paste(GREEN, (0, (length - shown) // 2 - 8, short, (length + shown) // 2 + 8))
    if is_wide:
        image = image.transpose(Image.Transpose.ROTATE_90)
    picture = decode(large(kind, image))
    assert (picture.width, picture.height) == image.size
    crop = pixels(picture)
    long = min(shown, MAX_SIDE)
    assert crop.size == ((long, long // 4) if is_wide else (long // 4, long))
    assert all(near(GREEN, crop, at) for at in ((0.02, 0.02), (0.98, 0.98), (0.5, 0.5)))


def test_a_picture_is_cropped_from_a_ratio_on() -> None:
    """A panorama is shown in full."""
    assert pixels(decode(encoded(Image.new("L", (100 * MAX_RATIO, 100)), "PNG"))).size == (MAX_SIDE, 51)
    assert pixels(decode(encoded(Image.new("L", (100 * MAX_RATIO + 1, 100)), "PNG"))).size == (400, 100)


@pytest.mark.parametrize(
    ("mode", "options", "samples"),
    [
        ("RGB", {"progressive": True}, 1.5),
        ("RGB", {"progressive": True, "subsampling": "4:4:4"}, 3),
        ("CMYK", {"progressive": True}, 4),
        ("L", {"progressive": True}, 1),
        ("RGB", {}, 0),
    ],
)
def test_the_coefficients_of_a_jpeg(mode: str, options: dict[str, Any], samples: float) -> None:
    """A progressive JPEG needs two bytes for each sample at once, another JPEG needs none."""
    assert coefficient_bytes(encoded(quarters().convert(mode), "JPEG", **options)) == 64 * 48 * 2 * samples


def test_a_progressive_jpeg_of_200_megapixels_is_too_complex() -> None:
    """Its coefficients take 600 MB; a part of the picture would be described as if it were all."""
    data = encoded(quarters(), "JPEG", progressive=True)
    at = data.index(b"\xff\xc2") + 5
    with pytest.raises(TooComplexPictureError):
        decode(data[:at] + struct.pack(">HH", 12_288, 16_384) + data[at + 4 :])


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
@pytest.mark.parametrize("part", [0.3, 0.7])
def test_half_of_a_large_picture_is_truncated(kind: str, part: float) -> None:
    """The libraries that scale report missing data like Pillow."""
    data = large(kind, Image.effect_noise(LARGE, 90).convert("RGB"))
    with pytest.raises(TruncatedPictureError):
        decode(data[: int(len(data) * part)])
