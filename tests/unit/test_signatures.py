import io
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from localcloud.addresses import REPOSITORY
from musicgenerator.signatures import HEAD_BYTES, Kind, kind_of


def drawn(form: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, form)
    return out.getvalue()


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("a.jpg", drawn("JPEG"))
    return out.getvalue()


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as file:
        file.addfile(tarfile.TarInfo("a.jpg"))
    return out.getvalue()


def box(major: bytes, *compatible: bytes) -> bytes:
    content = b"ftyp" + major + b"\0\0\0\0" + b"".join(compatible)
    return (4 + len(content)).to_bytes(4) + content + b"\0\0\0\x08mdat"


PICTURES = [
    *(
        (form, drawn(form))
        for form in ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF", "ICO", "PPM", "MPO", "DDS")
    ),
    *((form, drawn(form)) for form in ("JPEG2000", "QOI")),
    ("HEIC", box(b"heic", b"mif1", b"heic")),
    ("HEIC by a compatible brand", box(b"xxxx", b"mif1", b"miaf")),
    ("HEIC sequence", box(b"msf1", b"hevc")),
    ("CR3", box(b"crx ", b"isom")),
    ("CgBI PNG", b"\x89PNG\r\n\x1a\n\0\0\0\x04CgBI"),
    ("JPEG XL", b"\xff\x0a\xfa"),
    ("JPEG XL in a box", b"\0\0\0\x0cJXL \r\n\x87\n"),
    ("DNG", b"II*\0\x08\0\0\0"),
    ("BigTIFF", b"MM\0+\0\x08\0\0"),
    ("Fujifilm", b"FUJIFILMCCD-RAW 0201"),
    ("Photoshop", b"8BPS\0\1"),
    ("SVG", b"<?xml version='1.0'?>\n<!-- made by -->\n<svg xmlns='http://www.w3.org/2000/svg'>"),
    ("cut JPEG", b"\xff\xd8\xff"),
]
OTHERS = [
    ("MP4", box(b"isom", b"iso2", b"avc1", b"mp41"), Kind.VIDEO),
    ("MOV", box(b"qt  ", b"qt  "), Kind.VIDEO),
    ("MOV without brands", b"\0\0\0\x08wide\0\0\0\0mdat", Kind.VIDEO),
    ("3GP", box(b"3gp4"), Kind.VIDEO),
    ("WEBM", b"\x1aE\xdf\xa3\x01\0\0\0", Kind.VIDEO),
    ("AVI", b"RIFF\0\0\0\0AVI LIST", Kind.VIDEO),
    ("MPEG", b"\0\0\x01\xba\x44", Kind.VIDEO),
    ("M4A", box(b"M4A ", b"isom"), Kind.AUDIO),
    ("MP3 with tag", b"ID3\x04\0", Kind.AUDIO),
    ("MP3", b"\xff\xfb\x90\x64", Kind.AUDIO),
    ("AAC", b"\xff\xf1\x50\x80", Kind.AUDIO),
    ("WAV", b"RIFF\0\0\0\0WAVEfmt ", Kind.AUDIO),
    ("FLAC", b"fLaC\0", Kind.AUDIO),
    ("OGG", b"OggS\0", Kind.AUDIO),
    ("MIDI", b"MThd\0\0\0\x06", Kind.AUDIO),
    ("PDF", b"%PDF-1.7\n%\xe2\xe3", Kind.DOCUMENT),
    ("PDF behind a header", b"\xef\xbb\xbf\r\n%PDF-1.4", Kind.DOCUMENT),
    ("Word", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind.DOCUMENT),
    ("RTF", b"{\\rtf1\\ansi", Kind.DOCUMENT),
    ("ZIP", zipped(), Kind.ARCHIVE),
    ("TAR", tarred(), Kind.ARCHIVE),
    ("GZIP", b"\x1f\x8b\x08\0", Kind.ARCHIVE),
    ("7z", b"7z\xbc\xaf\x27\x1c", Kind.ARCHIVE),
    ("Korean", "안녕하세요".encode(), Kind.TEXT),
    ("UTF-16", "사진".encode("utf-16"), Kind.TEXT),
    ("JSON", b'{"a": 1}', Kind.TEXT),
    ("AAE", b"<?xml version='1.0'?><plist>", Kind.TEXT),
    ("BM as text", b"BMW is a car maker from Munich", Kind.TEXT),
    ("P1 as text", b"P1 is a report", Kind.TEXT),
    ("HTML", b"<!doctype html><title>Not found</title>", Kind.TEXT),
    ("AppleDouble", b"\0\x05\x16\x07\0\x02\0\0Mac OS X", Kind.UNKNOWN),
    ("zeros", b"\0" * HEAD_BYTES, Kind.UNKNOWN),
    ("nothing", b"", Kind.EMPTY),
    ("a program", b"\x7fELF\x02\x01\x01\0", Kind.UNKNOWN),
]


@pytest.mark.parametrize(("name", "data"), PICTURES, ids=[name for name, _ in PICTURES])
def test_a_picture_is_known_by_its_first_bytes(name: str, data: bytes) -> None:
    """Formats that the decoder refuses are pictures too: their person gets words."""
    assert kind_of(data[:HEAD_BYTES]) is Kind.PICTURE, name


@pytest.mark.parametrize(("name", "data", "expected"), OTHERS, ids=[name for name, *_ in OTHERS])
def test_what_is_no_picture_has_another_kind(name: str, data: bytes, expected: Kind) -> None:
    """A video, a PDF, audio, text, an archive, nothing at all, or unknown bytes."""
    assert kind_of(data[:HEAD_BYTES]) is expected, name


def test_every_picture_of_the_repository_is_a_picture() -> None:
    """Photos of cameras, phones and the evaluation."""
    photos = sorted(REPOSITORY.glob("localcloud/**/*.jpg"))
    assert len(photos) > 15
    assert {kind_of(path.read_bytes()[:HEAD_BYTES]) for path in photos} == {Kind.PICTURE}


@given(head=st.binary() | st.binary().map(lambda tail: b"\0\0\0\x18ftyp" + tail))
def test_any_bytes_have_a_kind(head: bytes) -> None:
    """Nothing is raised."""
    assert kind_of(head) in Kind
