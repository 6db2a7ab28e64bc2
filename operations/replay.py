"""Replay parked tracks and dead letters: ``python -m operations.replay``, after the operator has fixed the cause.

Reads ``GOOGLE_CLOUD_PROJECT``, ``PICTURES_TOPIC`` and ``DEAD_LETTERS``, which ``make env`` prints for the local cloud.
Running it twice is harmless: a track that is no longer parked is not published,
and the captioner claims a track that is published twice only once.
"""

import os
import sys
from datetime import UTC, datetime
from typing import Any, Final

from google.api_core import exceptions
from google.cloud import firestore, pubsub_v1

from musicgenerator.messages import PictureMessage
from musicgenerator.settings import required
from musicgenerator.states import Status
from musicgenerator_google.firestore_breaker import FirestoreBreaker
from operations.clients import database_client, publisher_client
from operations.dead_letters import from_environ

_AT_VERTEX: Final = (Status.LAUNCHING, Status.COMPOSING)


def parked(database: firestore.Client) -> Any:
    """Return the query that finds the private documents of parked tracks."""
    return database.collection("work").where(filter=firestore.FieldFilter("parked", "==", value=True))


def replay(database: firestore.Client, publisher: pubsub_v1.PublisherClient, topic: str) -> list[str]:
    """Close the describer's breaker, resume each parked track and return the tracks' ids.

    A track that waits for the describer is published on `pictures`. One that waits for Vertex AI becomes overdue, and
    the sweeper resumes it within a minute.
    """
    FirestoreBreaker(database).close()
    tracks = []
    for work in parked(database).stream():
        track = database.document("sessions", str((work.to_dict() or {}).get("session")), "tracks", work.id).get()
        if (track.to_dict() or {}).get("status") in _AT_VERTEX:
            _make_overdue(database, work)
        else:
            publisher.publish(topic, PictureMessage(work.id).to_bytes()).result(timeout=30)
        tracks.append(work.id)
    return tracks


def _make_overdue(database: firestore.Client, work: Any) -> None:
    # With the precondition, a track that goes on or ends at the same time is not overdue afterwards.
    option = database.write_option(last_update_time=work.update_time)
    try:
        work.reference.update({"dueAt": datetime.now(UTC)}, option=option)
    except exceptions.FailedPrecondition:
        return


def main() -> int:
    """Replay, and print each track and message."""
    project = required(os.environ, "GOOGLE_CLOUD_PROJECT")
    publisher = publisher_client()
    topic = publisher.topic_path(project, required(os.environ, "PICTURES_TOPIC"))
    tracks = replay(database_client(), publisher, topic)
    for track in tracks:
        print(f"replayed: {track}")
    letters = from_environ().replay()
    for letter in letters:
        print(f"replayed: {letter.describe()}")
    print(f"{len(tracks)} parked tracks, {len(letters)} dead letters.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
