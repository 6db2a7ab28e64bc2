import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import flask
import pytest
from admitting import Limits, Quota, limit_reached
from google.api_core.exceptions import ServiceUnavailable
from google.auth.exceptions import TransportError
from ports import Session
from requests import ReadTimeout

from musicgenerator import ids
from musicgenerator.errors import ContentionError, PipelineFailedError
from musicgenerator.messages import CaptionMessage
from musicgenerator.settings import SettingInvalidError
from musicgenerator.states import Status
from musicgenerator_google.firestore_counters import shards_of
from tests.contracts.recorded import SESSION, TOKEN, TRACK, recorded, recorded_work
from tests.support.command_fakes import MemorySwitch, UploadHandler
from tests.support.fakes import HOME, MemoryPipelines
from tests.support.functions import launcher

SECRETS = {SESSION: "k" + "a" * 52, "s" + "a" * 26: "k" + "b" * 52}
OTHER = "s" + "a" * 26
KEY = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
PICTURE = {"contentType": "image/jpeg"}
ENVIRON = {
    "GOOGLE_CLOUD_PROJECT": "musicgenerator-prod",
    "REGION": HOME,
    "PIPELINE_ROOT": "gs://musicgenerator-pipeline/runs",
    "PIPELINE_BUCKET": "musicgenerator-pipeline",
    "PIPELINE_ACCOUNT": "pipeline@musicgenerator-prod.iam.gserviceaccount.com",
    "RESULTS_BUCKET": "musicgenerator-results",
    "PIPELINE_EVENTS_TOPIC": "pipeline-events",
    "DEFAULT_ENGINE": "composer",
}
PLENTY = Limits(1000, 1000, 1000, 1000)


@dataclass
class Scene(UploadHandler):
    """The API with fakes for its ports and two open sessions."""

    limits: Limits = field(default_factory=lambda: PLENTY)

    def __post_init__(self) -> None:
        for session, secret in SECRETS.items():
            self.sessions.create(Session(session, ids.secret_hash(secret), datetime.now(UTC) + timedelta(days=1)))

    def post(
        self, path: str, body: Any = None, session: str = SESSION, address: str = "203.0.113.9", key: str | None = None
    ) -> flask.Response:
        headers = {"X-Forwarded-For": address, "Authorization": f"Bearer {SECRETS[session]}"}
        headers |= {"Idempotency-Key": key} if key else {}
        return self.ask("POST", path, headers=headers, json=body or {})

    def announce(self, session: str = SESSION, **request: Any) -> flask.Response:
        return self.post(f"/v1/sessions/{session}/tracks", PICTURE, session, **request)

    def hold(self, status: Status, **fields: Any) -> None:
        self.tracks.hold(recorded(f"track_{status}") | fields, SESSION, TRACK, recorded_work(published=True))
        self.buckets.put(self.results.name, f"{TOKEN}/track.json", json.dumps(recorded("track")).encode())


def assert_limited(response: flask.Response, words: str) -> None:
    document = json.loads(response.get_data())
    assert (response.status_code, document["code"]) == (429, "limit_reached")
    assert words in document["detail"]
    assert 1 <= int(response.headers["Retry-After"]) <= 86_400


def test_a_session_s_tracks_are_limited() -> None:
    """The limit is exact; another session at the same address has its own."""
    scene = Scene(limits=Limits(3, 1000, 1000, 1000))
    assert [scene.announce().status_code for _ in range(3)] == [201, 201, 201]
    assert_limited(scene.announce(), "3 tracks for one session")
    assert scene.announce(OTHER).status_code == 201


def test_an_address_s_tracks_are_limited() -> None:
    """All sessions of one address share its limit; another address has its own."""
    scene = Scene(limits=Limits(1000, 2, 1000, 1000))
    assert [scene.announce(session).status_code for session in SECRETS] == [201, 201]
    assert_limited(scene.announce(), "2 tracks for one network address")
    assert scene.announce(address="203.0.113.10").status_code == 201


