import io
import os
import signal
import struct
import subprocess
import sys
import time
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
from captioning import Picture
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms, ImageDraw, PngImagePlugin
from pillow_decoder import MAX_PIXELS, MAX_SIDE, MIN_SIDE, decoded
from pillow_pictures import PreparedDecoder
from pillow_pictures import decode as decode_apart

from musicgenerator.errors import (
    CaptionUnavailableError,
    DamagedPictureError,
    EmptyPictureError,
    NotAnImageError,
    PictureError,
    PictureTooLargeError,
    TooComplexPictureError,
    TooManyPixelsError,
    TooSmallPictureError,
    TruncatedPictureError,
    UnsupportedFormatError,
)
from musicgenerator.tracks import MAX_PICTURE_BYTES
from tests.pictures.bombs import scan_bomb, tiff_bomb
from tests.pictures.leftovers import leftovers

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "MPO"]
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">secret-xmp</x:xmpmeta>'


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


@pytest.mark.parametrize("kind", FORMATS)
def test_every_accepted_format_becomes_an_upright_rgb_jpeg(kind: str) -> None:
    """The JPEG shows the same picture in the same size."""
    picture = decode(encoded(quarters(), kind))
    image = pixels(picture)
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (64, 48))
    assert (picture.width, picture.height) == (64, 48)
    assert shows_quarters(image)


@pytest.mark.parametrize(
    ("orientation", "back"),
    [
        (1, None),
        (2, Image.Transpose.FLIP_LEFT_RIGHT),
        (3, Image.Transpose.ROTATE_180),
        (4, Image.Transpose.FLIP_TOP_BOTTOM),
        (5, Image.Transpose.TRANSPOSE),
        (6, Image.Transpose.ROTATE_90),
        (7, Image.Transpose.TRANSVERSE),
        (8, Image.Transpose.ROTATE_270),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_exif_orientation_is_applied(kind: str, orientation: int, back: Image.Transpose | None) -> None:
    """Pixels and size follow each of the eight EXIF orientations."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = quarters() if back is None else quarters().transpose(back)
    picture = decode(encoded(stored, kind, exif=exif))
    assert (picture.width, picture.height) == (64, 48)
    assert shows_quarters(pixels(picture))


def test_a_large_picture_is_shrunk_and_its_original_size_returned() -> None:
    """The JPEG has at most 1,024 pixels a side; width and height are the original's."""
    picture = decode(encoded(quarters((2400, 1800)), "JPEG"))
    assert (picture.width, picture.height) == (2400, 1800)
    assert pixels(picture).size == (MAX_SIDE, 768)


def test_a_small_picture_is_not_enlarged() -> None:
    """The smallest accepted picture keeps its size."""
    size = (MIN_SIDE, MIN_SIDE)
    assert pixels(decode(encoded(Image.new("RGB", size, RED), "PNG"))).size == size


@pytest.mark.parametrize("size", [(1, 1), (MIN_SIDE - 1, 400), (200_000, 1), (1, 200_000), (4000, 50)])
def test_a_dot_or_a_line_is_refused(size: tuple[int, int]) -> None:
    """A picture thinner than 16 pixels after shrinking is too small to show anything."""
    with pytest.raises(TooSmallPictureError):
        decode(encoded(Image.new("1", size), "PNG"))


def test_a_panorama_is_accepted() -> None:
    """A picture may be twenty times as wide as it is high."""
    assert pixels(decode(encoded(Image.new("RGB", (10_000, 500), RED), "JPEG"))).size == (MAX_SIDE, 51)


def transparent(mode: str) -> bytes:
    image = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 16, 32))
    if mode == "P":
        return encoded(image.convert("P"), "GIF", transparency=image.convert("P").getpixel((31, 31)))
    if mode == "LA":
        grey = Image.new("LA", (32, 32), (0, 0))
        grey.paste((76, 255), (0, 0, 16, 32))
        return encoded(grey, "PNG")
    return encoded(image, {"RGBA": "PNG", "RGBA in WEBP": "WEBP", "RGBA in AVIF": "AVIF"}[mode])


