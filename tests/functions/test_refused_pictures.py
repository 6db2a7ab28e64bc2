from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from pillow_decoder import MAX_DECODED_BYTES, MAX_SIDE, MIN_SIDE

from musicgenerator.errors import (
    DamagedPictureError,
    NotAnImageError,
    PictureError,
    TooManyPixelsError,
    TooSmallPictureError,
    TruncatedPictureError,
    UnsupportedFormatError,
)
from tests.pictures.drawn import FORMATS, decode, encoded, pixels, png, quarters


@pytest.mark.parametrize("size", [(1, 1), (MIN_SIDE - 1, 400), (200_000, 1), (1, 200_000), (4000, MIN_SIDE - 1)])
def test_a_dot_or_a_line_is_refused(size: tuple[int, int]) -> None:
    """A picture thinner than 16 pixels is too small to show anything."""
    with pytest.raises(TooSmallPictureError):
        decode(encoded(Image.new("1", size), "PNG"))


@pytest.mark.parametrize("data", [png(20_000, 20_000), png(50_000, 50_000, 1, 0), png(MAX_DECODED_BYTES, 4)])
def test_too_many_pixels_are_refused_from_the_header(data: bytes) -> None:
    """A decompression bomb is refused before any pixel is decoded."""
    with pytest.raises(TooManyPixelsError):
        decode(data)


def test_a_real_picture_of_20000_by_20000_is_refused() -> None:
    """400 megapixels of one colour in a file of 49 kB are too many."""
    with pytest.raises(TooManyPixelsError):
        decode(encoded(Image.new("1", (20_000, 20_000)), "PNG"))


@pytest.mark.parametrize(
    "data",
    [
        b"This is not a picture.",
        "사진이 아니에요".encode(),
        b"PK\x03\x04" + b"\0" * 60,
        b"ID3\x04" + b"\0" * 60,
        b"%PDF-1.7\n",
        b"<html><svg></svg></html>",
        b"\0\0\0\x18ftypisom" + b"\0" * 60,
        b"\0" * 1000,
        b"\xff",
        b"GI",
    ],
    ids=["text", "Korean text", "ZIP", "MP3", "PDF", "HTML", "MP4", "zeros", "one byte", "two letters"],
)
def test_a_file_that_is_no_picture_is_named_so(data: bytes) -> None:
    """Text, archives, music and films are not images."""
    with pytest.raises(NotAnImageError):
        decode(data)


def svg(_: Image.Image) -> bytes:
    return b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'


def deep_jpeg(image: Image.Image) -> bytes:
    return encoded(image, "JPEG").replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c")


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda image: encoded(image, "BMP"), id="BMP"),
        pytest.param(lambda image: encoded(image, "TIFF"), id="TIFF"),
        pytest.param(lambda image: encoded(image, "TIFF", big_tiff=True), id="BigTIFF"),
        pytest.param(lambda image: encoded(image, "JPEG2000"), id="JPEG 2000"),
        pytest.param(lambda image: encoded(image, "ICO"), id="ICO"),
        pytest.param(svg, id="SVG"),
        pytest.param(lambda _: b"<!-- " + b"x" * 9000 + b" -->\n<SVG>", id="SVG behind a comment"),
        pytest.param(lambda _: "<svg:svg/>".encode("utf-16"), id="SVG in UTF-16"),
        pytest.param(lambda _: b"II*\0\x10\0\0\0CR\2\0" + bytes(99), id="CR2"),
        pytest.param(lambda _: b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(99), id="CR3"),
        pytest.param(lambda _: b"FUJIFILMCCD-RAW 0201FF129502X-T1" + bytes(99), id="RAF"),
        pytest.param(lambda _: b"8BPS\0\2" + bytes(99), id="large Photoshop"),
        pytest.param(lambda _: b"\xff\x0a" + bytes(99), id="JPEG XL"),
        pytest.param(lambda _: b"\1\0\0\0" + bytes(36) + b" EMF" + bytes(99), id="EMF"),
        pytest.param(
            lambda image: encoded(image, "JPEG").replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c"), id="12 bits"
        ),
    ],
)
def test_an_unsupported_format_is_named_so(make: Callable[[Image.Image], bytes]) -> None:
    """The file is a picture, but the person has to save it in another format."""
    with pytest.raises(UnsupportedFormatError):
        decode(make(quarters()))


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF"])
def test_half_a_picture_is_truncated(kind: str, part: float) -> None:
    """Half a file is reported as truncated, not as no picture."""
    data = encoded(Image.effect_noise((128, 128), 90).convert("RGB"), kind)
    with pytest.raises(TruncatedPictureError):
        decode(data[: int(len(data) * part)])


def test_data_that_contradicts_its_format_is_damaged() -> None:
    """A complete file with overwritten bytes is damaged."""
    for data in (encoded(quarters(), "GIF"), encoded(quarters(), "PNG")):
        with pytest.raises(DamagedPictureError):
            decode(data[:10] + b"\xee" * 40 + data[50:])


SEEDS = {kind: encoded(quarters((32, 24)), kind) for kind in FORMATS}


@settings(derandomize=True, deadline=None, max_examples=60)
@example(kind="AVIF", changes=[(0.25, b"\0")], kept=1.0)
@given(
    kind=st.sampled_from(FORMATS),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4)), max_size=6),
    kept=st.floats(0.2, 1),
)
def test_random_damage_raises_only_picture_errors(kind: str, changes: list[tuple[float, bytes]], kept: float) -> None:
    """Any other error would deliver the event again for a day."""
    data = bytearray(SEEDS[kind])
    for place, new in changes:
        at = int(place * len(data))
        data[at : at + len(new)] = new
    with suppress(PictureError):
        picture = decode(bytes(data[: int(len(data) * kept)]))
        assert max(pixels(picture).size) <= MAX_SIDE


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
@pytest.mark.parametrize("side", [0, 100_000, 2**31 - 1, 2**32 - 1])
def test_a_wrong_size_in_the_header_is_a_picture_error(kind: str, side: int) -> None:
    """The box `ispe` declares width and height; a decoder's failure on them must not fail the handler."""
    data = bytearray(SEEDS[kind])
    at = data.index(b"ispe") + len(b"ispe") + 4
    data[at : at + 4] = side.to_bytes(4)
    with pytest.raises(PictureError):
        decode(bytes(data))
