"""Only the pixels decide: damage beside them refuses no picture, and missing pixels always do."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from PIL import ExifTags, Image, ImageCms

from musicgenerator.errors import DamagedPictureError, TruncatedPictureError, UnsupportedFormatError
from tests.pictures.bombs import PNG_HEAD, chunk, inside, png, segment, squeezed
from tests.pictures.drawn import FORMATS, decode, encoded, pixels, quarters, shows_quarters
from tests.pictures.grids import heif_grid

HEADER_BYTES = 33


def with_chunks(data: bytes, chunks: bytes) -> bytes:
    """Return the PNG with these chunks after its header."""
    return data[:HEADER_BYTES] + chunks + data[HEADER_BYTES:]


def wrong(kind: bytes, content: bytes) -> bytes:
    """Return a PNG chunk with a wrong checksum."""
    return chunk(kind, content)[:-4] + b"\0\0\0\0"


LONG_TEXT = zlib.compress(b'{"node": "KSampler"}' * 70_000)
BOMB = squeezed(bytes(1 << 20), 20)


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param(chunk(b"zTXt", b"workflow\0\0" + LONG_TEXT), id="long text"),
        pytest.param(chunk(b"iTXt", b"workflow\0\1\0\0\0" + LONG_TEXT), id="long international text"),
        pytest.param(chunk(b"zTXt", b"workflow\0\7" + LONG_TEXT), id="unknown compression of a text"),
        pytest.param(chunk(b"zTXt", b"Raw profile type exif\0\7abc"), id="unknown compression of EXIF"),
        pytest.param(chunk(b"zTXt", b"Raw profile type exif\0\0" + BOMB), id="EXIF that is a bomb"),
        pytest.param(wrong(b"tEXt", b"a\0bcd"), id="wrong checksum of a text"),
        pytest.param(wrong(b"pHYs", bytes(9)), id="wrong checksum of a resolution"),
        pytest.param(wrong(b"iCCP", b"icc\0\0" + zlib.compress(b"profile")), id="wrong checksum of a profile"),
        pytest.param(chunk(b"iCCP", b"icc\0\0" + BOMB), id="profile that is a bomb"),
        pytest.param(chunk(b"iCCP", b"icc\0\7abc"), id="unknown compression of a profile"),
        pytest.param(chunk(b"iCCP", b"icc"), id="profile without an end of its name"),
        pytest.param(chunk(b"iCCP", b""), id="empty profile"),
        pytest.param(chunk(b"eXIf", b""), id="empty EXIF"),
        pytest.param(b"\x7f\0\0\0" + chunk(b"tEXt", b"a\0bcd")[4:], id="a text that is too long"),
        pytest.param(b"\0\0\0\1" + chunk(b"iCCP", b"icc\0\0abc")[4:], id="a profile that is too short"),
        pytest.param(
            chunk(b"gAMA", b"") + chunk(b"cHRM", b"a") + chunk(b"pHYs", b"") + chunk(b"sRGB", b""), id="empty"
        ),
        pytest.param(chunk(b"acTL", bytes(8)), id="an animation of no frames"),
        pytest.param(chunk(b"fcTL", b"abc"), id="a cut frame header"),
        pytest.param(chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff"), id="EXIF that points nowhere"),
        pytest.param(chunk(b"12 4", b"?"), id="a chunk without a name"),
    ],
)
def test_a_png_with_odd_chunks_is_taken(extra: bytes) -> None:
    """Texts, profiles and checksums are not pixels."""
    assert shows_quarters(pixels(decode(with_chunks(encoded(quarters(), "PNG"), extra))))


@pytest.mark.parametrize("missing", [1, 4, 8, 12, 16, 18, 20])
def test_a_png_without_its_end_is_taken(missing: int) -> None:
    """Every row is in the file; the end marker and the checksums are not needed."""
    assert shows_quarters(pixels(decode(encoded(quarters(), "PNG")[:-missing])))


def test_a_png_whose_checksum_of_all_rows_is_wrong_is_taken() -> None:
    """Every row can be read, as in a browser."""
    data = encoded(quarters(), "PNG")
    assert shows_quarters(pixels(decode(data[:-20] + b"abcd" + data[-16:])))


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE", b"tRNS"])
def test_a_png_with_a_wrong_checksum_before_its_rows_is_taken(kind: bytes) -> None:
    """The number of rows shows that the size is right."""
    data = encoded(quarters().quantize(8), "PNG", transparency=b"\xff\xff")
    assert shows_quarters(pixels(decode(without_checksum(data, kind))))


def without_checksum(data: bytes, kind: bytes) -> bytes:
    at = data.index(kind)
    end = at + 4 + int.from_bytes(data[at - 4 : at])
    return data[:end] + b"abcd" + data[end + 4 :]


@pytest.mark.parametrize("place", [19, 23, 24, 25, 28], ids=["width", "height", "bits", "colour", "interlace"])
def test_a_png_whose_header_is_wrong_is_damaged(place: int) -> None:
    """A wrong checksum is ignored only if the rows have the size that the header declares."""
    data = bytearray(encoded(quarters(), "PNG"))
    data[place] ^= 1
    with pytest.raises(DamagedPictureError):
        decode(bytes(data))


def test_a_png_without_its_palette_is_damaged() -> None:
    """The numbers of colours that are unknown show nothing."""
    data = encoded(quarters().quantize(8), "PNG")
    with pytest.raises(DamagedPictureError):
        decode(data.replace(b"PLTE", b"plTE"))


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        pytest.param(b"tRNS", lambda content: content + b"\xff" * 300, id="more transparency than colours"),
        pytest.param(b"PLTE", lambda content: content + b"\1", id="half a colour"),
        pytest.param(b"PLTE", lambda content: content.ljust(900, b"\0"), id="more colours than numbers"),
    ],
)
def test_a_png_with_an_odd_palette_is_taken(kind: bytes, change: Callable[[bytes], bytes]) -> None:
    """What no pixel can use is left out."""
    data = encoded(quarters().quantize(8), "PNG", transparency=b"\xff\xff")
    at = data.index(kind)
    end = at + 4 + int.from_bytes(data[at - 4 : at])
    assert shows_quarters(pixels(decode(data[: at - 4] + chunk(kind, change(data[at + 4 : end])) + data[end + 4 :])))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("content", [b"", b"\1", b"\1\2\3", bytes(99)])
def test_a_png_with_an_odd_transparent_colour_is_taken(mode: str, content: bytes) -> None:
    """A colour that is cut, too long or not allowed leaves the picture as it is."""
    image = Image.new(mode, (64, 48), "white")
    assert decode(with_chunks(encoded(image, "PNG"), chunk(b"tRNS", content))) == decode(encoded(image, "PNG"))


@pytest.mark.parametrize("rows", [1, 63])
@pytest.mark.parametrize("value", [0, 200])
def test_a_png_with_too_few_rows_is_truncated(rows: int, value: int) -> None:
    """Pillow shows rows that do not exist as black, even if nothing else is wrong with the file."""
    with pytest.raises(TruncatedPictureError):
        decode(png(64, 64, rows=rows, value=value))


PASSES = ((5, 4), (5, 4), (10, 4), (9, 8), (19, 7), (18, 15), (37, 14))


def interlaced(value: int, missing: int = 0) -> bytes:
    """Return an interlaced PNG of 37 x 29 pixels with bytes of this value, without this many bytes at its end."""
    raw = b"".join((b"\0" + bytes([value]) * 3 * columns) * rows for columns, rows in PASSES)
    header = struct.pack(">IIBBBBB", 37, 29, 8, 2, 0, 0, 1)
    data = zlib.compress(raw[: len(raw) - missing])
    return PNG_HEAD + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_an_interlaced_png_whose_last_row_is_black_is_whole() -> None:
    """The seven passes of an interlaced picture are counted, each with its own width."""
    assert decode(interlaced(0)) == decode(encoded(Image.new("RGB", (37, 29)), "PNG"))


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("missing", [1, 200, 14 * (1 + 3 * 37)])
def test_an_interlaced_png_without_its_last_rows_is_truncated(value: int, missing: int) -> None:
    """The last pass has every second row, which is not the picture's last row."""
    with pytest.raises(TruncatedPictureError):
        decode(interlaced(value, missing))