@pytest.mark.parametrize("mode", ["RGBA", "RGBA in WEBP", "RGBA in AVIF", "LA", "P"])
def test_transparent_pixels_become_white(mode: str) -> None:
    """Transparent pixels are white, as on a page, not black."""
    image = pixels(decode(transparent(mode)))
    assert near(WHITE, image, (0.9, 0.5))
    assert not near(WHITE, image, (0.1, 0.5))


def test_a_transparent_palette_entry_becomes_white() -> None:
    """The decoder applies the tRNS chunk of a palette PNG."""
    drawn = Image.new("P", (32, 32), 0)
    drawn.putpalette([0, 0, 0, 255, 0, 0])
    drawn.paste(1, (0, 0, 16, 32))
    image = pixels(decode(encoded(drawn, "PNG", transparency=0)))
    assert near(WHITE, image, (0.9, 0.5))
    assert near(RED, image, (0.1, 0.5))


def test_cmyk_becomes_rgb() -> None:
    """A CMYK JPEG keeps its colours."""
    assert shows_quarters(pixels(decode(encoded(quarters().convert("CMYK"), "JPEG", quality=95))))


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_grey_and_palette_pictures_keep_their_brightness(mode: str) -> None:
    """Bright pixels stay bright, and dark pixels dark."""
    drawn = Image.new("L", (32, 32), 0)
    drawn.paste(255, (0, 0, 16, 32))
    image = pixels(decode(encoded(drawn.convert(mode), "PNG")))
    assert near(WHITE, image, (0.1, 0.5))
    assert near((0, 0, 0), image, (0.9, 0.5))


def sixteen_bit(**options: Any) -> bytes:
    ramp = b"".join(struct.pack("<H", round(65535 * x / 63)) for _ in range(16) for x in range(64))
    return encoded(Image.frombytes("I;16", (64, 16), ramp), "PNG", **options)


@pytest.mark.parametrize("options", [{}, {"transparency": 300}], ids=["plain", "with a transparent grey"])
def test_sixteen_bits_of_grey_become_eight(options: dict[str, Any]) -> None:
    """A ramp from black to white stays a ramp and is not clipped to white."""
    image = pixels(decode(sixteen_bit(**options)))
    assert near((128, 128, 128), image, (0.5, 0.5))
    assert near((64, 64, 64), image, (0.25, 0.5))
    assert near(WHITE, image, (0.98, 0.5))


def test_an_animation_becomes_its_first_frame() -> None:
    """Only the first frame of a GIF or a WEBP is decoded."""
    for kind in ("GIF", "WEBP"):
        others = [Image.new("RGB", (64, 48), WHITE)] * 3
        data = encoded(quarters(), kind, save_all=True, append_images=others, duration=50)
        assert shows_quarters(pixels(decode(data)))


def tagged(kind: str) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "secret-artist"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (37.0, 33.0, 59.0)
    options: dict[str, Any] = {"exif": exif, "icc_profile": b"secret-icc" * 20}
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_text("Comment", "secret-text")
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
        options["pnginfo"] = info
    else:
        options["xmp"] = XMP
    if kind == "JPEG":
        options["comment"] = b"secret-comment"
    return encoded(quarters(), kind, **options)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
def test_only_pixels_are_kept(kind: str) -> None:
    """The JPEG has no EXIF, location, XMP, colour profile or comment."""
    data = tagged(kind)
    assert b"secret-artist" in data
    jpeg = decode(data).jpeg
    assert b"secret" not in jpeg
    assert b"Exif" not in jpeg
    assert leftovers(jpeg) == []
    image = Image.open(io.BytesIO(jpeg))
    assert not image.getexif()
    assert {"exif", "xmp", "icc_profile", "comment", "photoshop"}.isdisjoint(image.info)


def test_leftovers_finds_metadata_and_trailing_bytes() -> None:
    """`leftovers` reports EXIF, a comment and bytes after the end, so the test above can fail."""
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "somebody"
    jpeg = encoded(quarters(), "JPEG", exif=exif, comment=b"hello")
    assert [found[:10] for found in leftovers(jpeg)] == ["segment e1", "segment fe"]
    assert leftovers(encoded(quarters(), "JPEG") + b"abc") == ["3 bytes after the end"]


