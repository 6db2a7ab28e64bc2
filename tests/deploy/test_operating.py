"""The operator's commands for a deployed project, by `make` and the real gcloud.

The control plane is the recorder of the deployment; Firestore and Pub/Sub are the emulators.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.cloud import firestore, pubsub_v1

from musicgenerator.drops import track_of
from musicgenerator.messages import PictureMessage, Wake
from musicgenerator.patience import Patience
from musicgenerator_google.firestore_switch import FirestoreSwitch
from musicgenerator_google.firestore_tracks import FirestoreTracks
from operations.dropping import facts
from tests.deploy.conftest import Installation
from tests.deploy.expected import PROJECT
from tests.deploy.operating import LAUNCHER, SESSION, appeared, output, write_track

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(900), pytest.mark.usefixtures("no_request_leaves_google")]

CAPTIONS = "musicgenerator-captions"
METRICS = "pubsub.googleapis.com/subscription/"


class Messages:
    """Publishes on a topic and pulls from a subscription, both by their short names."""

    def __init__(self) -> None:
        self._publisher = pubsub_v1.PublisherClient()
        self._subscriber = pubsub_v1.SubscriberClient()

    def publish(self, topic: str, data: bytes, **attributes: str) -> None:
        path = self._publisher.topic_path(PROJECT, topic)
        self._publisher.publish(path, data, **attributes).result(timeout=10)

    def pull(self, subscription: str) -> list[tuple[bytes, dict[str, str]]]:
        path = self._subscriber.subscription_path(PROJECT, subscription)
        found = self._subscriber.pull(subscription=path, max_messages=10, timeout=10).received_messages
        self._subscriber.acknowledge(subscription=path, ack_ids=[received.ack_id for received in found])
        return [(received.message.data, dict(received.message.attributes)) for received in found]


@pytest.fixture
def messages(operated: Installation, monkeypatch: pytest.MonkeyPatch) -> Messages:
    """The installation's topics and subscriptions."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", operated.environ["PUBSUB_EMULATOR_HOST"])
    return Messages()


def measured(metric: str, subscription: str, value: int) -> dict[str, Any]:
    """Return a time series of Cloud Monitoring with one point."""
    now = datetime.now(UTC).isoformat()
    return {
        "metric": {"type": METRICS + metric},
        "resource": {
            "type": "pubsub_subscription",
            "labels": {"project_id": PROJECT, "subscription_id": subscription},
        },
        "metricKind": "GAUGE",
        "valueType": "INT64",
        "points": [{"interval": {"startTime": now, "endTime": now}, "value": {"int64Value": str(value)}}],
    }


