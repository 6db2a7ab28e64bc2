"""Generated files that try to break a decoder: by pixels, bytes, time, memory or damage, and by being no picture."""

import io
import random
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

from PIL import ExifTags, Image
from pillow_heif import from_bytes, register_heif_opener

FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "MPO")
MEGABYTE: Final = 1_000_000
PNG_HEAD: Final = b"\x89PNG\r\n\x1a\n"
# Bits per channel, and PNG's colour type.
ONE_BIT, GREY_16, COLOUR, PALETTE, ALPHA, ALPHA_16 = (1, 0), (16, 0), (8, 2), (8, 3), (8, 6), (16, 6)
COLOUR_16, GREY_ALPHA_16 = (16, 2), (16, 4)
CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}

register_heif_opener()


def all_of_them() -> Iterator[tuple[str, bytes]]:
    """Yield file names and their bytes, the same at every call."""
    for part in (
        png_bombs,
        jpeg_bombs,
        gif_bombs,
        animations,
        many_pixels,
        costly_ones,
        long_ones,
        thin_ones,
        no_pictures,
        damaged_ones,
    ):
        yield from part()


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a PNG chunk."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def squeezed(piece: bytes, times: int) -> bytes:
    """Return ``piece`` repeated and deflated, without holding all of it in memory."""
    deflate = zlib.compressobj(6)
    block, rest = divmod(times, 64)
    return b"".join(
        [*(deflate.compress(piece * 64) for _ in range(block)), deflate.compress(piece * rest), deflate.flush()]
    )


