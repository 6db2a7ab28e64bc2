"""The API's commands on the local cloud: the staged function, the emulators and the local Vertex AI."""

import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from admitting import Entry, Quota
from firestore_ledger import FirestoreLedger
from google.api_core.client_options import ClientOptions
from google.cloud import firestore, pubsub_v1
from google.cloud.aiplatform_v1.services.pipeline_service import PipelineServiceClient
from http_api import ROUTES, Route
from hypothesis import HealthCheck, assume, given, settings
from problems import LimitReachedError
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from localcloud.addresses import IMAGES_BUCKET, PIPELINE_EVENTS_TOPIC, PROJECT, REGION, RESULTS_BUCKET, Addresses
from localcloud.provision import storage_client
from localcloud.pubsub.scheduler import TICK
from musicgenerator import ids
from musicgenerator.patience import Patience
from musicgenerator.states import Status
from musicgenerator.tracks import PrivateTrack
from musicgenerator_google.firestore_counters import total
from musicgenerator_google.firestore_switch import FirestoreSwitch
from musicgenerator_google.firestore_tracks import FirestoreTracks
from operations.following import sightings
from tests.cloud.clients import Jobs, document, ends, fetch
from tests.contracts.recorded import recorded_track

pytestmark = pytest.mark.cloud

KEY = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
EXAMPLES = 25
ADDRESSES = iter(range(1, 255))


