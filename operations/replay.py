"""Replays parked tracks and dead letters: ``python -m operations.replay``, after the operator has fixed the cause.

Reads ``GOOGLE_CLOUD_PROJECT``, ``PICTURES_TOPIC`` and ``DEAD_LETTERS``; the local cloud's are those of ``make env``.
Running it twice is harmless: a track that is no longer parked is not published, and one that is published twice is
taken up once.
"""

import os
import sys

from google.cloud import firestore, pubsub_v1

from musicgenerator.messages import PictureMessage
from musicgenerator.settings import required
from operations.clients import database_client, publisher_client
from operations.dead_letters import from_environ


def replay(database: firestore.Client, publisher: pubsub_v1.PublisherClient, topic: str) -> list[str]:
    """Close the describer's breaker, publish each parked track on `pictures` and return the tracks."""
    database.document("control", "describer").delete()
    tracks = []
    for work in database.collection("work").where(filter=firestore.FieldFilter("parked", "==", value=True)).stream():
        publisher.publish(topic, PictureMessage(work.id).to_bytes()).result(timeout=30)
        tracks.append(work.id)
    return tracks


def main() -> int:
    """Replay and say what was done."""
    project = required(os.environ, "GOOGLE_CLOUD_PROJECT")
    publisher = publisher_client()
    topic = publisher.topic_path(project, required(os.environ, "PICTURES_TOPIC"))
    tracks = replay(database_client(), publisher, topic)
    for track in tracks:
        print(f"taken up again: {track}")
    letters = from_environ().replay()
    for letter in letters:
        print(f"replayed: {letter.describe()}")
    print(f"{len(tracks)} parked tracks, {len(letters)} dead letters.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