def apple(image: Image.Image) -> bytes:
    """Return a PNG as Apple's tools write it into apps: without zlib's header, blue before red."""
    raw = b"".join(b"\0" + image.crop((0, y, image.width, y + 1)).tobytes("raw", "BGRA") for y in range(image.height))
    deflate = zlib.compressobj(wbits=-15)
    header = struct.pack(">IIBBBBB", *image.size, 8, 6, 0, 0, 0)
    content = deflate.compress(raw) + deflate.flush()
    cgbi = chunk(b"CgBI", b"\x50\0\x20\x02")
    return PNG_HEAD + cgbi + chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def test_apple_s_png_is_an_unsupported_format() -> None:
    """Its pixels came out blank; the person has to save it in another format."""
    with pytest.raises(UnsupportedFormatError):
        decode(apple(quarters().convert("RGBA")))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_pixels_that_cannot_be_read_are_an_error(mode: str) -> None:
    """A blank picture is never described: the search for an orientation must not hide the decoder's error."""
    data = encoded(quarters().convert(mode), "PNG")
    with pytest.raises(DamagedPictureError):
        decode(data[:43] + b"\xff\xff\xff\xff" + data[47:])


def without_end(data: bytes) -> bytes:
    return data.removesuffix(b"\xff\xd9")