@dataclass(frozen=True)
class Visitor:
    """A session with its secret and its own IP address."""

    api: str
    session: str
    secret: str
    address: str

    def send(self, method: str, path: str, body: Any = None, key: str | None = None) -> tuple[int, Any, dict[str, str]]:
        """Send a request below the session and return status, JSON and headers."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.secret}"}
        headers |= {"X-Forwarded-For": self.address} | ({"Idempotency-Key": key} if key else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.api}/v1/sessions/{self.session}{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return response.status, json.loads(response.read() or b"null"), dict(response.headers)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null"), dict(error.headers)

    def upload(self, picture: bytes, **wishes: Any) -> str:
        """Announce a picture, upload it and return its track."""
        status, announced, _ = self.send("POST", "/tracks", {"contentType": "image/jpeg", **wishes})
        assert status == 201, announced
        upload = announced["upload"]
        request = urllib.request.Request(upload["url"], picture, upload["headers"], method=upload["method"])
        with urllib.request.urlopen(request, timeout=30) as response:
            assert response.status == 200
        return str(announced["track"])

    def command(self, track: str, name: str, body: Any = None, key: str | None = None) -> tuple[int, Any]:
        """Send a command for a track."""
        return self.send("POST", f"/tracks/{track}:{name}", body or {}, key)[:2]


def visitor(addresses: Addresses) -> Visitor:
    """Open a session."""
    api, address = addresses.url("upload_handler"), f"203.0.113.{next(ADDRESSES)}"
    request = urllib.request.Request(f"{api}/v1/sessions", b"{}", {"X-Forwarded-For": address}, method="POST")
    with urllib.request.urlopen(request, timeout=60) as response:
        opened = json.loads(response.read())
    return Visitor(api, opened["session"], opened["secret"], address)


@pytest.fixture(scope="module")
def made(local_cloud: Addresses, photos: dict[str, Path]) -> tuple[Visitor, str]:
    """Return a session and its one track, which is ready."""
    someone = visitor(local_cloud)
    track = someone.upload(photos["coffee"].read_bytes(), durationSeconds=10, language="en", seed=7)
    assert ends(local_cloud, [track], someone.session)[track]["status"] == "ready"
    return someone, track


def traces(words: set[str]) -> list[str]:
    """Return every object and document whose name or content contains one of these words."""
    client = firestore.Client(project=PROJECT)
    documents: list[Any] = []
    due = list(client.collections())
    while due:
        collection = due.pop()
        for found in collection.list_documents():
            documents.append(found)
            due += found.collections()
    contents = {each.reference.path: f"{each.reference.path} {each.to_dict()}" for each in client.get_all(documents)}
    found = [path for path, content in contents.items() if any(word in content for word in words)]
    return found + objects(words)


def objects(words: set[str]) -> list[str]:
    """Return every object whose name contains one of these words."""
    names = [
        f"gs://{bucket}/{blob.name}"
        for bucket in (IMAGES_BUCKET, RESULTS_BUCKET)
        for blob in storage_client().list_blobs(bucket, versions=True)
    ]
    return [name for name in names if any(word in name for word in words)]


def token_of(track: str) -> str:
    return str(firestore.Client(project=PROJECT).document("work", track).get().get("token"))


def test_another_take_becomes_other_music(local_cloud: Addresses, made: tuple[Visitor, str]) -> None:
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
    assert (status, standing["status"], standing["attempt"]) == (201, "captioned", 1)
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
    """The job and the track end as cancelled, and nothing is written afterwards."""
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
    assert _settled_state(local_cloud, ids.pipeline_job_id(track, 1)) == "CANCELLED"
    time.sleep(1)
    assert document(someone.session, track)["status"] == "cancelled"
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
        ("DELETE", f"/tracks/{track}"),
    ):
        body = {} if method == "POST" else None
        assert thief.send(method, path, body)[0] == 404
        assert disguised.send(method, path, body)[0] == 401
    assert disguised.send("DELETE", "")[0] == 401
    assert disguised.send("POST", "/tracks", {"contentType": "image/jpeg"})[0] == 401
    assert document(someone.session, track) == before


def test_a_deleted_session_leaves_nothing_in_any_bucket_or_document(
    local_cloud: Addresses, photos: dict[str, Path]
) -> None:
    """Not even what a pipeline writes that was running during the deletion."""
    someone = visitor(local_cloud)
    waiting = someone.send("POST", "/tracks", {"contentType": "image/jpeg"}, key=KEY)[1]["track"]
    ready = someone.upload(photos["chelsea"].read_bytes(), durationSeconds=10)
    ends(local_cloud, [ready], someone.session)
    # Long enough that the job still runs during the deletion.
    take = someone.command(ready, "again", {"durationSeconds": 180})[1]["track"]
    for sighting in sightings(someone.session, [take]):
        if sighting.status is Status.COMPOSING:
            break
    words = {someone.session, waiting, ready, take, token_of(waiting), token_of(ready), token_of(take)}
    assert len(traces(words)) >= 10
    assert someone.send("DELETE", f"/tracks/{ready}")[0] == 204
    assert someone.send("DELETE", f"/tracks/{ready}")[0] == 204
    # Only the other take, which uses the same picture, still names it.
    assert traces({ready}) == [f"sessions/{someone.session}/tracks/{take}"]
    assert someone.send("DELETE", "")[0] == 204
    assert someone.send("DELETE", "")[0] == 204
    assert traces(words) == []
    assert _settled_state(local_cloud, ids.pipeline_job_id(take, 1)) == "CANCELLED"
    time.sleep(2)
    assert traces(words) == []
    assert someone.send("POST", "/tracks", {"contentType": "image/jpeg"})[0] == 401


def test_what_a_pipeline_writes_after_the_deletion_is_erased_when_it_ends(
    local_cloud: Addresses, photos: dict[str, Path]
) -> None:
    """The documents are erased while the job runs on; when the job ends, its folder is emptied."""
    someone = visitor(local_cloud)
    track = someone.upload(photos["rocket"].read_bytes(), durationSeconds=10)
    token = ""
    for sighting in sightings(someone.session, [track]):
        if sighting.status is Status.COMPOSING:
            token = token_of(track)
            FirestoreTracks(firestore.Client(project=PROJECT), Patience()).erase(someone.session, track)
            break
    assert _settled_state(local_cloud, ids.pipeline_job_id(track, 1)) == "SUCCEEDED"
    deadline = time.monotonic() + 30
    while objects({token}) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert objects({token}) == []


def test_a_session_s_limit_holds_for_requests_at_once(local_cloud: Addresses) -> None:
    """Of 64 tracks announced at once exactly 50 are accepted; the others get 429 with Retry-After."""
    someone = visitor(local_cloud)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: someone.send("POST", "/tracks", {"contentType": "image/jpeg"}), range(64)))
    assert Counter(status for status, _, _ in answers) == {201: 50, 429: 14}
    refused = [headers for status, _, headers in answers if status == 429]
    assert all(1 <= int(headers["Retry-After"]) <= 86_400 for headers in refused)
    tracks = firestore.Client(project=PROJECT).collection("sessions", someone.session, "tracks")
    assert len(list(tracks.list_documents())) == 50


@pytest.mark.parametrize("whose", ["one session", "everybody"])
def test_the_ledger_counts_each_entry_once(local_cloud: Addresses, whose: str) -> None:
    """Of 32 entries, each sent twice at once, the limit of 20 is admitted, and both requests get the same answer."""
    del local_cloud
    client = firestore.Client(project=PROJECT)
    ledger, subject = FirestoreLedger(client), ids.new_session_id()
    counted = total(client, f"limits/{datetime.now(UTC).date()}", "tracks")
    quotas = {
        "one session": Quota(subject, "tracks", 20, "tracks"),
        "everybody": Quota("", "tracks", counted + 20, "tracks"),
    }
    barrier = threading.Barrier(16)

    def enter(number: int) -> int | None:
        barrier.wait()
        entry = Entry(
            f"{subject}-{number % 32}", subject, "f", {"number": number}, datetime.now(UTC) + timedelta(days=1)
        )
        try:
            return int(ledger.enter(entry, [quotas[whose]]).details["number"])
        except LimitReachedError:
            return None

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(enter, range(64)))
    taken = {entry.name for entry in ledger.of_session(subject)}
    assert len(taken) == 20
    by_name: dict[int, set[int]] = {}
    for number, answer in enumerate(answers):
        if answer is not None:
            by_name.setdefault(number % 32, set()).add(answer)
    assert all(len(found) == 1 for found in by_name.values())
    assert not [path for path in traces({subject}) if path.startswith("limits/")]


def test_equal_requests_for_the_last_of_the_day_are_answered_alike(local_cloud: Addresses) -> None:
    """Of four equal requests at once, the one that takes the last place answers for all."""
    del local_cloud
    ledger, expires_at = FirestoreLedger(firestore.Client(project=PROJECT)), datetime.now(UTC) + timedelta(days=1)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(30):
            subject, barrier = ids.new_session_id(), threading.Barrier(4)

            def enter(number: int, subject: str = subject, barrier: threading.Barrier = barrier) -> object:
                barrier.wait()
                entry = Entry(f"last-{subject}", subject, "f", {"number": number}, expires_at)
                return ledger.enter(entry, [Quota(subject, "tracks", 1, "tracks")]).details["number"]

            assert len(set(pool.map(enter, range(4)))) == 1


def test_the_switch_stops_commands_and_launches_and_lets_them_go_on(
    local_cloud: Addresses, photos: dict[str, Path]
) -> None:
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


@pytest.fixture(scope="module")
def described(local_cloud: Addresses) -> Iterator[Any]:
    """Return the API as its OpenAPI document describes it."""
    return schemathesis.openapi.from_url(f"{local_cloud.url('upload_handler')}/v1/openapi.json")


@pytest.mark.parametrize(
    ("route", "mode"),
    # A GET without parameters has no invalid requests.
    [(route, mode) for route in ROUTES for mode in GenerationMode if route.method != "GET" or mode.is_positive],
    ids=lambda value: f"{value.method} {value.path}" if isinstance(value, Route) else value.value,
)
def test_the_function_answers_as_its_document_says(
    described: Any, local_cloud: Addresses, route: Route, mode: GenerationMode
) -> None:
    """Every answer has a status below 500, and a status, type, headers and body that the document describes."""
    operation = described[route.path][route.method]
    asked = 0

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Case) -> None:
        nonlocal asked
        asked += 1
        _ask(local_cloud, case)

    ask()
    assert asked


def _ask(local_cloud: Addresses, case: Case) -> None:
    # A path with a line break never reaches the function; the framework answers 404 itself, with HTML.
    assume(not any("\n" in urllib.parse.unquote(str(value)) for value in (case.path_parameters or {}).values()))
    prey = _prey(local_cloud)
    if _could_be(case, "session", ids.is_session_id):
        case.path_parameters["session"] = prey.session
    if _could_be(case, "track", ids.is_track_id):
        case.path_parameters["track"] = _held_track(prey)
    headers = {"Authorization": f"Bearer {prey.secret}", "X-Forwarded-For": prey.address}
    case.call_and_validate(
        headers=headers,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_headers_conformance,
            response_schema_conformance,
            allow_header_conformance,
        ],
    )
    prey.send("DELETE", "")


def _could_be(case: Case, name: str, check: Any) -> bool:
    value = (case.path_parameters or {}).get(name)
    return isinstance(value, str) and bool(check(value))


def _prey(addresses: Addresses) -> Visitor:
    # Written directly, so that it counts against no limit.
    session, secret = ids.new_session_id(), ids.new_secret()
    document = {"secretHash": ids.secret_hash(secret), "expiresAt": datetime.now(UTC) + timedelta(days=1)}
    firestore.Client(project=PROJECT).document("sessions", session).set(document)
    return Visitor(addresses.url("upload_handler"), session, secret, "198.51.100.7")


def _held_track(prey: Visitor) -> str:
    track = ids.new_track_id()
    ready = recorded_track(Status.READY)
    held = type(ready)(prey.session, track, Status.READY, 1, ready.request, ready.image, ready.brief)
    work = PrivateTrack(ids.new_results_token())
    FirestoreTracks(firestore.Client(project=PROJECT), Patience()).create(
        held, work, datetime.now(UTC) + timedelta(days=1)
    )
    return track


def _settled_state(addresses: Addresses, job: str) -> str:
    options = ClientOptions(api_endpoint=addresses.url("vertex"))
    client = PipelineServiceClient(transport="rest", client_options=options)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        state = client.get_pipeline_job(name=f"projects/{PROJECT}/locations/{REGION}/pipelineJobs/{job}").state.name
        if state.rpartition("_")[2] in {"SUCCEEDED", "FAILED", "CANCELLED"}:
            return str(state.rpartition("_")[2])
        time.sleep(0.5)
    raise TimeoutError(f"{job} has not ended")
