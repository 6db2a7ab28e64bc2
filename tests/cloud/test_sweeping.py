from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from firestore_regions import FirestoreRegions
from google.cloud import firestore

from localcloud.addresses import PROJECT, Addresses
from localcloud.provision import drop_session, storage_client
from musicgenerator import ids
from musicgenerator.changes import Change
from musicgenerator.errors import BudgetSpentError
from musicgenerator.patience import Patience
from musicgenerator.states import Status
from musicgenerator.track_requests import Request
from musicgenerator.tracks import Image, PrivateTrack, Track
from musicgenerator_google.firestore_counters import total
from musicgenerator_google.firestore_tracks import FirestoreTracks
from tests.cloud.clients import Jobs, drop_files, ends, tick
from tests.contracts.recorded import recorded_track

pytestmark = pytest.mark.cloud

NOW = datetime.now(UTC)


@pytest.fixture
def database(local_cloud: Addresses) -> firestore.Client:  # noqa: ARG001  its environment names the emulator
    return firestore.Client(project=PROJECT)


def _overdue_track(database: firestore.Client, session: str, status: Status, image: Image | None) -> str:
    """Write a track whose event was lost long ago."""
    track = _written(database, session, status, image)
    _make_overdue(database, track)
    return track


def _written(database: firestore.Client, session: str, status: Status, image: Image | None) -> str:
    track, brief = ids.new_track_id(), recorded_track(Status.CAPTIONED).brief
    FirestoreTracks(database, Patience()).create(
        Track(session, track, status, 1, Request(duration_seconds=10), image, brief),
        PrivateTrack(token=ids.new_results_token()),
        NOW + timedelta(days=1),
    )
    return track


def _make_overdue(database: firestore.Client, track: str) -> None:
    database.document("work", track).update({"dueAt": NOW - timedelta(hours=1)})


def test_a_tick_retries_overdue_tracks(
    local_cloud: Addresses, database: firestore.Client, photos: dict[str, Path]
) -> None:
    """Tracks whose event was lost in any state end as if it had arrived; other tracks stay unchanged."""
    # In a separate session: some of these tracks skip the captioner and have no cover for the page.
    session = ids.new_session_id()
    bucket = storage_client().bucket("sweeping-images")
    if not bucket.exists():
        bucket.create()
    blob = bucket.blob("lost.jpg")
    blob.upload_from_filename(str(photos["coffee"]), content_type="image/jpeg")
    image = Image(bucket.name, blob.name, int(blob.generation), 0, 0, "image/jpeg", photos["coffee"].stat().st_size)
    captioning = _overdue_track(database, session, Status.CAPTIONING, image)
    captioned = _overdue_track(database, session, Status.CAPTIONED, image)
    launching = _overdue_track(database, session, Status.LAUNCHING, image)
    announced = _overdue_track(database, session, Status.AWAITING_UPLOAD, None)
    database.document("sessions", session, "tracks", announced).update({"createdAt": NOW - timedelta(hours=2)})
    (composed,) = drop_files([photos["rocket"]], {"durationSeconds": "10"})
    ends(local_cloud, [composed])
    # The last event of this track was lost: its job has ended, its document says `composing`.
    dropped = database.document("sessions", drop_session(local_cloud), "tracks", composed)
    dropped.update({"status": "composing", "music": None})
    _make_overdue(database, composed)

    assert tick(local_cloud) == 200
    assert tick(local_cloud) == 200
    found = ends(local_cloud, [captioning, captioned, launching, announced], session) | ends(local_cloud, [composed])

    for track in (captioning, captioned, launching, composed):
        assert found[track]["status"] == "ready"
        assert Jobs(local_cloud).of(track) == [ids.pipeline_job_id(track, 1)]
    assert (found[announced]["status"], found[announced]["error"]["code"]) == ("failed", "upload_missing")
    due = {track for _, track in FirestoreTracks(database, Patience()).due(datetime.now(UTC), 50)}
    assert due & {captioning, captioned, launching, announced, composed} == set()


