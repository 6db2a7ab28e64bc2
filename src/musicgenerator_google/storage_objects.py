"""Objects in Cloud Storage: read within a bound, created once, and erased with every generation.

Objects are read as they are stored. The size and the content encoding that Cloud Storage reports are claims of the
uploader: with ``Content-Encoding: gzip``, the client would inflate an object into memory without a limit.
"""

import io
from datetime import datetime
from typing import Final

from google.api_core import exceptions
from google.cloud import storage

from musicgenerator.encodings import StoredBytes
from musicgenerator.errors import ContentionError
from musicgenerator.events import ObjectFinalized
from musicgenerator.results import LIFECYCLE_DELAY

# No object that this project writes and a function reads is larger.
MAX_READ_BYTES: Final = 2**25

_REQUEST_TIMEOUT_SECONDS: Final = 60.0
_ROUNDS: Final = 5


class StorageObjects:
    def __init__(self, client: storage.Client) -> None:
        self._client = client

    def find(self, bucket: str, name: str, generation: int | None = None) -> ObjectFinalized | None:
        """Return an object's facts, of the given generation if any, or None if it does not exist."""
        blob = self._client.bucket(bucket).get_blob(name, generation=generation, timeout=_REQUEST_TIMEOUT_SECONDS)
        if blob is None:
            return None
        return ObjectFinalized(
            bucket,
            name,
            int(blob.generation),
            int(blob.size or 0),
            blob.content_type or "",
            blob.metadata or {},
            blob.crc32c or "",
        )

    def start(self, bucket: str, name: str, length: int, generation: int | None = None) -> StoredBytes | None:
        """Return the first ``length`` bytes as they are stored, or None if the object does not exist.

        The encoding is the one of the same response.
        """
        return stored_bytes(self._client.bucket(bucket).blob(name, generation=generation), length)

    def read(self, bucket: str, name: str) -> bytes | None:
        """Return the bytes of an object that this project writes, or None if it does not exist.

        An object of more than ``MAX_READ_BYTES`` bytes is somebody else's, so it does not exist either.
        """
        stored = self.start(bucket, name, MAX_READ_BYTES + 1)
        return stored.data if stored and len(stored.data) <= MAX_READ_BYTES else None

    def head(self, bucket: str, name: str, length: int) -> tuple[bytes, int] | None:
        """Return an object's first ``length`` bytes and its size, or None if it does not exist or is empty."""
        blob = self._client.bucket(bucket).blob(name)
        start = stored_bytes(blob, length)
        if not start or not start.data:
            return None
        try:
            blob.reload(timeout=_REQUEST_TIMEOUT_SECONDS)
        except exceptions.NotFound:
            return None
        return start.data, blob.size or 0

    def create(
        self, bucket: str, name: str, data: bytes, content_type: str, expires_at: datetime | None = None
    ) -> bool:
        """Write an object and return True, or leave the one that exists and return False.

        A second delivery leaves the object that the first one wrote.
        The results bucket's lifecycle deletes the object within about a day after ``expires_at``.
        """
        blob = self._client.bucket(bucket).blob(name)
        blob.cache_control = "private, max-age=31536000, immutable"
        if expires_at is not None:
            blob.custom_time = expires_at - LIFECYCLE_DELAY
        try:
            blob.upload_from_string(
                data, content_type=content_type, if_generation_match=0, timeout=_REQUEST_TIMEOUT_SECONDS
            )
        except exceptions.PreconditionFailed:
            return False
        return True

    def read_generation(self, bucket: str, name: str) -> tuple[bytes, int] | None:
        """Return an object's bytes and their generation, or None if it does not exist.

        Raises ContentionError if other writers keep replacing it.
        """
        for _ in range(_ROUNDS):
            found = self.find(bucket, name)
            if found is None:
                return None
            stored = self.start(bucket, name, MAX_READ_BYTES, found.generation)
            if stored is not None:
                return stored.data, found.generation
            # Another writer has replaced or deleted it since it was found.
        raise ContentionError(f"other writers keep replacing gs://{bucket}/{name}")

    def replace(self, bucket: str, name: str, data: bytes, content_type: str, generation: int) -> bool:
        """Overwrite this generation of an object, or return False if it is not the newest one any more."""
        blob = self._client.bucket(bucket).blob(name)
        try:
            blob.upload_from_string(
                data, content_type=content_type, if_generation_match=generation, timeout=_REQUEST_TIMEOUT_SECONDS
            )
        except (exceptions.PreconditionFailed, exceptions.NotFound):
            return False
        return True

    def generations(self, bucket: str, prefix: str) -> list[tuple[str, int]]:
        """Return name and generation of every object with this prefix, older generations included."""
        blobs = self._client.list_blobs(bucket, prefix=prefix, versions=True, timeout=_REQUEST_TIMEOUT_SECONDS)
        return [(blob.name, int(blob.generation)) for blob in blobs]

    def delete(self, bucket: str, name: str, generation: int | None = None) -> None:
        """Delete an object, or only one generation of it: then a newer one stays. A missing object is no error."""
        try:
            self._client.bucket(bucket).delete_blob(name, generation=generation, timeout=_REQUEST_TIMEOUT_SECONDS)
        except exceptions.NotFound:
            return

    def erase(self, bucket: str, prefix: str) -> None:
        """Delete every object with this prefix and list again until none is left.

        Raises ContentionError if other writers keep creating objects.
        """
        for _ in range(_ROUNDS):
            found = self.generations(bucket, prefix)
            if not found:
                return
            for name, generation in found:
                self.delete(bucket, name, generation)
        raise ContentionError(f"other writers keep creating gs://{bucket}/{prefix}")


def stored_bytes(blob: storage.Blob, length: int) -> StoredBytes | None:
    """Return the first ``length`` bytes of an object as they are stored, or None if it does not exist."""
    sink = _Sink(length)
    try:
        try:
            # A server may ignore the range, so the sink has the bound too. The response has the checksum of the whole
            # object, if any; the transfer is protected by TLS and its declared length.
            blob.download_to_file(
                sink, end=length - 1, raw_download=True, checksum=None, timeout=_REQUEST_TIMEOUT_SECONDS
            )
        except _FullError:
            # The client has not read the headers of a response that was broken off.
            blob.reload(timeout=_REQUEST_TIMEOUT_SECONDS)
    except exceptions.NotFound:
        return None
    except exceptions.RequestRangeNotSatisfiable:
        return StoredBytes(b"")
    return StoredBytes(sink.getvalue(), blob.content_encoding or "")


class _FullError(Exception):
    """The sink is full."""


class _Sink(io.BytesIO):
    """Keeps up to ``length`` bytes; raises _FullError for the first byte too many."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self._length = length

    def write(self, data: bytes) -> int:  # type: ignore[override]  # the client writes bytes
        room = self._length - self.tell()
        super().write(data[:room])
        if len(data) > room:
            raise _FullError
        return len(data)