def test_announcements_without_a_picture_do_not_count_for_everybody() -> None:
    """However many there are; before, the limit's worth of them closed the service for all until midnight."""
    scene = Scene(limits=Limits(1000, 1000, 2, 1000))
    assert {scene.announce(session).status_code for session in SECRETS for _ in range(20)} == {201}
    assert scene.announce(OTHER, address="198.51.100.1").status_code == 201


def test_all_takes_are_limited() -> None:
    """The limit holds across sessions and addresses, and an announcement beyond it is refused before its upload."""
    scene = Scene(limits=Limits(1000, 1000, 2, 1000))
    scene.hold(Status.CAPTIONED)
    path = f"/v1/sessions/{SESSION}/tracks/{TRACK}:again"
    assert [scene.post(path, address=f"203.0.113.{host}").status_code for host in (1, 2)] == [201, 201]
    assert_limited(scene.post(path, address="203.0.113.3"), "2 tracks for everybody together")
    assert_limited(scene.announce(OTHER, address="198.51.100.1"), "2 tracks for everybody together")


def test_the_last_tenth_is_for_sessions_with_music() -> None:
    """A session without music is refused at nine tenths; one with music gets all of the limit, and no more."""
    scene = Scene(limits=Limits(1000, 1000, 10, 1000))
    scene.ledger.counts["", "tracks"] = 9
    assert_limited(scene.announce(), "10 tracks for everybody together")
    scene.hold(Status.READY)
    assert scene.announce().status_code == 201
    assert_limited(scene.announce(OTHER), "10 tracks for everybody together")
    assert scene.post(f"/v1/sessions/{SESSION}/tracks/{TRACK}:again").status_code == 201
    assert_limited(scene.announce(), "10 tracks for everybody together")


@pytest.mark.parametrize("command", ["DELETE", "cancel"])
def test_a_track_that_ends_before_its_upload_counts_for_nobody(command: str) -> None:
    """The counters of its session and address no longer count it, once."""
    scene = Scene()
    track = scene.announce().get_json()["track"]
    path = f"/v1/sessions/{SESSION}/tracks/{track}"
    for _ in range(2):
        if command == "DELETE":
            bearer = {"Authorization": f"Bearer {SECRETS[SESSION]}"}
            assert scene.ask("DELETE", path, headers=bearer).status_code == 204
        else:
            assert scene.post(f"{path}:cancel").status_code == 200
    assert scene.tracks.given_back == ["address 203.0.113.9", f"session {SESSION}"]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(2, 1000, 1000, 1000), "10 announcements for one session"),
        (Limits(1000, 2, 1000, 1000), "10 announcements for one network address"),
    ],
)
def test_announcing_and_cancelling_in_a_loop_ends(limits: Limits, words: str) -> None:
    """Each cancellation gives back the track, and none the announcement: it ends at five times the limit."""
    scene = Scene(limits=limits)
    for _ in range(10):
        track = scene.announce().get_json()["track"]
        assert scene.post(f"/v1/sessions/{SESSION}/tracks/{track}:cancel").status_code == 200
        while scene.tracks.given_back:
            scene.ledger.counts[scene.tracks.given_back.pop(), "tracks"] -= 1
    assert_limited(scene.announce(), words)


def test_a_track_that_ends_after_its_upload_stays_counted() -> None:
    """Describing it may have cost money."""
    scene = Scene()
    scene.hold(Status.CAPTIONING)
    scene.tracks.works[TRACK] = replace(scene.tracks.works[TRACK], counted=("one",))
    assert scene.post(f"/v1/sessions/{SESSION}/tracks/{TRACK}:cancel").status_code == 200
    assert scene.tracks.given_back == []