def test_one_more_launch_than_the_day_allows_is_refused(database: firestore.Client) -> None:
    """P3: of 64 launches at once, exactly as many pass as the limit allows, and the counter agrees."""
    tracks, limit, demand = FirestoreTracks(database, Patience()), 48, 64
    counter = f"budget/{datetime.now(UTC).date()}"
    before = total(database, counter, "launched")
    names = [_written(database, "s" + "b" * 26, Status.CAPTIONED, None) for _ in range(demand)]

    def launch(track: str) -> str:
        try:
            outcome = tracks.advance(
                track,
                lambda current, _: (
                    Change(Status.LAUNCHING, daily_limit=before + limit) if current.status is Status.CAPTIONED else None
                ),
            )
        except BudgetSpentError:
            return "refused"
        return "launched" if outcome and outcome.changed else "lost"

    with ThreadPoolExecutor(demand) as pool:
        results = Counter(pool.map(launch, names))
    assert results == {"launched": limit, "refused": demand - limit}
    assert total(database, counter, "launched") == before + limit
    statuses: Counter[str] = Counter(_status(database, track) for track in names)
    assert statuses == {"launching": limit, "captioned": demand - limit}
    for track in names:
        database.document("work", track).delete()


def _status(database: firestore.Client, track: str) -> Any:
    return (database.document("sessions", "s" + "b" * 26, "tracks", track).get().to_dict() or {})["status"]


def test_two_busy_regions_are_recorded_at_the_same_time(database: firestore.Client) -> None:
    """After 32 refusals at once, both regions are known as busy, each until one of its own times."""
    regions, names = FirestoreRegions(database), ("us-central1", "europe-west4")
    database.document("control", "regions").delete()
    assert regions.busy_until() == {}
    # These times are past, so that no launch of another test waits.
    moments = [(names[number % 2], NOW - timedelta(seconds=number)) for number in range(32)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda each: regions.spare(*each), moments))
    known = regions.busy_until()
    assert set(known) == set(names)
    for name in names:
        assert (name, known[name]) in moments
    database.document("control", "regions").delete()


def test_a_claim_keeps_its_region_and_a_waiting_track_its_due_time(database: firestore.Client) -> None:
    """The database keeps the region until the next attempt and the due time until the next change."""
    tracks, session = FirestoreTracks(database, Patience()), "s" + "c" * 26
    names = [_written(database, session, Status.CAPTIONED, None) for _ in range(2)]
    claimed, waiting = names
    soon = NOW + timedelta(days=2)
    tracks.advance(waiting, lambda *_: Change(due_at=soon))
    tracks.advance(claimed, lambda _, work: Change(Status.LAUNCHING, work=replace(work, region="europe-west4")))
    assert [_region(tracks, name) for name in names] == ["europe-west4", ""]
    tracks.advance(claimed, lambda *_: Change(Status.COMPOSING))
    assert _region(tracks, claimed) == "europe-west4"
    # Documents from before regions existed lack the field.
    database.document("work", claimed).update({"region": firestore.DELETE_FIELD})
    assert _region(tracks, claimed) == ""
    assert [each for each in tracks.due(soon - timedelta(seconds=1), 1000) if each[0] == session] == [
        (session, claimed)
    ]
    assert (session, waiting) in tracks.due(soon, 1000)
    # A document that nobody can read hides no other track.
    database.document("work", waiting).set({"dueAt": soon})
    assert (session, claimed) in tracks.due(soon, 1000)
    for name in names:
        database.document("work", name).delete()


def _region(tracks: FirestoreTracks, track: str) -> str:
    found = tracks.find(track)
    assert found
    return found[1].region


def test_a_track_and_its_work_are_read_as_of_one_moment(database: firestore.Client) -> None:
    """While a track is claimed, no reader sees the claimed state without the region that was written with it."""
    reader, writer = FirestoreTracks(database, Patience()), FirestoreTracks(database, Patience())
    session, torn = ids.new_session_id(), []

    def claim(_: Track, work: PrivateTrack) -> Change:
        return Change(Status.LAUNCHING, work=replace(work, region="europe-west4"))

    def look(track: str) -> None:
        while True:
            found = reader.find(track)
            assert found
            if found[0].status is Status.LAUNCHING:
                torn.append(found[1].region != "europe-west4")
                return

    with ThreadPoolExecutor(8) as readers:
        for _ in range(25):
            track = _written(database, session, Status.CAPTIONED, None)
            looking = [readers.submit(look, track) for _ in range(8)]
            writer.advance(track, claim)
            for each in looking:
                each.result(timeout=30)
    assert len(torn) == 25 * 8
    assert not any(torn)
