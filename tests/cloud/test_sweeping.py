import base64
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.cloud import firestore

from localcloud.addresses import PROJECT, Addresses
from localcloud.provision import drop_session, storage_client
from musicgenerator import ids
from musicgenerator.errors import BudgetSpentError
from musicgenerator.states import Status
from musicgenerator.tracks import Change, Image, Request, Track, Work
from musicgenerator_google.firestore_tracks import FirestoreTracks
from tests.cloud.clients import Jobs, drop_files, ends, post
from tests.contracts.recorded import recorded_track

pytestmark = pytest.mark.cloud

NOW = datetime.now(UTC)


@pytest.fixture
def database(local_cloud: Addresses) -> firestore.Client:  # noqa: ARG001  its environment names the emulator
    return firestore.Client(project=PROJECT)


def _left_lying(database: firestore.Client, session: str, status: Status, image: Image | None) -> str:
    """Write a track whose event was lost long ago."""
    track = _written(database, session, status, image)
    _overdue(database, track)
    return track


def _written(database: firestore.Client, session: str, status: Status, image: Image | None) -> str:
    track, brief = ids.new_track_id(), recorded_track(Status.CAPTIONED).brief
    FirestoreTracks(database).create(
        Track(session, track, status, 1, Request(durationSeconds=10), image, brief),
        Work(token=ids.new_results_token()),
        NOW + timedelta(days=1),
    )
    return track


def _overdue(database: firestore.Client, track: str) -> None:
    database.document("work", track).update({"dueAt": NOW - timedelta(hours=1)})


def _tick(addresses: Addresses) -> int:
    data = base64.b64encode(json.dumps({"tick": True}).encode()).decode()
    body = {"message": {"data": data, "messageId": "1"}, "subscription": "projects/p/subscriptions/s"}
    return post(addresses.url("result_notifier"), body)[0]


def test_a_tick_takes_up_what_was_left_lying(
    local_cloud: Addresses, database: firestore.Client, photos: dict[str, Path]
) -> None:
    """Tracks whose events were lost at every stage end as they would have; those that are not due are left alone."""
    session = drop_session(local_cloud)
    bucket = storage_client().bucket("sweeping-images")
    if not bucket.exists():
        bucket.create()
    blob = bucket.blob("lost.jpg")
    blob.upload_from_filename(str(photos["coffee"]), content_type="image/jpeg")
    image = Image(bucket.name, blob.name, int(blob.generation), 0, 0, "image/jpeg", photos["coffee"].stat().st_size)
    captioning = _left_lying(database, session, Status.CAPTIONING, image)
    captioned = _left_lying(database, session, Status.CAPTIONED, image)
    launching = _left_lying(database, session, Status.LAUNCHING, image)
    announced = _left_lying(database, session, Status.AWAITING_UPLOAD, None)
    (composed,) = drop_files([photos["rocket"]], {"durationSeconds": "10"})
    ends(local_cloud, [composed])
    # Its last event was lost: the job has ended, the track does not know.
    database.document("sessions", session, "tracks", composed).update({"status": "composing", "music": None})
    _overdue(database, composed)

    assert _tick(local_cloud) == 200
    assert _tick(local_cloud) == 200
    found = ends(local_cloud, [captioning, captioned, launching, announced, composed])

    for track in (captioning, captioned, launching, composed):
        assert found[track]["status"] == "ready"
        assert Jobs(local_cloud).of(track) == [ids.pipeline_job_id(track, 1)]
    assert (found[announced]["status"], found[announced]["error"]["code"]) == ("failed", "upload_missing")
    assert FirestoreTracks(database).due(datetime.now(UTC), 50) == []


def test_one_more_launch_than_the_day_allows_is_refused(database: firestore.Client) -> None:
    """P3: demand above the limit, 64 at once: as many pass as the limit says, and the counter says so too."""
    tracks, limit, demand = FirestoreTracks(database), 48, 64
    counter = database.document("budget", datetime.now(UTC).date().isoformat())
    before = counter.get().to_dict() or {"launched": 0}
    names = [_written(database, "s" + "b" * 26, Status.CAPTIONED, None) for _ in range(demand)]

    def launch(track: str) -> str:
        try:
            outcome = tracks.advance(
                track,
                lambda now, _: (
                    Change(Status.LAUNCHING, daily_limit=before["launched"] + limit)
                    if now.status is Status.CAPTIONED
                    else None
                ),
            )
        except BudgetSpentError:
            return "refused"
        return "launched" if outcome and outcome.changed else "lost"

    with ThreadPoolExecutor(demand) as pool:
        results = Counter(pool.map(launch, names))
    assert results == {"launched": limit, "refused": demand - limit}
    assert (counter.get().to_dict() or {})["launched"] == before["launched"] + limit
    statuses: Counter[str] = Counter(_status(database, track) for track in names)
    assert statuses == {"launching": limit, "captioned": demand - limit}
    for track in names:
        database.document("work", track).delete()


def _status(database: firestore.Client, track: str) -> Any:
    return (database.document("sessions", "s" + "b" * 26, "tracks", track).get().to_dict() or {})["status"]