@pytest.mark.parametrize("title", [None, "Written by a person"])
def test_a_take_that_is_cancelled_before_its_launch_does_not_count_for_everybody(title: str | None) -> None:
    """Otherwise takes that are cancelled at once close the service; they still count for session and address."""
    scene = Scene()
    scene.hold(Status.READY)
    take = scene.post(f"/v1/sessions/{SESSION}/tracks/{TRACK}:again", {"title": title} if title else {}).get_json()
    for _ in range(2):
        assert scene.post(f"/v1/sessions/{SESSION}/tracks/{take['track']}:cancel").status_code == 200
    assert take["status"] == ("captioning" if title else "captioned")
    assert scene.tracks.given_back == ["everybody"]
    assert scene.tracks.works[take["track"]].counted_for_all == ""


@pytest.mark.parametrize("status", [Status.LAUNCHING, Status.COMPOSING])
def test_a_launched_take_that_is_cancelled_stays_counted(status: Status) -> None:
    """Its job has cost money."""
    scene = Scene()
    scene.hold(status)
    scene.tracks.works[TRACK] = replace(scene.tracks.works[TRACK], counted_for_all="everybody")
    assert scene.post(f"/v1/sessions/{SESSION}/tracks/{TRACK}:cancel").status_code == 200
    assert scene.tracks.given_back == []


@pytest.mark.parametrize("status", [Status.CAPTIONING, Status.CAPTIONED])
def test_a_described_track_that_is_cancelled_stays_counted(status: Status) -> None:
    """Unlike another version, it has paid for its brief."""
    scene = Scene()
    scene.hold(status)
    scene.tracks.works[TRACK] = replace(scene.tracks.works[TRACK], counted=("one",), counted_for_all="everybody")
    assert scene.post(f"/v1/sessions/{SESSION}/tracks/{TRACK}:cancel").status_code == 200
    assert scene.tracks.given_back == []


@pytest.mark.parametrize("parked", [True, False])
def test_a_parked_track_that_is_cancelled_does_not_count_for_everybody(parked: bool) -> None:
    """The describer was not available; it still counts for its session and address."""
    scene = Scene()
    scene.hold(Status.CAPTIONING)
    work = replace(scene.tracks.works[TRACK], counted=("one",), counted_for_all="all", parked=parked)
    scene.tracks.works[TRACK] = work
    assert scene.post(f"/v1/sessions/{SESSION}/tracks/{TRACK}:cancel").status_code == 200
    assert scene.tracks.given_back == (["all"] if parked else [])
    assert scene.tracks.works[TRACK].counted_for_all == ("" if parked else "all")


def test_an_address_s_sessions_are_limited() -> None:
    """Another address has its own limit."""
    scene = Scene(limits=Limits(1000, 1000, 1000, 2))
    assert [scene.post("/v1/sessions").status_code for _ in range(2)] == [201, 201]
    assert_limited(scene.post("/v1/sessions"), "2 sessions for one network address")
    assert scene.post("/v1/sessions", address="203.0.113.10").status_code == 201


def test_a_refused_request_writes_nothing() -> None:
    """No track, session, entry or count is written."""
    scene = Scene(limits=Limits(0, 0, 0, 0))
    assert [scene.announce().status_code, scene.post("/v1/sessions").status_code] == [429, 429]
    assert not scene.tracks.documents
    assert not scene.ledger.entries
    assert not scene.ledger.counts
    assert list(scene.sessions.sessions) == list(SECRETS)


def test_a_repeated_request_is_not_counted_again() -> None:
    """It is answered even if the limit has been reached since."""
    scene = Scene(limits=Limits(1, 1, 1, 1))
    first, again = (scene.announce(key=KEY) for _ in range(2))
    assert (again.status_code, again.get_json()) == (201, first.get_json())
    first, again = (scene.post("/v1/sessions", key=KEY) for _ in range(2))
    assert (again.status_code, again.get_json()) == (201, first.get_json())
    assert_limited(scene.announce(key=KEY + "-2"), "in a UTC day")