GRAINED = Image.effect_noise((160, 120), 60).convert("RGB")
TILED = GRAINED.resize((192, 128))
SEGMENTS = {
    "an unknown marker": b"\xff\x02",
    "a comment": segment(0xFE, b"x" * 60_000),
    "a photoshop block that is cut": segment(0xED, b"Photoshop 3.0\x008BIM\4\4\xff"),
    "a picture list that is cut": segment(0xE2, b"MPF\0II*\0\xff\xff"),
    "a profile without numbers": segment(0xE2, b"ICC_PROFILE\0"),
    "a profile with a part missing": segment(0xE2, b"ICC_PROFILE\0\1\3abc"),
    "a short JFIF header": segment(0xE0, b"JFIF\0"),
    "a short Adobe header": segment(0xEE, b"Adobe"),
    "an empty segment": segment(0xE1, b""),
    "EXIF without an end": segment(0xE1, b"Exif\0\0MM\0*\xff\xff\xff\xff"),
    "bytes between segments": b"\0\0\0\0",
}


@pytest.mark.parametrize("extra", SEGMENTS.values(), ids=SEGMENTS.keys())
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}], ids=str)
def test_a_jpeg_with_odd_segments_is_taken(extra: bytes, options: dict[str, Any]) -> None:
    """Segments of metadata are not pixels, whether or not they can be read."""
    data = encoded(quarters(), "JPEG", **options)
    for place in (data.index(b"\xff\xdb"), data.index(b"\xff\xc4"), data.index(b"\xff\xda")):
        assert shows_quarters(pixels(decode(data[:place] + extra + data[place:])))


def test_too_much_metadata_does_not_change_the_colours() -> None:
    """Adobe's segment says that the channels are YCCK and not CMYK, wherever it is."""
    cmyk = encoded(quarters().convert("CMYK"), "JPEG")
    at = cmyk.index(b"Adobe") + 11
    data = cmyk[:at] + b"\2" + cmyk[at + 1 :]
    assert decode(data) != decode(cmyk)
    assert decode(inside(data, segment(0xFE, b"x" * 60_000) * 150)) == decode(data)


def test_the_orientation_is_found_behind_much_metadata() -> None:
    """Provenance may take megabytes before EXIF; what is not kept does not count."""
    turned = encoded(quarters().transpose(Image.Transpose.ROTATE_90), "JPEG")
    data = inside(turned, segment(0xEB, b"JP" + b"x" * 60_000) * 150 + segment(0xE1, DAMAGED_EXIF))
    assert shows_quarters(pixels(decode(data)))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}], ids=str)
