"""Attempts to close the service for everybody, against an API with a small limit for the day."""

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from counted_claims import given_back
from google.cloud import firestore

from localcloud.addresses import PROJECT, RESULTS_BUCKET, Addresses
from localcloud.parts import workers
from localcloud.provision import TEMPLATE, drop_session, storage_client
from localcloud.supervisor import Supervisor
from musicgenerator import ids
from musicgenerator.changes import Change
from musicgenerator.counting import DailyPictures
from musicgenerator.errors import BudgetSpentError
from musicgenerator.patience import Patience
from musicgenerator.results import COVER, MUSIC, MUSIC_WAV, TRACK
from musicgenerator.states import Status
from musicgenerator.track_requests import Request
from musicgenerator.tracks import PrivateTrack, Track
from musicgenerator_google.firestore_counters import total
from musicgenerator_google.firestore_tracks import FirestoreTracks
from tests.cloud.api_visitors import Visitor, opened, visitor
from tests.cloud.clients import ends, token_of, traces
from tests.support.ports import free_port

pytestmark = pytest.mark.cloud

LIMIT: Final = 20
ADDRESSES: Final = [f"198.51.100.{host}" for host in range(5)]
PICTURE: Final = {"contentType": "image/jpeg"}


@pytest.fixture
def database(local_cloud: Addresses) -> firestore.Client:  # noqa: ARG001  its environment names the emulator
    return firestore.Client(project=PROJECT)


@pytest.fixture
def small_api(local_cloud: Addresses, database: firestore.Client, tmp_path: Path) -> Iterator[str]:
    """Serve the API once more, with a limit that only ``LIMIT`` more pictures reach, and yield its address."""
    handler = next(
        part for part in workers(local_cloud, drop_session(local_cloud), str(TEMPLATE)) if part.name == "upload_handler"
    )
    port = free_port()
    command = tuple(f"--port={port}" if word.startswith("--port=") else word for word in handler.command)
    limit = total(database, _everybody(), "tracks") + LIMIT
    environ = handler.environ | {"TRACKS_A_DAY": str(limit), "ADDRESS_TRACKS_A_DAY": "1000"}
    with Supervisor(tmp_path, lambda _: None) as supervisor:
        supervisor.start([replace(handler, port=port, command=command, environ=environ)])
        yield f"http://127.0.0.1:{port}"


def test_announcements_without_a_picture_close_nothing(
    local_cloud: Addresses, small_api: str, photos: dict[str, Path]
) -> None:
    """Five times the limit from five addresses are announced; another person still gets music.

    When an announcement counted for everybody, 20 were enough: all later requests of everybody got 429.
    """
    attackers = [opened(small_api, address) for address in ADDRESSES]
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(_announce, itertools.islice(itertools.cycle(attackers), 5 * LIMIT)))
    assert Counter(status for status, _ in answers) == {201: 5 * LIMIT}
    someone = opened(small_api, "203.0.113.250")
    track = someone.upload(photos["coffee"].read_bytes(), durationSeconds=10, takes=2)
    twin = ids.twin_of(track)
    first = ends(local_cloud, [track], someone.session)[track]
    second = ends(local_cloud, [twin], someone.session)[twin]
    assert (first["status"], second["status"]) == ("ready", "ready")
    assert (second["brief"], second["request"]["twinOf"]) == (first["brief"], track)
    assert second["music"]["seed"] != first["music"]["seed"]
    # The bucket deletes the files when the session ends, and not some weeks later.
    for file in (MUSIC, MUSIC_WAV, TRACK, COVER):
        for name in (track, twin):
            blob = storage_client().bucket(RESULTS_BUCKET).get_blob(f"{token_of(name)}/{file}")
            assert abs(blob.custom_time + timedelta(days=1) - first["expiresAt"]) < timedelta(seconds=1)
    words = {someone.session, track, twin, token_of(track), token_of(twin)}
    assert someone.send("DELETE", "")[0] == 204
    assert traces(words) == []


def test_a_deleted_announcement_counts_for_nobody(local_cloud: Addresses, database: firestore.Client) -> None:
    """The counters of its session and address, and the count of everybody, are as before."""
    someone = visitor(local_cloud)
    before = total(database, _everybody(), "tracks")
    tracks = [_announce(someone)[1]["track"] for _ in range(3)]
    counters = database.document("work", tracks[0]).get().get("counted")
    assert _counts(database, counters) == [3, 3]
    pair = someone.send("POST", "/tracks", PICTURE | {"takes": 2})[1]["track"]
    assert _counts(database, counters) == [5, 5]
    assert someone.command(pair, "cancel")[0] == 200
    assert _counts(database, counters) == [3, 3]
    assert someone.send("DELETE", f"/tracks/{tracks[0]}")[0] == 204
    assert someone.command(tracks[1], "cancel")[0] == 200
    assert someone.command(tracks[1], "cancel")[0] == 200
    assert _counts(database, counters) == [1, 1]
    assert total(database, _everybody(), "tracks") == before