def test_every_take_and_attempt_counts_as_a_track() -> None:
    """Each one costs a pipeline job; a refused retry is not counted."""
    scene = Scene(limits=Limits(3, 1000, 1000, 1000))
    path = f"/v1/sessions/{SESSION}/tracks/{TRACK}"
    error = PipelineFailedError("").to_mapping("ko")
    scene.hold(Status.READY)
    assert scene.post(f"{path}:again").status_code == 201
    assert scene.post(f"{path}:retry").status_code == 409
    for attempt in (1, 2):
        scene.hold(Status.FAILED, error=error, attempt=attempt)
        assert scene.post(f"{path}:retry").status_code == 200
    scene.hold(Status.FAILED, error=error, attempt=3)
    assert_limited(scene.post(f"{path}:retry"), "3 tracks for one session")
    assert_limited(scene.post(f"{path}:again"), "3 tracks for one session")
    assert scene.tracks.documents[TRACK]["attempt"] == 3
    assert scene.post(f"{path}:cancel").status_code == 200


def test_only_the_last_forwarded_address_counts() -> None:
    """The client may have forged the ones before it."""
    scene = Scene(limits=Limits(1000, 1, 1000, 1000))
    assert scene.announce(address="198.51.100.1, 203.0.113.9").status_code == 201
    assert_limited(scene.announce(address="198.51.100.2,203.0.113.9"), "network address")


@pytest.mark.parametrize(
    ("proxies", "one", "other", "same"),
    [
        (1, "198.51.100.1, 203.0.113.9, 192.0.2.1", "198.51.100.2,203.0.113.9,192.0.2.7", True),
        (1, "203.0.113.9, 192.0.2.1", "203.0.113.10, 192.0.2.1", False),
        (2, "203.0.113.9, 192.0.2.2, 192.0.2.1", "203.0.113.10, 192.0.2.2, 192.0.2.1", False),
        # Requests that did not come through the proxies count together.
        (1, "203.0.113.9", "203.0.113.10", True),
        (2, "203.0.113.9, 192.0.2.1", "203.0.113.10, 192.0.2.1", True),
    ],
)
def test_the_addresses_of_trusted_proxies_do_not_count(proxies: int, one: str, other: str, same: bool) -> None:
    """The entry before them is the client's; the entries before that may be forged."""
    scene = Scene(limits=Limits(1000, 1, 1000, 1000), trusted_proxies=proxies)
    assert scene.announce(address=one).status_code == 201
    assert scene.announce(address=other).status_code == (429 if same else 201)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:203.0.113.9", "::ffff:203.0.113.10", False),
        ("nonsense", "another nonsense", True),
        ("203.0.113.9", "203.0.113.9", True),
        # Some proxies append the port, which changes with each connection.
        ("203.0.113.9:5678", "203.0.113.9", True),
        ("203.0.113.9:5678", "203.0.113.10:5678", False),
        ("[2001:db8::1]:443", "2001:db8::1", True),
        ("[2001:db8::1]", "2001:db8::1", True),
        ("[2001:db8::1]:443", "[2001:db9::1]:443", False),
        ("[::ffff:203.0.113.9]:443", "203.0.113.9:80", True),
        ("203.0.113.9:", "nonsense", True),
        ("[2001:db8::1", "nonsense", True),
    ],
)
def test_an_address_is_counted_by_its_network(one: str, other: str, same: bool) -> None:
    """An IPv6 address counts by its /64, an IPv4 address alone; all invalid addresses count together."""
    limits = Limits()
    assert (limits.of_session(one) == limits.of_session(other)) is same


def test_a_site_of_ipv6_has_twice_the_limit_of_an_address() -> None:
    """An address that takes another /64 of its /48 for each request is refused then; another /48 is not."""
    scene = Scene(limits=Limits(1000, 3, 1000, 3))
    for ask in (scene.announce, partial(scene.post, "/v1/sessions")):
        answers = [ask(address=f"2001:db8:1:{network:x}::1").status_code for network in range(8)]
        assert answers == [201] * 6 + [429] * 2
        assert ask(address="2001:db8:2::1").status_code == 201


