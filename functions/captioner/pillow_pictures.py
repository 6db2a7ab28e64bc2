"""Pictures decoded by Pillow, each in its own process with bounded memory and time."""

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from signal import SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGPROF, SIGSEGV, SIGXCPU
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
from musicgenerator.tracks import MAX_PICTURE_BYTES

_DECODER: Final = Path(__file__).with_name("pillow_decoder.py")
# The decoder ends itself after 4 seconds of CPU time; if it takes this long, the machine is busy.
_TIMEOUT_SECONDS: Final = 30
_CRASHES: Final = {-SIGABRT, -SIGBUS, -SIGFPE, -SIGILL, -SIGSEGV}


def decode(data: bytes, program: Path = _DECODER, seconds: float = _TIMEOUT_SECONDS) -> Picture:
    """Return the upright picture as an RGB JPEG of at most 1,024 pixels a side, without metadata.

    Raises the PictureError that names what is wrong with the data,
    and CaptionUnavailableError if the decoder fails for another reason.
    """
    _check_size(data)
    with _start(program) as process:
        return _picture(_answer(process, data, seconds))


class PreparedDecoder:
    """Decodes like ``decode``, in a process that already waits: starting one takes longer than most pictures.

    Each picture has its own process, and pictures are decoded one at a time. The waiting process ends when its parent
    process ends.
    """

    def __init__(self) -> None:
        # An instance has memory for the pixels of one picture, even if it runs many threads.
        self._one_at_a_time = threading.Lock()
        self._waiting: subprocess.Popen[bytes] | None = _start(_DECODER)

    def decode(self, data: bytes) -> Picture:
        """Return the picture; raise the same errors as ``decode``."""
        _check_size(data)
        with self._one_at_a_time:
            try:
                with self._waiting or _start(_DECODER) as process:
                    answer = _answer(process, data, _TIMEOUT_SECONDS)
            finally:
                self._waiting = None
                with suppress(OSError):
                    self._waiting = _start(_DECODER)
        return _picture(answer)

    def close(self) -> None:
        """End the waiting process."""
        if self._waiting:
            with self._waiting as process:
                process.kill()
            self._waiting = None


def _check_size(data: bytes) -> None:
    if not data:
        raise EmptyPictureError("0 bytes")
    if len(data) > MAX_PICTURE_BYTES:
        raise PictureTooLargeError(f"{len(data)} bytes")


def _start(program: Path) -> "subprocess.Popen[bytes]":
    # Without `site` the start takes half the time; PYTHONPATH gives it this process's modules.
    command = [sys.executable, "-S", str(program)]
    environ = {"PYTHONPATH": os.pathsep.join(sys.path)}
    pipe = subprocess.PIPE
    return subprocess.Popen(  # noqa: S603  this project's own program; no uploaded data is on the command line
        command, stdin=pipe, stdout=pipe, stderr=pipe, env=environ
    )


def _picture(answer: bytes) -> Picture:
    head, _, jpeg = answer.partition(b"\n")
    facts = json.loads(head)
    if "code" in facts:
        raise _ERRORS_BY_CODE[facts["code"]](facts["detail"])
    return Picture(jpeg, facts["width"], facts["height"])


def _answer(process: "subprocess.Popen[bytes]", data: bytes, seconds: float) -> bytes:
    try:
        out, errors = process.communicate(data, seconds)
    except subprocess.TimeoutExpired as error:
        process.kill()
        raise CaptionUnavailableError(f"no picture within {seconds} seconds") from error
    if process.returncode in {-SIGPROF, -SIGXCPU}:
        raise TooComplexPictureError("time")
    if process.returncode in _CRASHES:
        raise DamagedPictureError(f"the decoder crashed with signal {-process.returncode}")
    # No picture causes any other exit: the process was killed, or the program or its installation is broken.
    if process.returncode:
        raise CaptionUnavailableError(f"exit {process.returncode}: {errors.decode(errors='replace')[-2000:]}")
    return out


_ERRORS_BY_CODE: Final = {kind.code: kind for kind in PictureError.__subclasses__()}
