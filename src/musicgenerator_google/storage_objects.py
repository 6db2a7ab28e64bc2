"""Objects in Cloud Storage: created once, and erased with every generation."""

from typing import Final

from google.api_core import exceptions
from google.cloud import storage

from musicgenerator.errors import ContentionError
from musicgenerator.events import ObjectFinalized

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
            bucket, name, int(blob.generation), int(blob.size or 0), blob.content_type or "", blob.metadata or {}
        )

    def read(self, bucket: str, name: str, generation: int | None = None) -> bytes | None:
        """Return an object's bytes, of the given generation if any, or None if it does not exist."""
        blob = self._client.bucket(bucket).blob(name, generation=generation)
        try:
            return bytes(blob.download_as_bytes(timeout=_REQUEST_TIMEOUT_SECONDS))
        except exceptions.NotFound:
            return None

    def head(self, bucket: str, name: str, length: int) -> tuple[bytes, int] | None:
        """Return an object's first ``length`` bytes and its size, or None if it does not exist or is empty."""
        blob = self._client.bucket(bucket).blob(name)
        try:
            start = bytes(blob.download_as_bytes(start=0, end=length - 1, timeout=_REQUEST_TIMEOUT_SECONDS))
            blob.reload(timeout=_REQUEST_TIMEOUT_SECONDS)
        except (exceptions.NotFound, exceptions.RequestRangeNotSatisfiable):
            return None
        return start, blob.size or 0

    def create(self, bucket: str, name: str, data: bytes, content_type: str) -> None:
        """Write an object, or leave the one that exists.

        A second delivery leaves the object that the first one wrote.
        """
        blob = self._client.bucket(bucket).blob(name)
        blob.cache_control = "private, max-age=31536000, immutable"
        try:
            blob.upload_from_string(
                data, content_type=content_type, if_generation_match=0, timeout=_REQUEST_TIMEOUT_SECONDS
            )
        except exceptions.PreconditionFailed:
            return

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
