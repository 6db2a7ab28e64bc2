"""Download an archive: resumed, verified, with a progress bar."""

import errno
import hashlib
import http
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

import requests

from tools.manifest import Archive, ToolError

# The errors of a full disk and of a full quota.
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})

_TRIES: Final = 4
_PAUSE_SECONDS: Final = 1.0
_TIMEOUT_SECONDS: Final = (10, 30)  # to connect, and between two blocks
_BLOCK_BYTES: Final = 2**18
_MEGA: Final = 1_000_000
_BAR_WIDTH: Final = 30


def download(archive: Archive, folder: Path, by_hand: str) -> Path:
    """Return the verified file in ``folder``; download what is missing of it.

    A download that is cut off is resumed, also by the next call. ``by_hand`` is a sentence that says what a person can
    do instead.
    Raises ToolError if the file cannot be had or has the wrong SHA-256.
    """
    file, part = folder / archive.file, folder / f"{archive.file}.part"
    if not file.exists():
        with _explained(archive, part, by_hand):
            folder.mkdir(parents=True, exist_ok=True)
            _complete(archive, part)
        part.replace(file)
    digest = _sha256(file)
    if digest != archive.sha256:
        file.unlink()
        raise ToolError(
            f"{archive.address} has the wrong SHA-256, so it was deleted:\n"
            f"    expected {archive.sha256}\n    received {digest}\n"
            f"Run the command again. {by_hand}"
        )
    return file


@contextmanager
def _explained(archive: Archive, part: Path, by_hand: str) -> Iterator[None]:
    """Raise ToolError with the address, the reason and the remedy for what can go wrong in a download."""
    try:
        yield
    except requests.HTTPError as error:
        answer = error.response
        raise ToolError(f"{archive.address} answered {answer.status_code} {answer.reason}. {by_hand}") from error
    except requests.RequestException as error:
        stopped, resumes = (
            (f" after {_megabytes(_size(part))}", ": it resumes the download") if part.exists() else ("", "")
        )
        raise ToolError(
            f"The download of {archive.address} failed{stopped}: {_reason(error)}.\n"
            f"Run the command again{resumes}. {by_hand}"
        ) from error
    except OSError as error:
        if error.errno not in FULL:
            raise
        needed = f", which needs {_megabytes(archive.size)}" if archive.size else ""
        raise ToolError(
            f"The disk is full: {archive.file}{needed}, does not fit into {part.parent}.\n"
            "Free some space and run the command again: it resumes the download."
        ) from error


def _complete(archive: Archive, part: Path) -> None:
    """Download the rest of the file; if the connection ends, resume some times."""
    for left in reversed(range(_TRIES)):
        try:
            _append(archive, part)
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
            if left == 0:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _append(archive: Archive, part: Path) -> None:
    have = _size(part)
    headers = {"Range": f"bytes={have}-", "Accept-Encoding": "identity"} if have else {"Accept-Encoding": "identity"}
    with requests.get(archive.address, headers=headers, stream=True, timeout=_TIMEOUT_SECONDS) as answer:
        if answer.status_code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # The file is complete, or wrong: its hash tells.
        answer.raise_for_status()
        if answer.status_code != http.HTTPStatus.PARTIAL_CONTENT:
            have = 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else archive.size
        with part.open("ab" if have else "wb") as file, _Bar(archive, total) as bar:
            bar.show(have)
            for block in answer.iter_content(_BLOCK_BYTES):
                file.write(block)
                have += len(block)
                bar.show(have)
        if total and have < total:
            raise requests.ConnectionError(f"the connection ended {_megabytes(total - have)} early")


class _Bar:
    """A line that says what is downloaded, and on a terminal a bar below it."""

    def __init__(self, archive: Archive, total: int | None) -> None:
        size = f" ({_megabytes(total)})" if total else ""
        print(f"Downloading {archive.name} {archive.version}{size} from {archive.address}", file=sys.stderr)
        self._total = total
        self._terminal = sys.stderr.isatty()
        self._shown = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal:
            print(file=sys.stderr)

    def show(self, done: int) -> None:
        """Draw the bar if it has changed; ``done`` is in bytes."""
        step = done * _BAR_WIDTH // self._total if self._total else done // _MEGA
        if not self._terminal or step == self._shown:
            return
        self._shown = step
        drawn = f"[{'=' * step}{' ' * (_BAR_WIDTH - step)}] " if self._total else ""
        print(f"\r{drawn}{_megabytes(done)}", end="", file=sys.stderr, flush=True)


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _megabytes(size: int) -> str:
    return f"{size / _MEGA:.1f} MB"


def _reason(error: requests.RequestException) -> str:
    """Return the innermost reason: requests wraps it several times."""
    cause: BaseException = error
    while cause.__context__ is not None:
        cause = cause.__context__
    return str(cause) or type(cause).__name__
