"""Follow tracks with Firestore listeners, as the page does."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from musicgenerator.states import Status
from operations.clients import database_client

MAX_SILENCE_SECONDS: Final = 300

_END_SECONDS: Final = 0.5
# The modules that report how a listener's thread ends.
_LISTENING: Final = ("google.api_core.bidi", "google.cloud.firestore_v1.watch")


class SilentTrackError(Exception):
    """No track has changed for too long."""


@dataclass(frozen=True)
class Sighting:
    """One change of one track: its id, its status and the whole document."""

    track: str
    status: Status
    document: dict[str, Any]


def sightings(
    session: str | None,
    tracks: Sequence[str],
    max_silence: int = MAX_SILENCE_SECONDS,
    listen: "Callable[[], Listeners] | None" = None,
) -> Iterator[Sighting]:
    """Yield every change of these tracks until each has reached a final state.

    If ``session`` is None, each track's session is read from its private track as soon as that exists.
    A listener can stop without an error (https://github.com/googleapis/python-firestore/issues/18), so after
    ``Listeners.reread_seconds`` without a change the documents are read. ``listen`` makes the listeners.
    Raises SilentTrackError when nothing has changed for ``max_silence`` seconds.
    """
    waiting, followed = set(tracks), set()
    seen: dict[str, dict[str, Any]] = {}
    changed = time.monotonic()
    with (listen or Listeners)() as listeners:
        for track in tracks:
            listeners.add(track, *(("sessions", session, "tracks", track) if session else ("work", track)))
        while waiting:
            left = changed + max_silence - time.monotonic()
            try:
                track, document = listeners.changes.get(timeout=max(0.0, min(listeners.reread_seconds, left)))
            except queue.Empty:
                if left <= listeners.reread_seconds:
                    names = ", ".join(sorted(waiting))
                    raise SilentTrackError(
                        f"Nothing has changed for {max_silence} s; still waiting for {names}."
                    ) from None
                listeners.read(waiting)
                continue
            if seen.get(track) == document:
                continue
            seen[track], changed = document, time.monotonic()
            if "status" in document:
                status = Status(document["status"])
                yield Sighting(track, status, document)
                if status.is_final:
                    waiting.discard(track)
            elif track not in followed:
                followed.add(track)
                listeners.add(track, "sessions", document["session"], "tracks", track)


def document_of(track: str) -> tuple[str, dict[str, Any]] | None:
    """Return the session and the document of a track, None if it does not exist."""
    database = database_client()
    work = database.document("work", track).get().to_dict()
    document = work and database.document("sessions", work["session"], "tracks", track).get().to_dict()
    return (work["session"], document) if work and document else None


class Listeners:
    """Firestore listeners that put a track's id and a document into one queue at every change.

    The document is the private track, which names the session, or the track, which has a status.
    """

    reread_seconds: ClassVar = 20.0

    def __init__(self) -> None:
        self.changes: queue.SimpleQueue[tuple[str, dict[str, Any]]] = queue.SimpleQueue()
        self._database = database_client()
        self.watches: list[Any] = []
        self._documents: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Unsubscribing waits up to a second for the listener's thread, and then complains. The thread is a daemon,
        # so nobody needs its end, and it may outlive the local cloud's database.
        for name in _LISTENING:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        ends = [threading.Thread(target=watch.unsubscribe, daemon=True) for watch in self.watches]
        for end in ends:
            end.start()
        deadline = time.monotonic() + _END_SECONDS
        for end in ends:
            end.join(max(0.0, deadline - time.monotonic()))

    def add(self, track: str, *path: str) -> None:
        def on_change(documents: Sequence[Any], *_: object) -> None:
            for document in documents:
                if document.exists:
                    self.changes.put((track, document.to_dict()))

        self._documents[track] = self._database.document(*path)
        self.watches.append(self._documents[track].on_snapshot(on_change))

    def read(self, tracks: Iterable[str]) -> None:
        """Put the present documents of these tracks into the queue."""
        for track in tracks:
            document = self._documents[track].get()
            if document.exists:
                self.changes.put((track, document.to_dict()))
