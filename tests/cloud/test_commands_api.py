"""The API's commands on the local cloud: the staged function, the emulators and the local Vertex AI."""

import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from google.cloud import firestore, pubsub_v1

from localcloud.addresses import PIPELINE_EVENTS_TOPIC, PROJECT, RESULTS_BUCKET, Addresses
from localcloud.provision import storage_client
from localcloud.pubsub.scheduler import TICK
from musicgenerator import ids
from musicgenerator.results import MUSIC
from musicgenerator.states import Status
from musicgenerator_google.firestore_switch import FirestoreSwitch
from operations.following import sightings
from tests.cloud.api_visitors import KEY, Visitor, visitor
from tests.cloud.clients import Jobs, document, ends, fetch, post, settled_state, token_of

pytestmark = pytest.mark.cloud


@pytest.fixture(scope="module")
def made(local_cloud: Addresses, photos: dict[str, Path]) -> tuple[Visitor, str]:
    """Return a session and its one track, which is ready."""
    someone = visitor(local_cloud)
    track = someone.upload(photos["coffee"].read_bytes(), durationSeconds=10, language="en", seed=7)
    assert ends(local_cloud, [track], someone.session)[track]["status"] == "ready"
    return someone, track


def test_another_version_has_other_music(local_cloud: Addresses, made: tuple[Visitor, str]) -> None:
    """`again` makes a track with the edited brief, another length and its own cover; one key makes one track."""
    someone, source = made
    edit = {
        "title": "Another <b>evening</b>",
        "genre": "jazz",
        "instruments": ["piano"],
        "durationSeconds": 12,
        "seed": 9,
    }
    status, standing = someone.command(source, "again", edit, KEY)
    assert (status, standing["status"], standing["attempt"]) == (201, "captioning", 1)
    track = standing["track"]
    assert (
        someone.command(source, "again", edit, KEY)[0],
        someone.command(source, "again", edit, KEY)[1]["track"],
    ) == (201, track)
    assert someone.command(source, "again", edit | {"seed": 10}, KEY)[0] == 422
    end = ends(local_cloud, [track], someone.session)[track]
    before = document(someone.session, source)
    assert (
        end["status"],
        end["brief"]["title"],
        end["brief"]["genre"],
        end["music"]["seed"],
    ) == ("ready", "Another evening", "jazz", 9)
    assert abs(end["music"]["durationSeconds"] - 12) <= 1
    assert end["image"] == before["image"]
    assert end["music"]["coverUrl"] != before["music"]["coverUrl"]
    assert fetch(end["music"]["coverUrl"]) == fetch(before["music"]["coverUrl"])
    assert fetch(end["music"]["url"]) != fetch(before["music"]["url"])
    assert len(Jobs(local_cloud).of(track)) == 1


def test_a_track_in_the_making_is_cancelled_with_its_job(local_cloud: Addresses, photos: dict[str, Path]) -> None:
    """The job ends without music, the track as cancelled, and nothing is written afterwards."""
    someone = visitor(local_cloud)
    track = someone.upload(photos["coffee"].read_bytes(), durationSeconds=180)
    end: dict[str, Any] = {}
    for sighting in sightings(someone.session, [track]):
        end = sighting.document
        if sighting.status is Status.COMPOSING:
            assert (
                someone.command(track, "cancel")[0],
                someone.command(track, "cancel")[1]["status"],
            ) == (200, "cancelled")
    assert (end["status"], end["error"]["code"]) == ("cancelled", "cancelled")
    # The step ends by itself if it finds its only track called off before its job is cancelled.
    assert settled_state(local_cloud, ids.pipeline_job_id(track, 1)) in {"CANCELLED", "SUCCEEDED"}
    time.sleep(1)
    assert document(someone.session, track)["status"] == "cancelled"
    assert not storage_client().bucket(RESULTS_BUCKET).blob(f"{token_of(track)}/{MUSIC}").exists()
    assert someone.command(track, "retry")[0] == 409


def test_a_failed_track_is_retried_to_its_music(local_cloud: Addresses, photos: dict[str, Path]) -> None:
    """After an operator cancelled the job, the next attempt has another job and only its own files."""
    someone = visitor(local_cloud)
    track = someone.upload(photos["coffee"].read_bytes(), durationSeconds=60)
    for sighting in sightings(someone.session, [track]):
        if sighting.status is Status.COMPOSING:
            Jobs(local_cloud).cancel(ids.pipeline_job_id(track, 1))
    leftover = storage_client().bucket(RESULTS_BUCKET).blob(f"{token_of(track)}/track.json")
    leftover.upload_from_string("{}")
    assert (
        document(someone.session, track)["status"],
        document(someone.session, track)["error"]["code"],
    ) == ("failed", "pipeline_cancelled")
    for _ in range(2):
        status, standing = someone.command(track, "retry", key=KEY)
        assert (status, standing["attempt"]) == (200, 2)
    end = ends(local_cloud, [track], someone.session)[track]
    assert (end["status"], end["attempt"], end["error"]) == ("ready", 2, None)
    jobs = {ids.pipeline_job_id(track, attempt) for attempt in (1, 2)}
    assert set(Jobs(local_cloud).of(track)) == jobs
    assert someone.command(track, "retry")[0] == 409


