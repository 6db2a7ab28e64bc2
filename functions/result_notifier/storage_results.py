"""The results bucket as the notifier looks at it: complete, and really music."""

from typing import Final

from musicgenerator.errors import MusicMissingError
from musicgenerator.results import MUSIC, TRACK, MusicFacts, ResultsFolder
from musicgenerator_google.storage_objects import StorageObjects

_HEADER: Final = 16
_FRAME_SYNC: Final = 0b111_1111_1111


class StorageResults:
    """Reads what the pipeline's step wrote."""

    def __init__(self, objects: StorageObjects) -> None:
        """Look into the buckets that this function may read."""
        self._objects = objects

    def music(self, folder: ResultsFolder) -> MusicFacts | None:
        """Return the facts once ``track.json`` is there, which the step writes last.

        Raises MusicMissingError when the music that it names is absent, of another size, or no MP3.
        """
        document = self._objects.read(folder.bucket, folder.name(TRACK))
        if document is None:
            return None
        facts = MusicFacts.from_json(document.decode(errors="replace"))
        head = self._objects.head(folder.bucket, folder.name(MUSIC), _HEADER)
        if head is None:
            raise MusicMissingError(f"{TRACK} is there, but {MUSIC} is not")
        start, size = head
        if size != facts.bytes or not _is_mp3(start):
            raise MusicMissingError(f"{MUSIC} has {size} bytes and starts with {start[:3]!r}")
        return facts

    def erase(self, folder: ResultsFolder) -> None:
        """Delete everything in a folder; raise ContentionError while somebody keeps writing there."""
        self._objects.erase(folder.bucket, folder.name(""))


def _is_mp3(start: bytes) -> bool:
    # A tag, or the eleven set bits that every MPEG audio frame starts with.
    return start.startswith(b"ID3") or int.from_bytes(start[:2]) >> 5 == _FRAME_SYNC