@pytest.mark.parametrize("end", [b"", b"\xff", bytes(100)], ids=["cut", "half", "zeros"])
def test_a_jpeg_without_its_end_marker_is_taken(mode: str, options: dict[str, Any], end: bytes) -> None:
    """Every row is in the file, so the picture equals the one with the marker."""
    data = encoded(GRAINED.convert(mode), "JPEG", **options)
    assert decode(without_end(data) + end) == decode(data)


@pytest.mark.parametrize("end", [b"", b"\xff\xd9", b"\xff\xd9" + bytes(500)], ids=["cut", "end marker", "more bytes"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_jpeg_with_missing_rows_is_truncated(mode: str, part: float, end: bytes) -> None:
    """Libjpeg fills the rest with grey, and an end marker behind the cut must not hide it."""
    data = encoded(GRAINED.convert(mode), "JPEG")
    with pytest.raises(TruncatedPictureError):
        decode(data[: int(len(data) * part)] + end)


@pytest.mark.parametrize("part", [0.5, 0.9])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}], ids=str)
def test_zeros_are_not_the_rest_of_a_jpeg(options: dict[str, Any], part: float) -> None:
    """A program may reserve the space for a file and then stop; libjpeg reads the zeros as pixels."""
    data = encoded(GRAINED, "JPEG", **options)
    with pytest.raises(TruncatedPictureError):
        decode(data[: int(len(data) * part)].ljust(len(data), b"\0"))


