"""Follow tracks with Firestore listeners, as the page does."""

import queue
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from musicgenerator.states import Status
from operations.clients import database_client

MAX_SILENCE_SECONDS: Final = 300


class SilentTrackError(Exception):
    """No track has changed for too long."""


@dataclass(frozen=True)
class Sighting:
    """One change of one track: its id, its status and the whole document."""

    track: str
    status: Status
    document: dict[str, Any]


def sightings(session: str | None, tracks: Sequence[str], max_silence: int = MAX_SILENCE_SECONDS) -> Iterator[Sighting]:
    """Yield every change of these tracks until each has reached a final state.

    If ``session`` is None, each track's session is read from its private track as soon as that exists.
    Raises SilentTrackError when nothing has changed for ``max_silence`` seconds.
    """
    waiting, followed = set(tracks), set()
    with _Listeners() as listeners:
        for track in tracks:
            listeners.add(track, *(("sessions", session, "tracks", track) if session else ("work", track)))
        while waiting:
            try:
                track, document = listeners.changes.get(timeout=max_silence)
            except queue.Empty:
                names = ", ".join(sorted(waiting))
                raise SilentTrackError(f"Nothing has changed for {max_silence} s; still waiting for {names}.") from None
            if "status" in document:
                status = Status(document["status"])
                yield Sighting(track, status, document)
                if status.is_final:
                    waiting.discard(track)
            elif track not in followed:
                followed.add(track)
                listeners.add(track, "sessions", document["session"], "tracks", track)


class _Listeners:
    """Firestore listeners that put a track's id and a document into one queue at every change.

    The document is the private track, which names the session, or the track, which has a status.
    """

    def __init__(self) -> None:
        self.changes: queue.SimpleQueue[tuple[str, dict[str, Any]]] = queue.SimpleQueue()
        self._database = database_client()
        self._watches: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for watch in self._watches:
            watch.unsubscribe()

    def add(self, track: str, *path: str) -> None:
        def on_change(documents: Sequence[Any], *_: object) -> None:
            for document in documents:
                if document.exists:
                    self.changes.put((track, document.to_dict()))

        self._watches.append(self._database.document(*path).on_snapshot(on_change))
