"""Replay parked tracks and dead letters: ``python -m operations.replay``, after the operator has fixed the cause.

Reads ``GOOGLE_CLOUD_PROJECT``, ``PICTURES_TOPIC`` and ``DEAD_LETTERS``, which ``make env`` prints for the local cloud.
Running it twice is harmless: a track that is no longer parked is not published,
and the captioner claims a track that is published twice only once.
"""

import os
import sys
from typing import Any

from google.cloud import firestore, pubsub_v1

from musicgenerator.messages import PictureMessage
from musicgenerator.settings import required
from musicgenerator_google.firestore_breaker import FirestoreBreaker
from operations.clients import database_client, publisher_client
from operations.dead_letters import from_environ


def parked(database: firestore.Client) -> Any:
    """Return the query that finds the private documents of parked tracks."""
    return database.collection("work").where(filter=firestore.FieldFilter("parked", "==", value=True))


def replay(database: firestore.Client, publisher: pubsub_v1.PublisherClient, topic: str) -> list[str]:
    """Close the describer's breaker, publish each parked track on `pictures` and return the tracks' ids."""
    FirestoreBreaker(database).close()
    tracks = []
    for work in parked(database).stream():
        publisher.publish(topic, PictureMessage(work.id).to_bytes()).result(timeout=30)
        tracks.append(work.id)
    return tracks


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