@pytest.mark.parametrize("kind", FORMATS)
def test_zeros_are_not_half_of_a_picture(kind: str) -> None:
    """The decoders of WEBP, HEIF and AVIF draw a picture from them without an error."""
    data = encoded(GRAINED, kind)
    with pytest.raises((TruncatedPictureError, DamagedPictureError)):
        decode(data[: len(data) // 2].ljust(len(data), b"\0"))


def test_a_grey_picture_is_not_truncated() -> None:
    """A picture may be as grey as what libjpeg fills in."""
    grey = pixels(decode(encoded(Image.new("RGB", (160, 120), (128, 128, 128)), "JPEG")))
    assert grey.getpixel((159, 119)) == (128, 128, 128)


def test_a_preview_does_not_stand_in_for_the_picture() -> None:
    """A thumbnail in EXIF has an end marker of its own, which is not the picture's."""
    thumbnail = encoded(quarters((32, 24)), "JPEG")
    data = encoded(GRAINED, "JPEG")
    with_preview = data[:2] + segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0" + thumbnail) + data[2:]
    assert decode(with_preview).width == GRAINED.width
    with pytest.raises(TruncatedPictureError):
        decode(with_preview[: len(with_preview) * 6 // 10])


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_gif_without_its_end_is_taken(missing: int) -> None:
    """The trailer, the terminator and the end code are not pixels."""
    data = encoded(quarters(), "GIF")
    assert shows_quarters(pixels(decode(data[:-missing])))


def test_a_gif_of_which_only_the_first_frame_is_whole_is_taken() -> None:
    """Only the first frame is looked at."""
    data = encoded(quarters(), "GIF", save_all=True, append_images=[GRAINED.resize((64, 48))] * 3, duration=9)
    assert shows_quarters(pixels(decode(data[: len(data) * 3 // 4])))


def webp_with(data: bytes, kind: bytes, content: bytes, length: int | None = None) -> bytes:
    """Return the WEBP with another chunk at its end, which may claim another length."""
    body = data[8:] + kind + struct.pack("<I", len(content) if length is None else length) + content
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda data: webp_with(data, b"EXIF", b"Exif\0\0", 5000), id="cut EXIF"),
        pytest.param(lambda data: webp_with(data, b"XMP ", b"<x"), id="metadata that the header does not announce"),
        pytest.param(lambda data: webp_with(data, b"????", bytes(99)), id="unknown chunk"),
        pytest.param(lambda data: data[:4] + b"\xff\xff\xff\x00" + data[8:], id="too long"),
        pytest.param(lambda data: data[:4] + b"\x10\0\0\0" + data[8:], id="too short"),
        pytest.param(lambda data: data + b"more", id="more bytes"),
    ],
)
def test_a_webp_with_odd_chunks_is_taken(lossless: bool, change: Callable[[bytes], bytes]) -> None:
    """Metadata and the declared length are not pixels."""
    data = encoded(quarters(), "WEBP", lossless=lossless, quality=90)
    assert shows_quarters(pixels(decode(change(data))))


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("length", [0, 3, 2**31 - 1])
def test_a_webp_whose_profile_has_a_wrong_length_is_taken(length: int, lossless: bool) -> None:
    """The pixels are found behind it."""
    data = encoded(quarters(), "WEBP", lossless=lossless, quality=90, icc_profile=b"profile " * 9)
    at = data.index(b"ICCP") + 4
    assert shows_quarters(pixels(decode(data[:at] + length.to_bytes(4, "little") + data[at + 4 :])))


def test_an_animated_webp_of_which_only_the_first_frame_is_whole_is_taken() -> None:
    """Only the first frame is looked at."""
    data = encoded(quarters(), "WEBP", save_all=True, append_images=[GRAINED.resize((64, 48))] * 3, duration=9)
    assert shows_quarters(pixels(decode(data[: len(data) * 3 // 4])))


@pytest.mark.parametrize("profile", [b"x", b"secret" * 99, bytes(4000)], ids=["a byte", "text", "zeros"])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "CMYK"])
def test_an_odd_profile_is_ignored(mode: str, profile: bytes) -> None:
    """Colours without their profile are a little off, which refuses no picture."""
    kind = "JPEG" if mode == "CMYK" else "PNG"
    plain = decode(encoded(quarters().convert(mode), kind))
    assert decode(encoded(quarters().convert(mode), kind, icc_profile=profile)) == plain


def test_a_profile_that_makes_every_colour_the_same_is_ignored() -> None:
    """Only the pixels decide; a black picture says nothing about them."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for entry in range(132, 132 + 12 * int.from_bytes(profile[128:132]), 12):
        if profile[entry + 1 : entry + 4] == b"XYZ":
            at = int.from_bytes(profile[entry + 4 : entry + 8])
            profile[at + 8 : at + 20] = bytes(12)
    assert shows_quarters(pixels(decode(encoded(quarters(), "PNG", icc_profile=bytes(profile)))))


TIFF = b"II*\0\x08\0\0\0\0\0"


def described(kind: str, image: Image.Image) -> bytes:
    """Return an AVIF, or a HEIF whose EXIF and XMP are behind the pixels, with EXIF, XMP and a profile."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return encoded(image, kind, exif=b"Exif\0\0" + TIFF + bytes(99), xmp=b"<x>" + b" " * 300, icc_profile=profile)


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
@pytest.mark.parametrize("old", [TIFF, b"Exif\0\0" + TIFF, b"<x>", b"acspAPPL", b"prof"], ids=repr)
def test_a_heif_or_avif_with_odd_metadata_is_taken(kind: str, old: bytes) -> None:
    """EXIF, XMP and profiles are not pixels."""
    data = described(kind, quarters())
    at = data.index(old)
    assert shows_quarters(pixels(decode(data[:at] + b"\xff" * len(old) + data[at + len(old) :])))


@pytest.mark.parametrize("missing", [1, 100, 300])
def test_a_heif_without_the_end_of_its_metadata_is_taken(missing: int) -> None:
    """The pixels are whole, so the picture equals the one with all metadata."""
    data = described("HEIF", GRAINED)
    assert pixels(decode(data[:-missing])).tobytes() == pixels(decode(data)).tobytes()


@pytest.mark.parametrize("missing", [5, 20, 200, 2000])
@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_a_heif_or_avif_without_all_its_pixels_is_truncated(kind: str, missing: int) -> None:
    """The bytes that stand in for missing metadata must not stand in for pixels."""
    with pytest.raises(TruncatedPictureError):
        decode(encoded(GRAINED, kind)[:-missing])


@pytest.mark.parametrize("missing", [10, 200, 0.1, 0.5])
def test_a_heif_without_all_its_tiles_is_truncated(missing: float) -> None:
    """Libheif leaves out the tiles that it cannot read, without an error."""
    data = heif_grid(TILED, 3, 2)
    assert pixels(decode(data)).size == TILED.size
    with pytest.raises(TruncatedPictureError):
        decode(data[: -int(missing if missing > 1 else missing * len(data))])


@pytest.mark.parametrize("data", [encoded(GRAINED, "HEIF"), heif_grid(TILED, 3, 2)], ids=["one", "tiles"])
@pytest.mark.parametrize("missing", [100, 0.1])
def test_zeros_are_not_the_end_of_a_heif(data: bytes, missing: float) -> None:
    """A few zeros at the end of the pixels are too many."""
    length = int(missing if missing > 1 else missing * len(data))
    with pytest.raises(TruncatedPictureError):
        decode(data[:-length] + bytes(length))


def test_zeros_behind_the_pixels_of_a_heif_are_ignored() -> None:
    """A box may be longer than what is in it."""
    data = heif_grid(TILED, 3, 2)
    at = data.index(b"mdat") - 4
    longer = int.from_bytes(data[at : at + 4]) + 900
    assert decode(data[:at] + struct.pack(">I", longer) + data[at + 4 :] + bytes(900)) == decode(data)


def test_a_heif_without_more_than_can_be_metadata_is_truncated() -> None:
    """A second attempt does not fill so many bytes."""
    data = heif_grid(TILED, 3, 2)
    at = data.index(b"mdat") - 4
    with pytest.raises(TruncatedPictureError):
        decode(data[:at] + struct.pack(">I", 20_000_000) + data[at + 4 : -200])


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
@pytest.mark.parametrize("brand", [b"miaf", b"MiHE", b"1pic", b"mif1"])
def test_a_heif_or_avif_with_another_major_brand_is_taken(kind: str, brand: bytes) -> None:
    """The brands behind the major one say what the file is compatible with."""
    data = encoded(quarters(), kind)
    assert shows_quarters(pixels(decode(data[:8] + brand + data[12:])))


def test_a_film_behind_a_heif_may_be_cut() -> None:
    """Its box holds no pixels, however many of its bytes are missing."""
    data = encoded(quarters(), "HEIF")
    assert decode(data + struct.pack(">I", 20_000_000) + b"mpvd" + bytes(100)) == decode(data)


# Orientation 6, a tag that claims gigabytes, and a directory that is nowhere.
DAMAGED_EXIF = b"Exif\0\0II*\0\x08\0\0\0\3\0" + b"".join(
    [
        struct.pack("<HHIHH", ExifTags.Base.Orientation, 3, 1, 6, 0),
        struct.pack("<HHII", ExifTags.Base.UserComment, 7, 0x7FFFFFFF, 16),
        struct.pack("<HHII", ExifTags.Base.ExifOffset, 4, 1, 0x7FFFFFFF),
        bytes(4),
    ]
)


# Pillow reads the EXIF that it writes into an AVIF.
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "GIF"])
def test_the_orientation_survives_other_damage_in_exif(kind: str) -> None:
    """A tag that can be read is used, however the others are damaged."""
    picture = decode(encoded(quarters().transpose(Image.Transpose.ROTATE_90), kind, exif=DAMAGED_EXIF))
    assert (picture.width, picture.height) == quarters().size
    assert shows_quarters(pixels(picture))


@pytest.mark.parametrize("kind", FORMATS)
def test_more_bytes_after_the_end_are_ignored(kind: str) -> None:
    """Phones put films and settings behind the picture."""
    data = encoded(quarters(), kind)
    film = struct.pack(">I", 108) + b"free" + bytes(100)
    assert decode(data + film) == decode(data)


def test_the_first_picture_of_several_is_looked_at() -> None:
    """A phone's JPEG with a depth or gain map shows its main picture."""
    out = io.BytesIO()
    quarters().save(out, "MPO", save_all=True, append_images=[GRAINED])
    assert shows_quarters(pixels(decode(out.getvalue())))
