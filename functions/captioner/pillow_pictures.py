"""Pictures decoded by Pillow, each in a process of its own that is bounded in memory and time."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from signal import SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGXCPU
from typing import Final

from captioning import Picture

from musicgenerator.errors import (
    CaptionUnavailableError,
    DamagedPictureError,
    EmptyPictureError,
    PictureError,
    PictureTooLargeError,
    TooComplexPictureError,
)
from musicgenerator.tracks import PICTURE_BYTES_AT_MOST

_DECODER: Final = Path(__file__).with_name("pillow_decoder.py")
# It ends itself after 3 s of computing: waiting longer than this, it is the machine that is busy.
_SECONDS_AT_MOST: Final = 30
_CRASHES: Final = {-SIGABRT, -SIGBUS, -SIGFPE, -SIGILL, -SIGSEGV}
# However many threads an instance has, its memory holds one picture's pixels at a time.
_ONE_AT_A_TIME: Final = threading.Lock()


def decode(data: bytes, program: Path = _DECODER, seconds: float = _SECONDS_AT_MOST) -> Picture:
    """Return the upright picture as an RGB JPEG of at most 1,024 pixels a side, without any metadata.

    Raises a PictureError that says what is wrong with the data,
    and a CaptionUnavailableError when nothing could be found out about it.
    """
    if not data:
        raise EmptyPictureError("0 bytes")
    if len(data) > PICTURE_BYTES_AT_MOST:
        raise PictureTooLargeError(f"{len(data)} bytes")
    with _ONE_AT_A_TIME:
        head, _, jpeg = _answer(data, program, seconds).partition(b"\n")
    answer = json.loads(head)
    if "code" in answer:
        raise _REASONS[answer["code"]](answer["detail"])
    return Picture(jpeg, answer["width"], answer["height"])


def _answer(data: bytes, program: Path, seconds: float) -> bytes:
    # Without `site` it starts in half the time, and finds what this process finds.
    command = [sys.executable, "-S", str(program)]
    environ = {"PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        done = subprocess.run(  # noqa: S603  a file of ours, with nothing of the stranger's on the command line
            command, input=data, capture_output=True, timeout=seconds, check=False, env=environ
        )
    except subprocess.TimeoutExpired as error:
        raise CaptionUnavailableError(f"no picture within {seconds} seconds") from error
    if done.returncode == -SIGXCPU:
        raise TooComplexPictureError("time")
    if done.returncode in _CRASHES:
        raise DamagedPictureError(f"the decoder crashed with signal {-done.returncode}")
    # Ending in any other way is no picture's doing: somebody killed it, or this program or its installation is broken.
    if done.returncode:
        raise CaptionUnavailableError(f"exit {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout


_REASONS: Final = {kind.code: kind for kind in PictureError.__subclasses__()}
