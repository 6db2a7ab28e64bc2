"""The step's ports over Google's clients, which find emulators by their environment variables."""

import base64
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Final
from urllib.parse import quote

from google.api_core.exceptions import (
    Forbidden,
    GoogleAPIError,
    NotFound,
    PreconditionFailed,
    RequestRangeNotSatisfiable,
)
from google.cloud import pubsub_v1, storage
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from requests import RequestException

from musicgenerator.errors import MusicgeneratorError
from musicgenerator.marks.signers import Signer, SigningKeyError
from musicgenerator.orders import Order, bucket_and_name
from musicgenerator.results import LIFECYCLE_DELAY
from musicgenerator_google.mark_secrets import LATE_GRANT_SECONDS, granted_signer_in
from pipeline.engines import Cloud, Engine
from pipeline.engines.choice import chosen

TIMEOUT_SECONDS: Final = 60.0
# The largest object that the step reads is a take of 180 s as Base64: 92 MB.
MAX_READ_BYTES: Final = 2**28
_FLAP_SECONDS: Final = 60.0

# Browsers may keep a copy, shared caches may not: they would keep it after a track is erased.
_CACHE_CONTROL: Final = "private, max-age=31536000, immutable"


class OtherResultError(MusicgeneratorError):
    """A result already exists with bytes other than those that this run made."""


class ResultsUnavailableError(MusicgeneratorError):
    """Cloud Storage fails or refuses; the message holds no results token."""


class GoogleStorage:
    """Objects of Cloud Storage, of at most ``max_bytes`` each."""

    def __init__(self, max_bytes: int = MAX_READ_BYTES) -> None:
        """Build the client; no request is sent yet.

        It needs no project, which is known only when the order has been read.
        """
        self.client = storage.Client(project=None)
        self._max_bytes = max_bytes

    def read(self, address: str) -> bytes | None:
        """Return the bytes of the object at a ``gs://`` address, or None if it is missing."""
        bucket, name = bucket_and_name(address)
        return self.downloaded(self.client.bucket(bucket).blob(name))

    def downloaded(self, blob: storage.Blob) -> bytes | None:
        """Return an object's bytes as they are stored, or None if it is missing or larger than the bound.

        The client would inflate an object whose metadata says gzip, without a limit.
        """
        try:
            data: bytes = blob.download_as_bytes(end=self._max_bytes, raw_download=True, timeout=TIMEOUT_SECONDS)
        except (NotFound, Forbidden):
            # For a missing object, an account that may get but not list objects gets 403 instead of 404.
            return None
        except RequestRangeNotSatisfiable:
            return b""
        return data if len(data) <= self._max_bytes else None


class StorageResults:
    """A track's folder ``TOKEN/`` in the results bucket, and its cover."""

    def __init__(self, objects: GoogleStorage, order: Order) -> None:
        """Use the folder and the cover that the order names; no request is sent yet."""
        self._objects = objects
        self._bucket = objects.client.bucket(order.results_bucket)
        self._token = order.results_token
        self._cover = order.cover
        self._custom_time = datetime.fromisoformat(order.expires_at) - LIFECYCLE_DELAY if order.expires_at else None

    def cover(self) -> bytes | None:
        """Return the picture that the MP3 shows, or None if it is missing."""
        with self._without_token():
            return self._objects.read(self._cover)

    def read(self, file: str) -> bytes | None:
        """Return a result's bytes, or None if it is missing."""
        with self._without_token():
            return self._objects.downloaded(self._blob(file))

    def create(self, file: str, data: bytes, content_type: str, download_name: str = "") -> None:
        """Write a result unless it exists; raise OtherResultError if it exists with other bytes.

        A browser saves it under ``download_name``, if there is one, instead of opening it.
        """
        blob = self._blob(file)
        blob.cache_control = _CACHE_CONTROL
        if download_name:
            # RFC 6266: the name in UTF-8, percent-encoded.
            blob.content_disposition = f"attachment; filename*=UTF-8''{quote(download_name, safe='')}"
        if self._custom_time is not None:
            blob.custom_time = self._custom_time
        with self._without_token():
            try:
                # The pipeline's account may create objects but not overwrite them, so the music at an address never
                # changes. A run after an interrupted one leaves the files that exist.
                blob.upload_from_string(data, content_type=content_type, if_generation_match=0, timeout=TIMEOUT_SECONDS)
            except PreconditionFailed:
                existing = self._blob(file)
                existing.reload(timeout=TIMEOUT_SECONDS)
                if existing.md5_hash != base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode():
                    raise OtherResultError(f"{file} exists already with other bytes") from None

    def _blob(self, file: str) -> storage.Blob:
        return self._bucket.blob(f"{self._token}/{file}")

    @contextmanager
    def _without_token(self) -> Iterator[None]:
        """Remove the token from errors: they contain the object's address, and the step's log and job show them."""
        try:
            yield
        except (GoogleAPIError, RequestException, DataCorruption, InvalidResponse) as error:
            reason = f"{type(error).__name__}: {error}".replace(self._token, "TOKEN")
            raise ResultsUnavailableError(reason) from None


class PubsubEvents:
    """The topic `pipeline-events`, by its full name ``projects/P/topics/T``."""

    def __init__(self, topic: str) -> None:
        """Name the topic; the first message opens the connection."""
        self._topic = topic

    def publish(self, data: bytes) -> None:
        """Publish a message and return when Pub/Sub has confirmed it."""
        with pubsub_v1.PublisherClient() as publisher:
            publisher.publish(self._topic, data).result(timeout=TIMEOUT_SECONDS)


class GoogleConnections:
    """Builds the ports of a process.

    ``vertex_url`` and ``secrets_url`` are the addresses of Vertex AI and Secret Manager, empty for Google's.
    """

    def __init__(
        self, vertex_url: str = "", secrets_url: str = "", sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._vertex_url = vertex_url
        self._secrets_url = secrets_url
        self._sleep = sleep
        self._storage: GoogleStorage | None = None
        self._process = 0

    def objects(self) -> GoogleStorage:
        """Return Cloud Storage, over this process's own connections."""
        if self._storage is None or self._process != os.getpid():
            self._storage, self._process = GoogleStorage(), os.getpid()
        return self._storage

    def results(self, order: Order) -> StorageResults:
        """Return the order's folder."""
        return StorageResults(self.objects(), order)

    def events(self, order: Order) -> PubsubEvents:
        """Return the order's topic."""
        return PubsubEvents(order.events_topic)

    def signer(self, order: Order) -> Signer | None:
        """Return the key that marks the music, or None; raise SigningKeyError if it cannot be read."""
        # The run has waited for the grant. Some of Google's servers may see it later than others.
        version = order.signer
        return granted_signer_in(version, self._secrets_url, _FLAP_SECONDS, self._sleep) if version else None

    def await_signers(self, orders: Iterable[Order]) -> None:
        """Wait until the keys that the orders name may be read, for as long as a new grant may be late.

        A key that still cannot be read fails the tracks that need it.
        """
        for version in dict.fromkeys(order.signer for order in orders if order.signer):
            with suppress(SigningKeyError):
                granted_signer_in(version, self._secrets_url, LATE_GRANT_SECONDS, self._sleep)

    def engine(self, order: Order) -> Engine:
        """Return the order's engine, with its fallback; raise BriefError or EngineNotConfiguredError."""
        project = order.events_topic.split("/")[1]
        cloud = Cloud(project, self._vertex_url, order.model_endpoint)
        return chosen(order.engine, order.fallback_engine, cloud, order.keep)