def swapped_profile() -> bytes:
    """Return the sRGB profile with red and green swapped."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    places = {}
    for entry in range(132, 132 + 12 * int.from_bytes(profile[128:132], "big"), 12):
        places[bytes(profile[entry : entry + 4])] = int.from_bytes(profile[entry + 4 : entry + 8], "big")
    red, green = places[b"rXYZ"], places[b"gXYZ"]
    profile[red : red + 20], profile[green : green + 20] = profile[green : green + 20], profile[red : red + 20]
    return bytes(profile)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_colour_profile_is_applied(kind: str) -> None:
    """Colours are converted to sRGB; without the profile, a phone's wide-gamut colours look dull."""
    image = pixels(decode(encoded(quarters(), kind, icc_profile=swapped_profile())))
    assert near(GREEN, image, (0.25, 0.25))
    assert near(RED, image, (0.75, 0.25))


def test_a_photo_with_damaged_exif_is_accepted() -> None:
    """Damaged EXIF is removed like all metadata; the pixels are intact."""
    for block in (b"Exif\0\0garbage", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\xff\xff"):
        assert shows_quarters(pixels(decode(encoded(quarters(), "JPEG", exif=block))))


def png(width: int, height: int, bits: int = 8, colour: int = 2) -> bytes:
    """Return a PNG whose header declares this size, with almost no data."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


@pytest.mark.parametrize("data", [png(20_000, 20_000), png(50_000, 50_000, 1, 0), png(MAX_PIXELS + 1, 1)])
def test_too_many_pixels_are_refused_from_the_header(data: bytes) -> None:
    """A decompression bomb is refused before any pixel is decoded."""
    with pytest.raises(TooManyPixelsError):
        decode(data)


def test_a_real_picture_of_20000_by_20000_is_refused() -> None:
    """400 megapixels of one colour in a file of 49 kB are too many."""
    with pytest.raises(TooManyPixelsError):
        decode(encoded(Image.new("1", (20_000, 20_000)), "PNG"))


def test_the_decoder_s_process_returns_the_same_picture() -> None:
    """A picture decoded in its own process equals the one decoded here."""
    data = encoded(quarters(), "JPEG")
    assert decode_apart(data) == decode(data)


def test_a_photo_of_30_megapixels_is_accepted() -> None:
    """30 megapixels are within the limit of 40."""
    picture = decode_apart(encoded(Image.new("1", (6000, 5000)), "PNG"))
    assert (picture.width, picture.height) == (6000, 5000)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", EmptyPictureError),
        (b"This is not a picture.", NotAnImageError),
        (png(20_000, 20_000), TooManyPixelsError),
        (encoded(quarters(), "BMP"), UnsupportedFormatError),
        (encoded(quarters(), "PNG")[:100], TruncatedPictureError),
    ],
    ids=["empty", "text", "too many pixels", "BMP", "cut"],
)
def test_the_decoder_s_process_returns_its_error(data: bytes, kind: type[PictureError]) -> None:
    """The caller raises the error that the decoder's process found."""
    with pytest.raises(kind):
        decode_apart(data)


@pytest.mark.parametrize("length", [MAX_PICTURE_BYTES + 1, 50_000_000])
def test_too_many_bytes_are_refused(length: int) -> None:
    """A file over 20 MB is refused, even if it begins with a picture."""
    with pytest.raises(PictureTooLargeError):
        decode_apart(encoded(quarters(), "JPEG").ljust(length, b"\0"))


def test_the_largest_file_is_accepted() -> None:
    """A file of exactly the limit is accepted; bytes after the picture are ignored."""
    assert shows_quarters(pixels(decode_apart(encoded(quarters(), "JPEG").ljust(MAX_PICTURE_BYTES, b"\0"))))


@pytest.mark.parametrize(
    "data",
    [
        b"This is not a picture.",
        "사진이 아니에요".encode(),
        b"PK\x03\x04" + b"\0" * 60,
        b"ID3\x04" + b"\0" * 60,
        b"%PDF-1.7\n",
        b"<html></html>",
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


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda image: encoded(image, "BMP"), id="BMP"),
        pytest.param(lambda image: encoded(image, "TIFF"), id="TIFF"),
        pytest.param(lambda image: encoded(image, "TIFF", big_tiff=True), id="BigTIFF"),
        pytest.param(lambda image: encoded(image, "JPEG2000"), id="JPEG 2000"),
        pytest.param(lambda image: encoded(image, "ICO"), id="ICO"),
        pytest.param(svg, id="SVG"),
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


def test_a_picture_that_takes_too_long_is_too_complex() -> None:
    """36 megapixels in thousands of scans: the CPU limit ends the decoder, and this process continues."""
    with pytest.raises(TooComplexPictureError):
        decode_apart(scan_bomb())


def test_exif_that_claims_gigabytes_is_ignored() -> None:
    """4,000 tags that each claim the same 15 MB do not use more memory."""
    picture = decode_apart(encoded(quarters(), "PNG", exif=tiff_bomb(15_000_000)))
    assert shows_quarters(pixels(picture))


def test_eight_pictures_are_decoded_at_once() -> None:
    """Eight threads, as in an instance, decode at the same time."""
    data = encoded(quarters(), "JPEG")
    with ThreadPoolExecutor(8) as threads:
        assert all(shows_quarters(pixels(picture)) for picture in threads.map(decode_apart, [data] * 8))


@pytest.mark.parametrize(
    ("program", "failure"),
    [
        ("import os; os.kill(os.getpid(), 11)", DamagedPictureError),
        ("import os; os.abort()", DamagedPictureError),
        ("import os; os.kill(os.getpid(), 9)", CaptionUnavailableError),
        ("import no_such_package", CaptionUnavailableError),
        ("import time; time.sleep(60)", CaptionUnavailableError),
    ],
    ids=["segmentation fault", "abort", "killed from outside", "broken installation", "waiting forever"],
)
def test_the_decoder_s_exit_becomes_an_error(tmp_path: Path, program: str, failure: type[Exception]) -> None:
    """A crash is caused by the picture and ends its track; any other exit is retried."""
    path = tmp_path / "decoder.py"
    path.write_text(program)
    with pytest.raises(failure):
        decode_apart(b"any picture", path, seconds=2)


def test_a_prepared_decoder_returns_each_caller_its_own_picture() -> None:
    """Good and damaged pictures in turn, then eight at once, each get their own outcome."""
    decoder = PreparedDecoder()
    try:
        data = encoded(quarters(), "JPEG")
        assert shows_quarters(pixels(decoder.decode(data)))
        with pytest.raises(TruncatedPictureError):
            decoder.decode(data[: len(data) // 2])
        with pytest.raises(EmptyPictureError):
            decoder.decode(b"")
        with ThreadPoolExecutor(8) as threads:
            assert all(shows_quarters(pixels(picture)) for picture in threads.map(decoder.decode, [data] * 8))
    finally:
        decoder.close()


def children() -> set[int]:
    return {int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


def test_a_killed_decoder_fails_one_picture() -> None:
    """The next delivery gets a new process."""
    before = children()
    decoder = PreparedDecoder()
    try:
        (waiting,) = children() - before
        os.kill(waiting, signal.SIGKILL)
        data = encoded(quarters(), "JPEG")
        with pytest.raises(CaptionUnavailableError):
            decoder.decode(data)
        assert shows_quarters(pixels(decoder.decode(data)))
    finally:
        decoder.close()


def test_a_prepared_process_ends_with_its_parent() -> None:
    """The waiting process ends even if its parent is killed."""
    program = """
import os, pathlib, pillow_pictures
decoder = pillow_pictures.PreparedDecoder()
print(pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text(), flush=True)
os.kill(os.getpid(), 9)
"""
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=False)
    status = Path(f"/proc/{int(killed.stdout)}/status")
    until = time.monotonic() + 30
    with suppress(OSError):
        while "Z (zombie)" not in status.read_text():
            assert time.monotonic() < until
            time.sleep(0.05)


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
@pytest.mark.parametrize("side", [0, 20_000, 2**31 - 1, 2**32 - 1])
def test_a_wrong_size_in_the_header_is_a_picture_error(kind: str, side: int) -> None:
    """The box `ispe` declares width and height; a decoder's failure on them must not fail the handler."""
    data = bytearray(SEEDS[kind])
    at = data.index(b"ispe") + len(b"ispe") + 4
    data[at : at + 4] = side.to_bytes(4)
    with pytest.raises(PictureError):
        decode(bytes(data))
