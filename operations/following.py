"""Following tracks live, as the page does: Firestore calls whenever something changes."""

import queue
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from google.cloud import firestore

from localcloud.addresses import PROJECT
from musicgenerator.states import Status

_SILENCE_SECONDS: Final = 300.0


class SilentTrackError(Exception):
    """A track has not changed for too long."""


@dataclass(frozen=True)
class Sighting:
    """One change of one track: its id, its status and the whole document."""

    track: str
    status: Status
    document: dict[str, Any]


def sightings(session: str, tracks: Sequence[str]) -> Iterator[Sighting]:
    """Yield every change of these tracks until each has reached a final state.

    Raises SilentTrackError when nothing has changed for five minutes.
    """
    seen: queue.SimpleQueue[Sighting] = queue.SimpleQueue()
    client = firestore.Client(project=PROJECT)
    watches = [
        client.document("sessions", session, "tracks", track).on_snapshot(_listener(track, seen)) for track in tracks
    ]
    waiting = set(tracks)
    try:
        while waiting:
            sighting = seen.get(timeout=_SILENCE_SECONDS)
            yield sighting
            if sighting.status.is_final:
                waiting.discard(sighting.track)
    except queue.Empty:
        raise SilentTrackError(
            f"Nothing has changed for {_SILENCE_SECONDS:.0f} s; still waiting for {', '.join(sorted(waiting))}."
        ) from None
    finally:
        for watch in watches:
            watch.unsubscribe()


def _listener(track: str, seen: "queue.SimpleQueue[Sighting]") -> Callable[..., None]:
    def on_change(documents: Sequence[Any], _changes: object, _time: object) -> None:
        for document in documents:
            if document.exists:
                content = document.to_dict()
                seen.put(Sighting(track, Status(content["status"]), content))

    return on_change
