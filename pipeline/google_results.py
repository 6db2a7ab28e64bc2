"""The step's ports over Google's own clients, which find an emulator by its environment variable themselves."""

import base64
import hashlib
from typing import Final

from google.api_core.exceptions import Forbidden, NotFound, PreconditionFailed
from google.cloud import pubsub_v1, storage

from musicgenerator.errors import MusicgeneratorError

TIMEOUT_SECONDS: Final = 60.0

# Only the listener's own browser keeps a copy: a shared cache would outlive the erasure of a track.
_CACHE_CONTROL: Final = "private, max-age=31536000, immutable"


class OtherResultError(MusicgeneratorError):
    """A result is there already, and it is not the one that this run made."""


class StorageResults:
    """A track's folder ``TOKEN/`` in the results bucket."""

    def __init__(self, bucket: str, token: str) -> None:
        """Name the folder; nothing is asked yet."""
        self._bucket = storage.Client().bucket(bucket)
        self._token = token

    def read(self, file: str) -> bytes | None:
        """Return a result's bytes, or None where it is not there."""
        try:
            data: bytes = self._blob(file).download_as_bytes(timeout=TIMEOUT_SECONDS)
        except (NotFound, Forbidden):
            # Whoever may get but not list an object hears 403, not 404, of one that is missing.
            return None
        return data

    def create(self, file: str, data: bytes, content_type: str) -> None:
        """Write a result unless it is there already; raise OtherResultError where it is there with other bytes."""
        blob = self._blob(file)
        blob.cache_control = _CACHE_CONTROL
        try:
            # The pipeline's account may create and not overwrite, so nobody can put other music under a known link.
            # A run after one that was cut off therefore finds its own files, and goes on behind them.
            blob.upload_from_string(data, content_type=content_type, if_generation_match=0, timeout=TIMEOUT_SECONDS)
        except PreconditionFailed:
            present = self._blob(file)
            present.reload(timeout=TIMEOUT_SECONDS)
            if present.md5_hash != base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode():
                raise OtherResultError(f"{present.name} is there already with other bytes") from None

    def _blob(self, file: str) -> storage.Blob:
        return self._bucket.blob(f"{self._token}/{file}")


class PubsubEvents:
    """The topic `pipeline-events`, by its full name ``projects/P/topics/T``."""

    def __init__(self, topic: str) -> None:
        """Name the topic; the connection is opened by the first message."""
        self._topic = topic

    def publish(self, data: bytes) -> None:
        """Publish a message and return when it is safe with Pub/Sub."""
        with pubsub_v1.PublisherClient() as publisher:
            publisher.publish(self._topic, data).result(timeout=TIMEOUT_SECONDS)