def png(
    width: int,
    height: int,
    pixel: tuple[int, int] = COLOUR,
    *,
    extra: bytes = b"",
    rows: int = -1,
    value: int = 0,
) -> bytes:
    """Return a PNG with all or only some of its rows, whose samples all have bytes of this value."""
    bits, kind = pixel
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    row = b"\0" + bytes([value]) * ((width * bits * CHANNELS[kind] + 7) // 8)
    data = squeezed(row, height if rows < 0 else rows)
    return PNG_HEAD + chunk(b"IHDR", header) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return the image as a file of this format."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def chance(seed: int) -> random.Random:
    """Return a generator with this seed."""
    return random.Random(seed)


def noise(side: int = 96) -> Image.Image:
    """Return a picture of noise, the same at every call."""
    return Image.frombytes("RGB", (side, side), chance(side).randbytes(3 * side * side))


def tiff_bomb(size: int, tags: int = 4000) -> bytes:
    """Return EXIF of ``size`` bytes, each of whose tags claims nearly all of them as its value."""
    entries = b"".join(struct.pack("<HHII", tag, 7, size - 10, 8) for tag in range(1, tags + 1))
    return (b"II*\0" + struct.pack("<IH", 8, tags) + entries).ljust(size, b"\0")


def segment(marker: int, data: bytes) -> bytes:
    """Return a JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def inside(jpeg: bytes, segments: bytes) -> bytes:
    """Return the JPEG with these segments after its start marker."""
    return jpeg[:2] + segments + jpeg[2:]


def png_bombs() -> Iterator[tuple[str, bytes]]:
    """Yield PNGs with huge declared sizes, compressed texts and profiles, and millions of chunks."""
    zeros = squeezed(bytes(1 << 20), 200)
    texts = b"".join(chunk(b"zTXt", b"a%d\0\0" % i + zlib.compress(bytes(1_000_000))) for i in range(100))
    yield "one-bit-50000x50000.png", png(50_000, 50_000, ONE_BIT, rows=4)
    yield "claim-30000x30000.png", png(30_000, 30_000, rows=0)
    yield "claim-6000x6000.png", png(6000, 6000, rows=3)
    yield "claim-2147483647.png", _huge_claim()
    yield "zero-by-zero.png", png(0, 0)
    yield "zero-by-ten.png", png(0, 10)
    yield "text-bomb.png", png(64, 64, extra=chunk(b"zTXt", b"Comment\0\0" + zeros))
    yield "many-texts.png", png(64, 64, extra=texts)
    yield "international-text-bomb.png", png(64, 64, extra=chunk(b"iTXt", b"Comment\0\1\0\0\0" + zeros))
    yield "profile-bomb.png", png(64, 64, extra=chunk(b"iCCP", b"icc\0\0" + zeros))
    yield "a-million-chunks.png", png(64, 64, extra=chunk(b"abCd", b"") * 1_600_000)
    yield "a-million-empty-data.png", png(64, 64, extra=chunk(b"IDAT", b"") * 1_600_000)
    yield "exif-memory-bomb.png", png(64, 64, extra=chunk(b"eXIf", tiff_bomb(15 * MEGABYTE)))
    yield "two-headers.png", png(64, 64, extra=chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)))
    yield "frames-claimed.png", png(64, 64, extra=chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)))
    good = png(64, 64)
    yield "wrong-checksum-header.png", good[:29] + b"abcd" + good[33:]
    yield "wrong-checksum-data.png", good[:-16] + b"abcd" + good[-12:]
    yield "more-data-than-pixels.png", png(64, 64, rows=1_000_000)


def _huge_claim() -> bytes:
    header = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, *ALPHA, 0, 0, 0)
    return PNG_HEAD + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def jpeg_bombs() -> Iterator[tuple[str, bytes]]:
    """Yield JPEGs with very many segments or scans, and with huge or false EXIF."""
    good = encoded(noise(), "JPEG")
    yield "scans-without-end.jpg", scan_bomb()
    yield "exif-pieces.jpg", inside(good, segment(0xE1, b"Exif\0\0ab") * 1_600_000)
    yield "exif-memory-bomb.jpg", inside(good, exif_segments(tiff_bomb(15 * MEGABYTE)))
    yield "comments.jpg", inside(good, segment(0xFE, b"") * 4_900_000)
    yield "large-comments.jpg", inside(good, segment(0xFE, b"x" * 65_000) * 300)
    yield "profile-pieces.jpg", inside(good, segment(0xE2, b"ICC_PROFILE\0\1\1" + b"\xff" * 60_000) * 255)
    yield "photoshop-pieces.jpg", inside(good, segment(0xED, b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\0" * 5000) * 300)
    yield "padding.jpg", good[:2] + b"\xff" * (19 * MEGABYTE) + good[2:]
    yield "xmp-pieces.jpg", inside(good, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"<" * 60_000) * 300)
    yield "tail-19mb.jpg", good + bytes(19 * MEGABYTE)
    yield "page-inside.jpg", inside(good, segment(0xFE, b"<script>alert(1)</script>")) + b"<html><script>1</script>"
    yield "archive-behind.jpg", good + b"PK\3\4" + bytes(500)
    yield (
        "mpf-loop.jpg",
        inside(good, segment(0xE2, b"MPF\0II*\0\x08\0\0\0\1\0\1\xb0\4\0\1\0\0\0\xff\xff\xff\xff\x08\0\0\0")),
    )
    yield "mpf-garbage.jpg", inside(good, segment(0xE2, b"MPF\0" + b"\xff" * 200))
    for value in (0, 3, 9, 65_535):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = value
        yield f"orientation-{value}.jpg", encoded(noise(), "JPEG", exif=exif)
    loop = b"II*\0\x08\0\0\0\1\0\x69\x87\4\0\1\0\0\0\x08\0\0\0\x08\0\0\0"
    yield "exif-loop.jpg", inside(good, segment(0xE1, b"Exif\0\0" + loop))
    for precision in (1, 12, 16):
        yield f"precision-{precision}.jpg", good.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11" + bytes([precision]))
    for marker in (0xC3, 0xC5, 0xC9, 0xCB, 0xF7):
        yield f"process-{marker:x}.jpg", good.replace(b"\xff\xc0", bytes([0xFF, marker]))
    at = good.index(b"\xff\xc0") + 5
    yield "claim-65535.jpg", good[:at] + b"\xff\xff\xff\xff" + good[at + 4 :]
    yield "claim-6000.jpg", good[:at] + struct.pack(">HH", 6000, 6000) + good[at + 4 :]
    yield "claim-nothing.jpg", good[:at] + bytes(4) + good[at + 4 :]


def exif_segments(tiff: bytes) -> bytes:
    """Return EXIF split over several segments, which decoders join again."""
    pieces = [tiff[at : at + 65_000] for at in range(0, len(tiff), 65_000)]
    return b"".join(segment(0xE1, b"Exif\0\0" + piece) for piece in pieces)


def scan_bomb(scans: int = 400_000) -> bytes:
    """Return a progressive JPEG of 36 megapixels with many scans of a few bytes that change nothing."""
    jpeg = encoded(Image.new("L", (6000, 6000)), "JPEG", progressive=True, quality=10)
    at = jpeg.rindex(b"\xff\xda")
    last = jpeg[at:-2]
    times = min(scans, (19 * MEGABYTE - len(jpeg)) // len(last))
    return jpeg[:-2] + last * times + jpeg[-2:]


def gif_bombs() -> Iterator[tuple[str, bytes]]:
    """Yield GIFs with huge canvases, comments and frames."""
    good = encoded(noise().quantize(), "GIF")
    yield "canvas-65535.gif", good[:6] + b"\xff\xff\xff\xff" + good[10:]
    yield "canvas-6000.gif", good[:6] + struct.pack("<HH", 6000, 6000) + good[10:]
    table = 13 + 3 * 256
    comment = b"\x21\xfe" + (b"\xff" + b"c" * 255) * 70_000 + b"\0"
    yield "one-comment.gif", good[:table] + comment + good[table:]
    yield "comments.gif", good[:table] + b"\x21\xfe\1c\0" * 3_800_000 + good[table:]
    yield "extensions.gif", good[:table] + b"\x21\xf9\4\0\0\0\0\0" * 2_400_000 + good[table:]
    at = good.index(b"\x2c", table)
    yield "frame-65535.gif", good[: at + 5] + b"\xff\xff\xff\xff" + good[at + 9 :]
    yield "frame-outside.gif", good[: at + 1] + b"\xf0\xff\xf0\xff" + good[at + 5 :]
    yield "no-frame.gif", good[:table] + b"\x3b"
    yield "code-size-255.gif", good[: at + 10] + b"\xff" + good[at + 11 :]


def animations() -> Iterator[tuple[str, bytes]]:
    """Yield animations of many frames; the decoder needs only the first."""
    frames = [Image.new("L", (200, 200), i % 256) for i in range(3000)]
    yield "frames-3000.gif", encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    few = [Image.new("RGB", (500, 500), (i, 255 - i, i)) for i in range(200)]
    yield "frames-200.webp", encoded(few[0], "WEBP", save_all=True, append_images=few[1:], method=0)
    yield "frames-200.png", encoded(few[0], "PNG", save_all=True, append_images=few[1:])
    yield "frames-50.avif", encoded(few[0], "AVIF", save_all=True, append_images=few[1:50], speed=10)
    yield "frames-20.heic", encoded(few[0], "HEIF", save_all=True, append_images=few[1:20])
    yield "frames-50.mpo", encoded(few[0], "MPO", save_all=True, append_images=few[1:50])


def many_pixels() -> Iterator[tuple[str, bytes]]:
    """Yield pictures just below 40 megapixels in each mode and format, and some with fewer rows than they state."""
    below, palette = (7900, 5000), chunk(b"PLTE", bytes(768)) + chunk(b"tRNS", bytes(256))
    yield "colour-alpha-16-40mp.png", png(*below, ALPHA_16)
    yield "colour-alpha-40mp.png", png(*below, ALPHA)
    yield "colour-40mp.png", png(*below)
    yield "grey-16-40mp.png", png(*below, GREY_16)
    yield "one-bit-40mp.png", png(*below, ONE_BIT)
    yield "palette-40mp.png", png(*below, PALETTE, extra=palette)
    yield "colour-key-40mp.png", png(*below, extra=chunk(b"tRNS", bytes(6)))
    yield "above-40mp.png", png(8000, 5001, rows=1)
    yield "colour-40mp.jpg", encoded(Image.new("RGB", below, "navy"), "JPEG")
    yield "cmyk-40mp.jpg", encoded(Image.new("CMYK", below), "JPEG")
    full = {"progressive": True, "subsampling": "4:4:4"}
    yield "progressive-40mp.jpg", encoded(Image.new("RGB", below, "navy"), "JPEG", **full)
    yield "progressive-cmyk-40mp.jpg", encoded(Image.new("CMYK", below), "JPEG", **full)
    yield "progressive-cmyk-20mp.jpg", encoded(Image.new("CMYK", (5000, 4000)), "JPEG", **full)
    yield "above-40mp.jpg", encoded(Image.new("L", (20_000, 20_000)), "JPEG", quality=10)
    yield "palette-40mp.gif", encoded(Image.new("P", below), "GIF")
    for megapixels, size in ((12, (4000, 3000)), (20, (5000, 4000)), (40, below), (144, (12_000, 12_000))):
        yield f"lossy-{megapixels}mp.webp", encoded(Image.new("RGB", size, "navy"), "WEBP", quality=1, method=0)
        if megapixels == 144:
            continue
        flat = Image.new("RGBA", size, (0, 0, 99, 99))
        yield f"lossless-alpha-{megapixels}mp.webp", encoded(flat, "WEBP", lossless=True, method=0, quality=0)
        if megapixels == 20:
            continue
        yield f"colour-{megapixels}mp.avif", encoded(Image.new("RGB", size, "navy"), "AVIF", speed=10)
        yield f"alpha-{megapixels}mp.avif", encoded(flat, "AVIF", speed=10, subsampling="4:4:4")
        yield f"colour-{megapixels}mp.heic", encoded(Image.new("RGB", size, "navy"), "HEIF", quality=20)


def costly_ones() -> Iterator[tuple[str, bytes]]:
    """Yield the largest accepted pictures of each format, and those that take the most time or memory."""
    size, palette = (9248, 6936), chunk(b"PLTE", bytes(range(256)) * 3)
    for name, kind in (
        ("colour", COLOUR),
        ("alpha", ALPHA),
        ("colour-16", COLOUR_16),
        ("grey-alpha-16", GREY_ALPHA_16),
    ):
        yield f"{name}-64mp.png", png(*size, kind, value=99)
    yield "alpha-16-64mp.png", png(*size, ALPHA_16, value=99)
    yield "palette-290mp.png", png(20_000, 14_500, PALETTE, extra=palette, value=99)
    yield (
        "palette-key-290mp.png",
        png(20_000, 14_500, PALETTE, extra=palette + chunk(b"tRNS", bytes(range(256))), value=99),
    )
    yield "one-bit-290mp.png", png(20_000, 14_500, ONE_BIT, value=99)
    yield "colour-201mp.jpg", repeated(noise_strip(16_384), 768)
    yield "grey-201mp.jpg", repeated(noise_strip(16_384).convert("L"), 1536)
    yield "cmyk-201mp.jpg", repeated(noise_strip(16_384).convert("CMYK"), 1536)
    yield (
        "progressive-full-64mp.jpg",
        encoded(blocks(size), "JPEG", progressive=True, subsampling="4:4:4", quality=40),
    )
    yield "progressive-100mp.jpg", encoded(blocks((12_000, 8400)), "JPEG", progressive=True, quality=40)
    yield (
        "progressive-cmyk-50mp.jpg",
        encoded(blocks((8160, 6144)).convert("CMYK"), "JPEG", progressive=True, quality=40),
    )
    yield "palette-64mp.gif", encoded(blocks(size).quantize(16, Image.Quantize.FASTOCTREE), "GIF")
    picture = blocks(size)
    yield "lossy-64mp.webp", encoded(picture, "WEBP", quality=40, method=0)
    yield "lossless-64mp.webp", encoded(picture, "WEBP", lossless=True, method=0, quality=0)
    yield "colour-full-64mp.avif", encoded(picture, "AVIF", speed=10, subsampling="4:4:4")
    fast = {"enc_params": {"preset": "ultrafast"}, "quality": 40}
    flat = Image.new("RGB", size, "navy")
    yield "colour-64mp.heic", encoded(flat, "HEIF", **fast)
    yield "grid-64mp.heic", encoded(flat, "HEIF", tile_size=512, **fast)
    picture.putalpha(128)
    yield "alpha-64mp.avif", encoded(picture, "AVIF", speed=10)
    yield "lossy-alpha-64mp.webp", encoded(picture, "WEBP", quality=40, method=0)
    yield "deep-33mp.heic", deep_heif((7008, 4672), chroma=422, **fast)


def long_ones() -> Iterator[tuple[str, bytes]]:
    """Yield screenshots of whole pages, and panoramas, of which a crop is looked at."""
    for width, height in ((560, 40_000), (1080, 60_000), (40_000, 560)):
        yield f"long-{width}x{height}.png", png(width, height, value=99)
    yield "long-560x40000.gif", encoded(blocks((560, 40_000)).quantize(16), "GIF")
    yield "long-1000x65000.jpg", encoded(blocks((1000, 65_000)), "JPEG")
    yield "long-65000x3000.jpg", encoded(Image.new("L", (65_000, 3000), 99), "JPEG", progressive=True)
    yield "panorama-16382x3628.jpg", encoded(blocks((16_382, 3628)), "JPEG")
    yield "long-600x16383.webp", encoded(blocks((600, 16_383)), "WEBP", method=0)
    yield "long-600x16383.heic", encoded(blocks((600, 16_383)), "HEIF", quality=40)
    yield "long-600x32000.avif", encoded(blocks((600, 32_000)), "AVIF", speed=10)


def blocks(size: tuple[int, int]) -> Image.Image:
    """Return a colourful picture of this size that compresses well."""
    return noise(24).resize(size, Image.Resampling.NEAREST)


def noise_strip(width: int) -> Image.Image:
    """Return one row of a JPEG's blocks."""
    return noise(24).crop((0, 0, 24, 1)).resize((width, 16))


def repeated(strip: Image.Image, times: int) -> bytes:
    """Return a JPEG that shows the strip one below the other, with a restart marker after each."""
    if strip.mode != "RGB":
        strip = strip.resize((strip.width, 8))
    jpeg = encoded(strip, "JPEG", quality=20, subsampling="4:2:0", restart_marker_rows=1)
    at, scan = jpeg.index(b"\xff\xc0") + 5, jpeg.index(b"\xff\xda")
    start = scan + 2 + int.from_bytes(jpeg[scan + 2 : scan + 4])
    rows = b"".join(bytes([0xFF, 0xD0 + number % 8]) + jpeg[start:-2] for number in range(times - 1))
    return jpeg[:at] + (strip.height * times).to_bytes(2) + jpeg[at + 2 : -2] + rows + jpeg[-2:]


def deep_heif(size: tuple[int, int], **options: Any) -> bytes:
    """Return a HEIF of 10 bits a channel, as cameras write it, from left to right brighter."""
    row = b"".join(struct.pack("<H", 65_535 * x // (size[0] - 1)) * 3 for x in range(size[0]))
    out = io.BytesIO()
    from_bytes("RGB;16", size, row * size[1]).save(out, **options)
    return out.getvalue()


def thin_ones() -> Iterator[tuple[str, bytes]]:
    """Yield lines and dots, and the smallest accepted picture."""
    for width, height in (
        (2_000_000, 1),
        (1, 2_000_000),
        (1, 1),
        (15, 15),
        (16, 16),
        (15, 4000),
        (2000, 30),
        (2000, 32),
    ):
        yield f"thin-{width}x{height}.png", png(width, height)
    for width, height in ((65_500, 600), (600, 65_500), (8, 8)):
        yield f"thin-{width}x{height}.jpg", encoded(Image.new("L", (width, height)), "JPEG")


def no_pictures() -> Iterator[tuple[str, bytes]]:
    """Yield other files with a picture's name, other formats, and bare signatures."""
    yield "empty.jpg", b""
    yield "zip.jpg", b"PK\3\4" + chance(1).randbytes(500)
    yield "music.jpg", b"ID3\3" + bytes(6) + b"\xff\xfb\x90\0" * 500
    yield "page.jpg", b"<!doctype html><script>alert(1)</script>"
    yield (
        "postscript.jpg",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n(/etc/passwd)(r)file pop\n",
    )
    yield (
        "drawing.png",
        b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/><script>1</script></svg>',
    )
    yield "document.jpg", b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n"
    yield "noise.bin", chance(2).randbytes(100_000)
    yield "zeros.bin", bytes(1000)
    yield "text.txt", "사진이 아니에요.\n".encode() * 20
    yield "utf16.txt", "no picture".encode("utf-16")
    yield "wave.webp", b"RIFF\x24\0\0\0WAVEfmt " + bytes(40)
    yield "film.heic", b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(200)
    yield "jpeg-xl.jxl", b"\xff\x0a" + bytes(60)
    yield "over-20mb.jpg", encoded(noise(), "JPEG").ljust(20_000_001, b"\0")
    yield "just-20mb.jpg", encoded(noise(), "JPEG").ljust(20_000_000, b"\0")
    for kind in ("TIFF", "BMP", "ICO", "TGA", "PPM", "JPEG2000", "PCX", "DDS", "SGI", "ICNS", "QOI", "EPS"):
        yield f"other.{kind.lower()}", encoded(noise(), kind)
    yield "canvas-65535.tiff", encoded(noise(), "TIFF").replace(struct.pack("<H", 96), b"\xff\xff")
    for name, head in (
        ("jpg", b"\xff\xd8\xff\xe0"),
        ("png", PNG_HEAD),
        ("gif", b"GIF89a"),
        ("webp", b"RIFF\4\0\0\0WEBP"),
    ):
        yield f"only-signature.{name}", head
    for brand in ("avif", "avis", "heic", "hevc", "mif1", "msf1"):
        yield f"only-brand-{brand}.heic", b"\0\0\0\x10ftyp" + brand.encode() + bytes(4)
    avif = encoded(noise(), "AVIF")
    yield "avif-called-heic.heic", avif[:8] + b"heic" + avif[12:]
    yield "boxes.heic", b"\0\0\0\x10ftypheic\0\0\0\0" + b"\0\0\0\x08free" * 2_400_000


def damaged_ones(flips: int = 6) -> Iterator[tuple[str, bytes]]:
    """Yield each format cut at seven places, and with random bytes changed, mostly in its header."""
    for kind in FORMATS:
        options: dict[str, Any] = {"save_all": True, "append_images": [noise(64)]} if kind == "MPO" else {}
        good = encoded(noise(), kind, **options)
        for percent in (2, 10, 25, 50, 75, 90, 99):
            yield f"cut-at-{percent}.{kind.lower()}", good[: len(good) * percent // 100]
        for seed in range(flips):
            yield f"flipped-{seed}.{kind.lower()}", flipped(good, chance(seed), places=(300, len(good)))


def flipped(good: bytes, dice: random.Random, places: Iterable[int]) -> bytes:
    """Return the file with three random bytes changed before each of these offsets."""
    data = bytearray(good)
    for place in places:
        for _ in range(3):
            data[dice.randrange(12, min(place, len(data)))] = dice.randrange(256)
    return bytes(data)
