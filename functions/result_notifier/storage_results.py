"""Check in the results bucket that a track's music is complete and an MP3, or that an export is complete."""

import json
from collections.abc import Callable, Mapping
from typing import Final

from musicgenerator.errors import MusicMissingError
from musicgenerator.results import (
    LOOP,
    MUSIC,
    RESULT_TYPES,
    STEMS,
    TRACK,
    MusicFacts,
    ResultsFolder,
    failure_name,
    sketch_name,
)
from musicgenerator_google.storage_objects import StorageObjects

_HEADER: Final = 16
_FRAME_SYNC: Final = 0b111_1111_1111


class StorageResults:
    """Reads the results that the pipeline's step wrote."""

    def __init__(self, objects: StorageObjects) -> None:
        self._objects = objects

    def music(self, folder: ResultsFolder, file: str = MUSIC) -> MusicFacts | None:
        """Return the facts in ``track.json``, which the step writes last, or None if it does not exist yet.

        Raises MusicMissingError if ``file``, the MP3 or an export's file, is missing, or has another size or type.
        """
        document = self._objects.read(folder.bucket, folder.name(TRACK))
        if document is None:
            return None
        facts = MusicFacts.from_json(document.decode(errors="replace"))
        head = self._objects.head(folder.bucket, folder.name(file), _HEADER)
        if head is None:
            raise MusicMissingError(f"{TRACK} exists, but {file} does not")
        start, size = head
        if size != facts.bytes or facts.mime_type != RESULT_TYPES[file] or not _STARTS[file](start):
            raise MusicMissingError(f"{file} has {size} bytes and starts with {start[:3]!r}")
        return facts

    def failure(self, folder: ResultsFolder, attempt: int) -> str | None:
        """Return the error that the step noted for an attempt whose music it could not make, or None."""
        document = self._objects.read(folder.bucket, folder.name(failure_name(attempt)))
        if document is None:
            return None
        try:
            return str(json.loads(document)["error"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return "an unreadable note"

    def erase(self, folder: ResultsFolder) -> None:
        """Delete everything in a folder; raise ContentionError if a job keeps writing there."""
        self._objects.erase(folder.bucket, folder.name(""))

    def erase_sketch(self, folder: ResultsFolder, attempt: int) -> None:
        """Delete the sketch of an attempt."""
        self._objects.erase(folder.bucket, folder.name(sketch_name(attempt)))


def _is_mp3(start: bytes) -> bool:
    # An ID3 tag, or the eleven set bits at the start of every MPEG audio frame.
    return start.startswith(b"ID3") or int.from_bytes(start[:2]) >> 5 == _FRAME_SYNC


def _is_zip(start: bytes) -> bool:
    return start.startswith(b"PK\x03\x04")


def _is_wav(start: bytes) -> bool:
    return start[:4] in {b"RIFF", b"RF64"} and start[8:12] == b"WAVE"


_STARTS: Final[Mapping[str, Callable[[bytes], bool]]] = {MUSIC: _is_mp3, STEMS: _is_zip, LOOP: _is_wav}
