import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image
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
    TruncatedPictureError,
    UnsupportedFormatError,
)
from musicgenerator.tracks import MAX_PICTURE_BYTES
from tests.pictures.bombs import scan_bomb, tiff_bomb
from tests.pictures.drawn import decode, encoded, pixels, png, quarters, shows_quarters


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
