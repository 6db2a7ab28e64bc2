import io
import struct
import zlib
from typing import Any

import pytest
from PIL import ExifTags, Image, ImageCms, PngImagePlugin
from pillow_decoder import MAX_SIDE, MIN_SIDE

from tests.pictures.bombs import PNG_HEAD, chunk
from tests.pictures.drawn import FORMATS, GREEN, RED, WHITE, decode, encoded, near, pixels, quarters, shows_quarters
from tests.pictures.leftovers import leftovers

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">secret-xmp</x:xmpmeta>'


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


@pytest.mark.parametrize(
    ("pixel", "value"), [((16, 0), b"\x12\xf4"), ((16, 2), b"\x12\xf4\x56\x78\x9a\xbc")], ids=["grey", "colour"]
)
def test_a_transparent_colour_of_sixteen_bits_becomes_white(pixel: tuple[int, int], value: bytes) -> None:
    """The decoder reduces pixels to 8 bits, and the colour as well."""
    head = struct.pack(">IIBBBBB", 64, 64, *pixel, 0, 0, 0)
    rows = (b"\0" + value * 64) * 32 + (b"\0" + bytes(64 * len(value))) * 32
    body = chunk(b"IHDR", head) + chunk(b"tRNS", value) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    image = pixels(decode(PNG_HEAD + body))
    assert near(WHITE, image, (0.5, 0.25))
    assert near((0, 0, 0), image, (0.5, 0.75))


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