def test_a_moved_session_is_received_once(local_cloud: Addresses) -> None:
    """Of eight devices that claim a code at once, one gets what was sealed, in each of several tries."""
    someone, sealed = visitor(local_cloud), "c2VhbGVk" * 16
    address = {"X-Forwarded-For": someone.address}
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            code = someone.send("POST", ":move", {"sealed": sealed})[1]["code"]
            claim = partial(post, f"{someone.api}/v1/moves:claim", {"code": code}, address)
            answers = [answer.result() for answer in [pool.submit(claim) for _ in range(8)]]
            assert [body for status, body in answers if status == 200] == [{"sealed": sealed}]
            assert {body["code"] for status, body in answers if status != 200} == {"unknown_move"}


def test_no_session_commands_another_s_track(local_cloud: Addresses, made: tuple[Visitor, str]) -> None:
    """Every command and deletion fails, with the caller's own session and with the other's id."""
    someone, track = made
    thief = visitor(local_cloud)
    disguised = Visitor(thief.api, someone.session, thief.secret, thief.address)
    before = document(someone.session, track)
    for method, path in (
        ("POST", f"/tracks/{track}:again"),
        ("POST", f"/tracks/{track}:cancel"),
        ("POST", f"/tracks/{track}:retry"),
        ("POST", f"/tracks/{track}:like"),
        ("DELETE", f"/tracks/{track}"),
    ):
        body = {} if method == "POST" else None
        assert thief.send(method, path, body)[0] == 404
        assert disguised.send(method, path, body)[0] == 401
    assert disguised.send("DELETE", "")[0] == 401
    assert disguised.send("POST", "/tracks", {"contentType": "image/jpeg"})[0] == 401
    assert document(someone.session, track) == before


def test_the_switch_pauses_commands_and_launches(local_cloud: Addresses, photos: dict[str, Path]) -> None:
    """While the switch is on, POSTs get 503 and a captioned track waits; afterwards the track is processed."""
    someone = visitor(local_cloud)
    switch = FirestoreSwitch(firestore.Client(project=PROJECT))
    wish = {"contentType": "image/jpeg", "durationSeconds": 10}
    announced = someone.send("POST", "/tracks", wish)[1]
    switch.turn(paused=True)
    try:
        status, problem, headers = someone.send("POST", "/tracks", wish)
        assert (status, problem["code"], headers["Retry-After"]) == (503, "paused", "60")
        upload = announced["upload"]
        data = photos["coffee"].read_bytes()
        request = urllib.request.Request(upload["url"], data, upload["headers"], method=upload["method"])
        urllib.request.urlopen(request, timeout=30).close()
        for sighting in sightings(someone.session, [announced["track"]]):
            if sighting.status is Status.CAPTIONED:
                break
        time.sleep(2)
        assert document(someone.session, announced["track"])["status"] == "captioned"
        assert Jobs(local_cloud).of(announced["track"]) == []
    finally:
        switch.turn(paused=False)
    # The sweeper would retry the track two minutes later; make it due now.
    work = firestore.Client(project=PROJECT).document("work", announced["track"])
    work.update({"dueAt": datetime.now(UTC)})
    publisher = pubsub_v1.PublisherClient()
    publisher.publish(publisher.topic_path(PROJECT, PIPELINE_EVENTS_TOPIC), TICK).result(timeout=30)
    end = ends(local_cloud, [announced["track"]], someone.session)[announced["track"]]
    assert end["status"] == "ready"


def test_a_browser_may_delete(local_cloud: Addresses) -> None:
    """The preflight request of a deletion is allowed for the page's origin."""
    someone, origin = visitor(local_cloud), local_cloud.url("page")
    headers = {"Origin": origin, "Access-Control-Request-Method": "DELETE"}
    request = urllib.request.Request(f"{someone.api}/v1/sessions/{someone.session}", None, headers, method="OPTIONS")
    with urllib.request.urlopen(request, timeout=30) as response:
        assert (response.status, response.headers["Access-Control-Allow-Methods"]) == (204, "DELETE")
        assert response.headers["Access-Control-Allow-Origin"] == origin
