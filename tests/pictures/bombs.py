"""Pictures made to break a decoder: bombs of pixels, bytes, time and memory, damaged files, and other files."""

import io
import random
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

from PIL import ExifTags, Image
from pillow_heif import register_heif_opener

FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "MPO")
MEGABYTE: Final = 1_000_000
PNG_HEAD: Final = b"\x89PNG\r\n\x1a\n"
# Bits per channel, and PNG's colour type.
ONE_BIT, GREY_16, COLOUR, PALETTE, ALPHA, ALPHA_16 = (1, 0), (16, 0), (8, 2), (8, 3), (8, 6), (16, 6)
CHANNELS: Final = {0: 1, 2: 3, 3: 1, 6: 4}

register_heif_opener()


def all_of_them() -> Iterator[tuple[str, bytes]]:
    """Yield each file's name and bytes, the same at every call."""
    for part in (png_bombs, jpeg_bombs, gif_bombs, animations, many_pixels, thin_ones, no_pictures, damaged_ones):
        yield from part()


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a PNG chunk."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def squeezed(piece: bytes, times: int) -> bytes:
    """Return ``piece`` repeated ``times`` times and deflated, without holding all of it in memory."""
    deflate = zlib.compressobj(6)
    block, rest = divmod(times, 64)
    return b"".join(
        [*(deflate.compress(piece * 64) for _ in range(block)), deflate.compress(piece * rest), deflate.flush()]
    )


def png(width: int, height: int, pixel: tuple[int, int] = COLOUR, *, extra: bytes = b"", rows: int = -1) -> bytes:
    """Return a black PNG with all of its rows, or with only ``rows`` of them."""
    bits, kind = pixel
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    row = bytes(1 + (width * bits * CHANNELS[kind] + 7) // 8)
    data = squeezed(row, height if rows < 0 else rows)
    return PNG_HEAD + chunk(b"IHDR", header) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return the image encoded in the format ``kind``."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def chance(seed: int) -> random.Random:
    """Return a random generator that yields the same numbers at every call."""
    return random.Random(seed)  # noqa: S311  repeatable, not secret


def noise(side: int = 96) -> Image.Image:
    """Return a picture of noise, the same at every call."""
    return Image.frombytes("RGB", (side, side), chance(side).randbytes(3 * side * side))


def tiff_bomb(size: int, tags: int = 4000) -> bytes:
    """Return EXIF in which every tag claims nearly all of the ``size`` bytes as its value."""
    entries = b"".join(struct.pack("<HHII", tag, 7, size - 10, 8) for tag in range(1, tags + 1))
    return (b"II*\0" + struct.pack("<IH", 8, tags) + entries).ljust(size, b"\0")


def segment(marker: int, data: bytes) -> bytes:
    """Return a JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def inside(jpeg: bytes, segments: bytes) -> bytes:
    """Return the JPEG with these segments right after its start marker."""
    return jpeg[:2] + segments + jpeg[2:]


def png_bombs() -> Iterator[tuple[str, bytes]]:
    """Yield PNGs with huge claimed sizes, compressed text and profiles, and very many chunks."""
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
    """Yield JPEGs with very many segments or scans, and with EXIF that uses much memory or lies."""
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
    """Return EXIF split into as many segments as it needs; decoders join them."""
    pieces = [tiff[at : at + 65_000] for at in range(0, len(tiff), 65_000)]
    return b"".join(segment(0xE1, b"Exif\0\0" + piece) for piece in pieces)


def scan_bomb(scans: int = 400_000) -> bytes:
    """Return a progressive JPEG of 36 megapixels with scans of a few bytes that change nothing."""
    jpeg = encoded(Image.new("L", (6000, 6000)), "JPEG", progressive=True, quality=10)
    at = jpeg.rindex(b"\xff\xda")
    last = jpeg[at:-2]
    times = min(scans, (19 * MEGABYTE - len(jpeg)) // len(last))
    return jpeg[:-2] + last * times + jpeg[-2:]


def gif_bombs() -> Iterator[tuple[str, bytes]]:
    """Yield GIFs with large canvases, many comments and many frames."""
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
    """Yield animations with many frames; the captioner needs only the first."""
    frames = [Image.new("L", (200, 200), i % 256) for i in range(3000)]
    yield "frames-3000.gif", encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    few = [Image.new("RGB", (500, 500), (i, 255 - i, i)) for i in range(200)]
    yield "frames-200.webp", encoded(few[0], "WEBP", save_all=True, append_images=few[1:], method=0)
    yield "frames-200.png", encoded(few[0], "PNG", save_all=True, append_images=few[1:])
    yield "frames-50.avif", encoded(few[0], "AVIF", save_all=True, append_images=few[1:50], speed=10)
    yield "frames-20.heic", encoded(few[0], "HEIF", save_all=True, append_images=few[1:20])
    yield "frames-50.mpo", encoded(few[0], "MPO", save_all=True, append_images=few[1:50])


def many_pixels() -> Iterator[tuple[str, bytes]]:
    """Yield pictures just below 40 megapixels in each mode and format, and well above."""
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


def thin_ones() -> Iterator[tuple[str, bytes]]:
    """Yield very thin and very small pictures."""
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
    """Yield other files under a picture's name, other formats, and signatures without content."""
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
    """Yield every format cut at seven places, and with random bytes changed, mostly in its header."""
    for kind in FORMATS:
        options: dict[str, Any] = {"save_all": True, "append_images": [noise(64)]} if kind == "MPO" else {}
        good = encoded(noise(), kind, **options)
        for percent in (2, 10, 25, 50, 75, 90, 99):
            yield f"cut-at-{percent}.{kind.lower()}", good[: len(good) * percent // 100]
        for seed in range(flips):
            yield f"flipped-{seed}.{kind.lower()}", flipped(good, chance(seed), places=(300, len(good)))


def flipped(good: bytes, dice: random.Random, places: Iterable[int]) -> bytes:
    """Return the file with three random bytes changed before each of these places."""
    data = bytearray(good)
    for place in places:
        for _ in range(3):
            data[dice.randrange(12, min(place, len(data)))] = dice.randrange(256)
    return bytes(data)