def test_the_status_has_functions_backlog_tracks_and_costs(operated: Installation, database: firestore.Client) -> None:
    """The status is of this installation alone; it reads one list of functions and two metrics, and changes nothing."""
    brief, sketch = {"title": "Waves"}, {"seed": 7}
    write_track(
        database,
        "t" + "a" * 26,
        status="ready",
        describer={"costUsd": 0.0002},
        music={"costUsd": 0.06},
        brief=brief,
        sketch=sketch,
    )
    write_track(
        database, "t" + "b" * 26, status="failed", error={"code": "caption_failed", "message": "…"}, brief=brief
    )
    write_track(database, "t" + "c" * 26, status="captioning")
    write_track(database, "t" + "d" * 26, status="ready", createdAt=datetime.now(UTC) - timedelta(days=1, minutes=1))
    database.document("work", "t" + "c" * 26).update({"parked": True, "dueAt": datetime.now(UTC)})
    for letter in "ab":
        database.document("work", "t" + letter * 26).update({"job": "mg-j" + "a" * 26})
    database.document("budget", f"{datetime.now(UTC).date()}-3").set({"launched": 2})
    functions = {name: body for name, body in operated.project.of("cloudfunctions").items() if "/functions/" in name}
    # The status shows the deployed limit, not the one in the operator's environment.
    environ = functions[LAUNCHER]["serviceConfig"]["environmentVariables"]
    environ["DAILY_LIMIT"] = "500"
    series = operated.project.of("monitoring series")
    uploads = "eventarc-us-central1-musicgenerator-uploads-sub-123"
    for name, waiting, oldest in ((f"{CAPTIONS}-pipeline-launcher", 7, 42), (uploads, 0, 0)):
        series[f"{name} waiting"] = measured("num_undelivered_messages", name, waiting)
        series[f"{name} oldest"] = measured("oldest_unacked_message_age", name, oldest)
    for name in ("somebody-elses", f"second-{CAPTIONS}-pipeline-launcher", "musicgenerator-thumbnails-captioner"):
        series[name] = measured("num_undelivered_messages", name, 5)
    others = [LAUNCHER.replace("launcher", kind) for kind in ("launcher2", "archive")]
    others.append(LAUNCHER.replace("musicgenerator-", "musicgenerator2-"))
    for name in others:
        operated.project.of("cloudfunctions")[name] = functions[LAUNCHER] | {"name": name}
    try:
        lines = [" ".join(line.split()) for line in output(operated, "status", DAILY_LIMIT="7").splitlines()]
    finally:
        del operated.project.resources["monitoring series"]
        del environ["DAILY_LIMIT"]
        for name in others:
            del operated.project.of("cloudfunctions")[name]

    for name, body in functions.items():
        release = body["labels"]["release"][:12]
        assert any(line.startswith(f"{name.rpartition('/')[2]} ACTIVE release {release}") for line in lines)
    assert len([line for line in lines if " ACTIVE release " in line]) == len(functions)
    template = functions[LAUNCHER]["serviceConfig"]["environmentVariables"]["PIPELINE_TEMPLATE"]
    assert f"template {template}" in lines
    backlog = lines.index("Backlog (from Cloud Monitoring, some minutes old)")
    assert lines[backlog + 1 :][:3] == [
        f"{uploads} waiting 0 oldest (s) 0",
        f"{CAPTIONS}-pipeline-launcher waiting 7 oldest (s) 42",
        "Today's tracks (UTC)",
    ]
    assert {"ready 1", "failed 1", "captioning 1", "caption_failed 1"} <= set(lines)
    assert "parked 1 for the operator: make replay" in lines
    assert "overdue 1 for the sweeper" in lines
    assert "with a sketch 1 of 2 with a brief" in lines
    assert "launches 2 of 500" in lines
    assert "runs 1, 2.0 tracks a run" in lines
    assert "0.0902 USD without machines and storage" in lines

    read = [(request.service, request.name.rpartition("/")[2]) for request in operated.project.requests]
    assert read.count(("monitoring", "timeSeries")) == 2
    assert ("cloudfunctions", "functions") in read
    assert operated.record(operated.project) == []


def test_dead_letters_are_listed_and_replayed_with_parked_tracks(
    operated: Installation, database: firestore.Client, messages: Messages
) -> None:
    """Listing removes none; a replay drops wakes and publishes all others once, without the dead-letter attributes."""
    data = b'{"track": "t1"}'
    source = {"CloudPubSubDeadLetterSourceDeliveryCount": "50", "CloudPubSubDeadLetterSourceSubscription": "s"}
    messages.publish(f"{CAPTIONS}-dead-letters", data, **source, kept="yes")
    messages.publish(f"{CAPTIONS}-dead-letters", Wake().to_bytes(), **source)
    parked = "t" + "e" * 26
    write_track(database, parked, status="captioning")
    database.document("work", parked).update({"parked": True})
    database.document("control", "describer").set({"closed": True})
    # Vertex AI refused these two: the sweeper resumes them, because the describer has nothing to do for them.
    refused = {"t" + letter * 26: state for letter, state in (("f", "launching"), ("g", "composing"))}
    for track, state in refused.items():
        write_track(database, track, status=state)
        later = datetime.now(UTC) + timedelta(minutes=15)
        database.document("work", track).update({"parked": True, "dueAt": later})

    for _ in range(2):
        listed = output(operated, "dead-letters")
        assert f"subscriptions/{CAPTIONS}-dead-letters  tried 50 times" in listed
        assert data.decode() in listed
        assert listed.splitlines()[-1] == "2 dead letters."

    replayed = output(operated, "replay")
    assert f"replayed: {parked}" in replayed
    assert replayed.splitlines()[-1] == "3 parked tracks, 1 dead letters."
    due = FirestoreTracks(database, Patience()).due(datetime.now(UTC), 10)
    assert sorted(due) == [(SESSION, track) for track in refused]
    assert messages.pull(f"{CAPTIONS}-pipeline-launcher") == [(data, {"kept": "yes"})]
    assert messages.pull("musicgenerator-pictures-captioner") == [(PictureMessage(parked).to_bytes(), {})]
    assert not database.document("control", "describer").get().exists
    assert output(operated, "dead-letters").splitlines()[-1] == "0 dead letters."
    assert operated.record(operated.project) == []