def test_a_picture_that_is_refused_counts_only_for_its_session(
    local_cloud: Addresses, database: firestore.Client
) -> None:
    """It has cost nothing, so a thousand of them close nothing either."""
    someone = visitor(local_cloud)
    before = total(database, _everybody(), "tracks")
    track = someone.upload(b"not a picture")
    assert ends(local_cloud, [track], someone.session)[track]["error"]["code"] == "not_an_image"
    assert total(database, _everybody(), "tracks") == before
    work = database.document("work", track).get()
    assert (_counts(database, work.get("counted")), work.get("countedForAll")) == ([1, 1], "")


def test_pictures_at_once_keep_to_the_limit_and_its_reserve(
    database: firestore.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of 40 pictures at once, the limit without its reserve is counted; the reserve is counted after that.

    From half of the limit on, each one logs the line that an alert policy counts.
    """
    tracks, session = FirestoreTracks(database, Patience()), ids.new_session_id()
    before = total(database, _everybody(), "tracks")
    names = [ids.new_track_id() for _ in range(40)]
    for name in names:
        announced = Track(session, name, Status.AWAITING_UPLOAD, 1, Request())
        work = PrivateTrack(token=ids.new_results_token())
        tracks.create(announced, work, datetime.now(UTC) + timedelta(days=1))

    def arrive(name: str, pictures: DailyPictures) -> bool:
        def claim(current: Track, _: PrivateTrack) -> Change | None:
            due = current.status is Status.AWAITING_UPLOAD
            return Change(Status.CAPTIONING, work=PrivateTrack(token="r"), picture=pictures) if due else None

        try:
            outcome = tracks.advance(name, claim)
        except BudgetSpentError:
            return False
        return bool(outcome and outcome.changed)

    with ThreadPoolExecutor(20) as pool:
        open_to_all = list(pool.map(lambda name: arrive(name, DailyPictures(before + 20, 2)), names))
    assert sum(open_to_all) == 18
    left = [name for name, counted in zip(names, open_to_all, strict=True) if not counted]
    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(lambda name: arrive(name, DailyPictures(before + 20)), left)) == 2
    assert total(database, _everybody(), "tracks") == before + 20
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    used = [line["used"] for line in lines if line["message"] == "half of the day's limit is used"]
    assert used
    assert (before + 20) / 2 <= min(used) <= max(used) <= before + 20
    for name in names:
        counted = tracks.find(name)
        assert counted
        shard = counted[1].counted_for_all
        tracks.advance(name, lambda _, work, shard=shard: Change(work=work, give_back=(shard,)) if shard else None)
    assert total(database, _everybody(), "tracks") == before


def test_two_takes_arrive_together_or_not_at_all(database: firestore.Client) -> None:
    """Of ten pictures at once within a limit of nine tracks four are counted, with both takes; one track is left.

    Each commit that claims a picture counts both, on shards that have room; the one that ends it gives both back.
    """
    tracks, session = FirestoreTracks(database, Patience()), ids.new_session_id()
    before = total(database, _everybody(), "tracks")
    pictures = DailyPictures(before + 9, number=2)
    names = [ids.new_track_id() for _ in range(10)]
    for name in names:
        announced = Track(session, name, Status.AWAITING_UPLOAD, 1, Request(takes=2))
        work = PrivateTrack(token=ids.new_results_token(), twin_token=ids.new_results_token())
        tracks.create(announced, work, datetime.now(UTC) + timedelta(days=1))

    def arrive(name: str) -> bool:
        def claim(current: Track, work: PrivateTrack) -> Change | None:
            due = current.status is Status.AWAITING_UPLOAD
            return Change(Status.CAPTIONING, work=work, picture=pictures) if due else None

        try:
            return bool(tracks.advance(name, claim))
        except BudgetSpentError:
            return False

    with ThreadPoolExecutor(10) as pool:
        arrived = [name for name, counted in zip(names, pool.map(arrive, names), strict=True) if counted]
    assert (len(arrived), total(database, _everybody(), "tracks")) == (4, before + 8)
    for name in arrived:
        tracks.advance(name, lambda _, work: given_back(Change(), work))
        found = tracks.find(name)
        assert found
        assert (found[1].counted_for_all, found[1].twin_counted_for_all) == ("", "")
    assert total(database, _everybody(), "tracks") == before


def _announce(someone: Visitor) -> tuple[int, Any]:
    return someone.send("POST", "/tracks", PICTURE)[:2]


def _everybody() -> str:
    return f"limits/{datetime.now(UTC).date()}"


def _counts(database: firestore.Client, counters: list[str]) -> list[int]:
    return [database.document("limits", counter).get().get("tracks") for counter in counters]
