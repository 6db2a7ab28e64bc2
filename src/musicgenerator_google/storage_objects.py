"""Objects in Cloud Storage: read within a bound, created once, erased with every generation."""

from typing import Final

from google.api_core import exceptions
from google.cloud import storage

from musicgenerator.errors import ContentionError
from musicgenerator.events import ObjectFinalized

_REQUEST_TIMEOUT_SECONDS: Final = 60.0
_ROUNDS: Final = 5


class StorageObjects:
    """The objects of all buckets that this function's account may touch."""

    def __init__(self, client: storage.Client) -> None:
        """Use a client that lives as long as the instance does."""
        self._client = client

    def find(self, bucket: str, name: str, generation: int | None = None) -> ObjectFinalized | None:
        """Return the facts of an object, of just that generation if one is given, or None where it is not there."""
        blob = self._client.bucket(bucket).get_blob(name, generation=generation, timeout=_REQUEST_TIMEOUT_SECONDS)
        if blob is None:
            return None
        return ObjectFinalized(
            bucket, name, int(blob.generation), int(blob.size or 0), blob.content_type or "", blob.metadata or {}
        )

    def read(self, bucket: str, name: str, generation: int | None = None) -> bytes | None:
        """Return an object's bytes, of just that generation if one is given, or None where it is not there."""
        blob = self._client.bucket(bucket).blob(name, generation=generation)
        try:
            return bytes(blob.download_as_bytes(timeout=_REQUEST_TIMEOUT_SECONDS))
        except exceptions.NotFound:
            return None

    def head(self, bucket: str, name: str, length: int) -> tuple[bytes, int] | None:
        """Return an object's first ``length`` bytes and its whole size, or None where it is not there or is empty."""
        blob = self._client.bucket(bucket).blob(name)
        try:
            start = bytes(blob.download_as_bytes(start=0, end=length - 1, timeout=_REQUEST_TIMEOUT_SECONDS))
            blob.reload(timeout=_REQUEST_TIMEOUT_SECONDS)
        except (exceptions.NotFound, exceptions.RequestRangeNotSatisfiable):
            return None
        return start, blob.size or 0

    def create(self, bucket: str, name: str, data: bytes, content_type: str) -> None:
        """Write an object that nothing will overwrite.

        A second delivery meets the first one's object, made from the same picture, and leaves it.
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
        """Return the name and generation of everything whose name starts so, older generations too."""
        blobs = self._client.list_blobs(bucket, prefix=prefix, versions=True, timeout=_REQUEST_TIMEOUT_SECONDS)
        return [(blob.name, int(blob.generation)) for blob in blobs]

    def delete(self, bucket: str, name: str, generation: int | None = None) -> None:
        """Delete an object, if it exists; if a generation is given, only that one: one that was written since stays."""
        try:
            self._client.bucket(bucket).delete_blob(name, generation=generation, timeout=_REQUEST_TIMEOUT_SECONDS)
        except exceptions.NotFound:
            return

    def erase(self, bucket: str, prefix: str) -> None:
        """Delete everything whose name starts so and look again until nothing is left.

        Raises ContentionError where somebody keeps writing there.
        """
        for _ in range(_ROUNDS):
            found = self.generations(bucket, prefix)
            if not found:
                return
            for name, generation in found:
                self.delete(bucket, name, generation)
        raise ContentionError(f"somebody keeps writing to gs://{bucket}/{prefix}")
