"""Read a picture's object within a bound. Only its bytes say what it is: its metadata may be false."""

from datetime import datetime
from typing import Protocol

from musicgenerator import drops
from musicgenerator.encodings import StoredBytes, undone
from musicgenerator.errors import PictureGoneError, PictureTooLargeError
from musicgenerator.events import ObjectFinalized
from musicgenerator.signatures import HEAD_BYTES, Kind, kind_of
from musicgenerator.tracks import MAX_PICTURE_BYTES, Track


class Objects(Protocol):
    def find(self, bucket: str, name: str, generation: int | None = None) -> ObjectFinalized | None: ...

    def start(self, bucket: str, name: str, length: int, generation: int | None = None) -> StoredBytes | None: ...

    def create(
        self, bucket: str, name: str, data: bytes, content_type: str, expires_at: datetime | None = None
    ) -> bool:
        """Write an object, or leave the existing one and return False.

        It is deleted about a day after ``expires_at``.
        """

    def delete(self, bucket: str, name: str, generation: int) -> None:
        """Delete this generation of an object, and no other."""

    def erase(self, bucket: str, prefix: str) -> None: ...


def kind_of_object(objects: Objects, event: ObjectFinalized) -> Kind | None:
    """Return what an object is by its first bytes, None if it does not exist."""
    stored = objects.start(event.bucket, event.name, HEAD_BYTES, event.generation)
    return kind_of(_decoded(stored, HEAD_BYTES)) if stored else None


def read_picture(objects: Objects, track: Track, event: ObjectFinalized) -> tuple[ObjectFinalized, bytes]:
    """Return the facts of a track's picture and its bytes, without their content encoding.

    Raises PictureTooLargeError, and PictureGoneError if the object exists no more.
    """
    if event.size > MAX_PICTURE_BYTES:
        raise PictureTooLargeError(f"{event.size} bytes")
    # The reported size is not trusted, and an encoded object is larger than it says.
    stored = objects.start(event.bucket, event.name, MAX_PICTURE_BYTES + 1, event.generation)
    if stored is None:
        # A dropped object that was rewritten in the meantime is still this track's picture if it has the same bytes.
        # Nobody may overwrite an announced upload, so another generation of it is not the one that was announced.
        newest = objects.find(event.bucket, event.name)
        if newest is None or newest.generation == event.generation or not _is_same_drop(track, newest):
            raise PictureGoneError("the object does not exist")
        return read_picture(objects, track, newest)
    data = stored.data if len(stored.data) > MAX_PICTURE_BYTES else _decoded(stored, MAX_PICTURE_BYTES + 1)
    if len(data) > MAX_PICTURE_BYTES:
        raise PictureTooLargeError(f"{len(data)} bytes or more")
    return event, data


def _is_same_drop(track: Track, found: ObjectFinalized) -> bool:
    return any(drops.track_of(found, turn) == track.track_id for turn in range(drops.MAX_ROUNDS))


def _decoded(stored: StoredBytes, limit: int) -> bytes:
    """Return the bytes of a stored object without its content encoding, at most ``limit``.

    An object that is a picture as it is stored has no encoding, even if its metadata names one.
    """
    if kind_of(stored.data) is Kind.PICTURE:
        return stored.data[:limit]
    return undone(stored.data, stored.encoding, limit)