def test_pictures_are_dropped_by_gcloud_and_followed_to_their_music(
    operated: Installation, database: firestore.Client, photos: dict[str, Path]
) -> None:
    """The object's metadata has the options; at the end the command prints the address of the music."""
    bucket = f"{PROJECT}-musicgenerator-images"
    path = f"b/{bucket}/o/coffee.jpg"
    options = {"BRIEF_LANGUAGE": "en", "SECONDS_OF_MUSIC": "60"}
    with ThreadPoolExecutor(1) as threads:
        dropping = threads.submit(operated.make, "drop", IMAGES=str(photos["coffee"]), **options)
        dropped = appeared(lambda: operated.project.of("storage").get(path))
        track = track_of(facts(bucket, "coffee.jpg", photos["coffee"], dropped["metadata"]))
        write_track(database, track, status="composing")
        music = {"url": "https://storage.googleapis.com/results/r1/music.mp3"}
        write_track(database, track, status="ready", music=music)
        done = dropping.result()
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"coffee.jpg  {track}  {music['url']}" in done.stdout
    assert dropped["metadata"] == {"language": "en", "durationSeconds": "60"}
    assert photos["coffee"].read_bytes() == operated.project.contents[path]
    del operated.project.of("storage")[path]


def test_the_failure_of_a_dropped_picture_is_printed(
    operated: Installation, database: firestore.Client, photos: dict[str, Path]
) -> None:
    """The command prints the reason and fails; it names a missing file before it sends a request."""
    path = f"b/{PROJECT}-musicgenerator-images/o/coffee.jpg"
    with ThreadPoolExecutor(1) as threads:
        dropping = threads.submit(operated.make, "drop", IMAGES=str(photos["coffee"]))
        appeared(lambda: operated.project.of("storage").get(path))
        track = track_of(facts(f"{PROJECT}-musicgenerator-images", "coffee.jpg", photos["coffee"], {}))
        write_track(database, track, status="failed", error={"code": "caption_failed", "message": "Nothing was seen"})
        done = dropping.result()
    assert done.returncode != 0
    assert "Nothing was seen (caption_failed)" in done.stdout
    del operated.project.of("storage")[path]
    operated.record(operated.project)
    missing = operated.make("drop", IMAGES="/nowhere/cat.jpg")
    assert missing.returncode != 0
    assert "There is no file /nowhere/cat.jpg." in missing.stderr
    assert operated.record(operated.project) == []


def test_a_pause_is_written_where_the_functions_read_it(operated: Installation, database: firestore.Client) -> None:
    """`make pause` and `make unpause` change the installation's database; the status says since when it is paused."""
    switch = database.document("control", "switch")
    assert "Paused" in output(operated, "pause")
    assert switch.get().get("paused") is True
    since = switch.get().get("changedAt")
    FirestoreSwitch(database).turn(paused=True)
    assert switch.get().get("changedAt") == since
    assert output(operated, "status").startswith(f"PAUSED since {since:%Y-%m-%d %H:%M} UTC: ")
    assert output(operated, "unpause").strip() == "Not paused."
    assert switch.get().get("paused") is False
