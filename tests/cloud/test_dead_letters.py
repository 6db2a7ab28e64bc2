import json
import time
from pathlib import Path
from typing import Any

import pytest
from google.cloud import firestore, pubsub_v1

from localcloud.addresses import (
    CAPTIONS_TOPIC,
    DEAD_LETTER_SUFFIX,
    PICTURES_TOPIC,
    PIPELINE_EVENTS_TOPIC,
    PROJECT,
    STORAGE_EVENTS_TOPIC,
    Addresses,
)
from localcloud.provision import drop_session
from musicgenerator.patience import Patience
from musicgenerator_google.firestore_tracks import FirestoreTracks
from operations.dead_letters import DeadLetters
from tests.cloud.clients import Jobs, drop_files, ends, finalized_event

pytestmark = pytest.mark.cloud

TOPICS = {
    STORAGE_EVENTS_TOPIC: PICTURES_TOPIC,
    CAPTIONS_TOPIC: CAPTIONS_TOPIC,
    PIPELINE_EVENTS_TOPIC: PIPELINE_EVENTS_TOPIC,
}


@pytest.fixture
def dead_letters(local_cloud: Addresses) -> DeadLetters:  # noqa: ARG001  it sets the emulator's environment
    return DeadLetters(PROJECT, {f"{topic}{DEAD_LETTER_SUFFIX}": again for topic, again in TOPICS.items()})


def _die(topic: str, data: bytes) -> None:
    publisher = pubsub_v1.PublisherClient()
    attributes = {"CloudPubSubDeadLetterSourceDeliveryCount": "12", "CloudPubSubDeadLetterSourceSubscription": "s"}
    path = publisher.topic_path(PROJECT, topic + DEAD_LETTER_SUFFIX)
    publisher.publish(path, data, **attributes).result(timeout=10)


def _documents(track: str, session: str) -> dict[str, Any]:
    return firestore.Client(project=PROJECT).document("sessions", session, "tracks", track).get().to_dict() or {}


def test_dead_letters_are_listed_with_their_reasons_and_stay(dead_letters: DeadLetters) -> None:
    """Listing shows each message with its number of deliveries, and removes none."""
    _die(PIPELINE_EVENTS_TOPIC, b'{"tick": true}')
    for _ in range(2):
        lines = [letter.describe() for letter in dead_letters.listed()]
        assert any("tried 12 times" in line and '{"tick": true}' in line for line in lines)
    assert [letter.data for letter in dead_letters.replay()] == [b'{"tick": true}']
    assert dead_letters.listed() == []


def test_replaying_a_hundred_dead_letters_twice_changes_nothing_the_second_time(
    local_cloud: Addresses, dead_letters: DeadLetters, photos: dict[str, Path]
) -> None:
    """P6: events of a finished track and malformed events, replayed twice, create no job and change no document."""
    session = drop_session(local_cloud)
    (track,) = drop_files([photos["coffee"]], {"durationSeconds": "10"})
    (end,) = ends(local_cloud, [track]).values()
    event, _ = finalized_event(photos["coffee"].name, end["image"]["generation"], end["image"]["bytes"])
    letters = [
        (STORAGE_EVENTS_TOPIC, event),
        (CAPTIONS_TOPIC, {"session": session, "track": track, "attempt": 1}),
        (PIPELINE_EVENTS_TOPIC, {"pipelineJobId": f"mg-{track}-1"}),
        (CAPTIONS_TOPIC, {"session": session, "track": "../../x", "attempt": 0}),
    ]
    for _ in range(2):
        for topic, body in letters * 25:
            _die(topic, json.dumps(body).encode())
        assert len(dead_letters.replay()) == 100
        # A picture dropped now passes through the same subscriptions after the replayed messages.
        ends(local_cloud, drop_files([photos["rocket"]], {"durationSeconds": "10"}))
    assert _documents(track, session) == end
    assert Jobs(local_cloud).of(track) == [f"mg-{track}-1"]


def test_replaying_an_exhausted_storage_event_makes_its_track(
    local_cloud: Addresses, dead_letters: DeadLetters, photos: dict[str, Path]
) -> None:
    """A picture whose event was never processed has no track; replaying the event makes one."""
    (track,) = drop_files([photos["chelsea"]], {"durationSeconds": "10", "language": "en"})
    (before,) = ends(local_cloud, [track]).values()
    FirestoreTracks(firestore.Client(project=PROJECT), Patience()).erase(drop_session(local_cloud), track)
    image = before["image"]
    event, _ = finalized_event(photos["chelsea"].name, image["generation"], image["bytes"])
    _die(STORAGE_EVENTS_TOPIC, json.dumps(event | {"metadata": {"language": "en"}}).encode())
    assert len(dead_letters.replay()) == 1
    deadline = time.monotonic() + 60
    while not (found := _documents(track, drop_session(local_cloud))).get("brief") and time.monotonic() < deadline:
        time.sleep(0.2)
    assert (found.get("brief"), found["request"]["language"]) == (before["brief"], "en")