def test_retry_after_is_the_time_until_midnight_utc() -> None:
    """In seconds, in every time zone, and never zero."""
    quota = Quota("", "tracks", 5, "tracks")
    for moment, seconds in (("2026-11-23T23:00:00+00:00", 3600), ("2026-11-24T08:59:59.9+09:00", 1)):
        assert limit_reached(quota, datetime.fromisoformat(moment)).headers == {"Retry-After": str(seconds)}


def test_the_limits_are_read_from_the_environment() -> None:
    """A variable that is not set has a default."""
    environ = {"SESSION_TRACKS_A_DAY": "1", "ADDRESS_TRACKS_A_DAY": "2", "TRACKS_A_DAY": "3"}
    assert Limits.from_environ(environ) == Limits(1, 2, 3, 100)
    assert Limits.from_environ({}) == Limits(50, 200, 1000, 100)
    with pytest.raises(SettingInvalidError, match="TRACKS_A_DAY"):
        Limits.from_environ({"TRACKS_A_DAY": "many"})


@pytest.mark.parametrize("command", ["", "/tracks", f"/tracks/{TRACK}:again", f"/tracks/{TRACK}:cancel"])
def test_while_paused_commands_are_refused(command: str) -> None:
    """They get 503 with Retry-After; deletions are still accepted."""
    scene = Scene(switch=MemorySwitch(paused=True))
    scene.hold(Status.COMPOSING)
    response = scene.post(f"/v1/sessions/{SESSION}{command}" if command else "/v1/sessions", PICTURE)
    assert (response.status_code, json.loads(response.get_data())["code"]) == (503, "paused")
    assert int(response.headers["Retry-After"]) > 0
    assert scene.tracks.documents[TRACK] == recorded("track_composing")
    bearer = {"Authorization": f"Bearer {SECRETS[SESSION]}"}
    assert scene.ask("DELETE", f"/v1/sessions/{SESSION}", headers=bearer).status_code == 204


def test_while_paused_nothing_is_launched() -> None:
    """The message is acknowledged and the track does not change; a later message launches it."""
    scene, pipelines = Scene(), MemoryPipelines()
    scene.hold(Status.CAPTIONED)
    switch = MemorySwitch(paused=True)
    paused = launcher(scene.tracks, pipelines, switch=switch)
    paused.launch(CaptionMessage(SESSION, TRACK, 1))
    assert scene.tracks.documents[TRACK] == recorded("track_captioned")
    switch.paused = False
    paused.launch(CaptionMessage(SESSION, TRACK, 1))
    assert len(pipelines.wanted) == 1


@pytest.mark.parametrize(
    "outage",
    [
        ServiceUnavailable("Firestore"),
        TransportError("signBlob answered 503"),
        ReadTimeout("Vertex AI"),
        ContentionError("counters"),
        TimeoutError("Pub/Sub"),
    ],
)
def test_an_outage_is_a_problem_document_that_the_page_can_read(outage: Exception) -> None:
    """It has status 503, Retry-After and CORS headers, and does not show the internal error."""
    scene = Scene()
    scene.ledger.failures.append(outage)
    headers = {"Origin": "https://music.example"}
    response = scene.ask("POST", "/v1/sessions", headers=headers)
    document = json.loads(response.get_data())
    assert (response.status_code, document["code"]) == (503, "unavailable")
    assert response.content_type == "application/problem+json"
    assert str(outage) not in document["detail"]
    assert int(response.headers["Retry-After"]) > 0
    assert response.headers["Access-Control-Allow-Origin"] == "https://music.example"
    assert "Retry-After" in response.headers["Access-Control-Expose-Headers"]
    assert scene.ask("POST", "/v1/sessions", headers=headers).status_code == 201


@pytest.mark.parametrize(("limit", "shards"), [(0, 10), (1000, 10), (400_001, 11), (3_330_000, 84), (10**9, 100)])
def test_a_large_limit_has_more_shards(limit: int, shards: int) -> None:
    """One Firestore document sustains about one write a second."""
    assert shards_of(limit) == shards
