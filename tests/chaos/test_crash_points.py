"""P10: a track whose processing crashed at any point ends as a track without a crash does."""

import itertools
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from google.cloud import firestore, pubsub_v1

from localcloud.addresses import CAPTIONS_TOPIC, PIPELINE_BUCKET, PROJECT, RESULTS_BUCKET
from localcloud.provision import storage_client
from localcloud.pubsub.delivery import Message, Route
from musicgenerator.ids import twin_of
from musicgenerator.messages import CaptionMessage, GatheredMessage
from musicgenerator.orders import ORDERS_PREFIX, order_name, track_orders_prefix
from musicgenerator.states import FINAL, Status
from musicgenerator_google.firestore_counters import total
from tests.chaos.campaign import tracks_by_id
from tests.support.faults import DeliveryFaults, FaultyDelivery
from tests.support.staging import short_times
from tests.support.takes import JobFaults
from tests.support.visitors import Visitor, new_key, picture, put, visitors
from tests.support.world import Faults, Run, World

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]

AT_ONCE = 16
CONVERGENCE_TIMEOUT_SECONDS = 240
NEVER = "the point was never reached"


@dataclass(frozen=True)
class Case:
    """A kill of one function at one point of one of its handlings."""

    function: str
    handling: str
    point: str


@contextmanager
def delivering(
    world: World,
    doubled: float = 0.0,
    lost: str = "",
    jobs: JobFaults | None = None,
    job_record: int = 3600,
    environ: dict[str, str] | None = None,
) -> Iterator[Run]:
    """Run with each event doubled by the chance ``doubled``, and with the first messages of topic ``lost`` lost."""
    heard: set[tuple[str, bytes]] = set()

    def rule(route: Route, message: Message) -> bool:
        # A message of several attempts is the sweeper's, which replaces lost ones. The tracks of a group change with
        # each sweep; if each new group was lost, a track could wait for many sweeps.
        if route.topic != lost or b'"gathered"' in message.data:
            return False
        # Two functions get each message on `captions`; both lose the first one.
        first = (route.url, message.data) not in heard
        heard.add((route.url, message.data))
        # Several messages report the end of a job; all of them are lost.
        return first or lost == "pipeline-events"

    delivery = FaultyDelivery(DeliveryFaults(doubled=doubled, delay=0.2), rule)
    with world.run(
        Faults(jobs=jobs or JobFaults(seconds=0.3)),
        environ=environ,
        delivery=delivery,
        times=short_times(6, 4, job_record),
    ) as run:
        yield run


def sent(run: Run, visitor: Visitor, key: str = "", plan: Case | None = None, takes: int = 1) -> str:
    """Upload a picture, plan a kill for it if ``plan`` says so, and return its track."""
    track, permit = visitor.announce("upload-1", key, takes)
    if plan:
        run.plan(plan.function, track, plan.handling, plan.point)
    put(permit, picture())
    return track


def document(session: str, track: str) -> dict[str, Any]:
    found = firestore.Client(project=PROJECT).document("sessions", session, "tracks", track).get()
    return dict(found.to_dict() or {})


def at_end(session: str, track: str) -> dict[str, Any]:
    deadline = time.monotonic() + CONVERGENCE_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        found = document(session, track)
        if found and Status(found["status"]) in FINAL:
            return found
        time.sleep(0.3)
    return document(session, track)


def essence(run: Run, session: str, track: str) -> dict[str, Any]:
    """Return what no crash may change: the final state, the brief, the music and the jobs of a track."""
    found = at_end(session, track)
    music = {name: value for name, value in (found["music"] or {}).items() if name in {"bytes", "engine", "seed"}}
    return {
        "status": found["status"],
        "attempt": found["attempt"],
        "brief": found["brief"],
        "error": found["error"],
        "music": music,
        # Tracks that had to wait after a crash may share a job.
        "jobs": len(run.runner.named[track, found["attempt"]]),
        # The music may be ready before the launcher has written `composing`.
        "steps": sorted(set(found["timeline"]) - {"composing"}),
    }


def essences(run: Run, session: str, track: str, takes: int) -> list[dict[str, Any]]:
    """Return what no crash may change of a track and its second take."""
    return [essence(run, session, each) for each in [track, twin_of(track)][:takes]]


def wait_for_end(run: Run, function: str, subject: str) -> None:
    """Wait until a function has ended a handling: the notifier still deletes the order of a track that is ready."""
    deadline = time.monotonic() + CONVERGENCE_TIMEOUT_SECONDS
    while [function, subject] not in [line[:2] for line in run.records("ends")]:
        assert time.monotonic() < deadline, f"{function} has not ended a handling of {subject}"
        time.sleep(0.3)


def points(run: Run, function: str, subject: str, handlings: Callable[[str], bool]) -> list[Case]:
    """Return the points that a function passed for a subject, in the handlings that ``handlings`` selects.

    A kill for another track may hit the process first, so each case applies to any handling that reaches the point.
    """
    passed = [line[3] for line in run.records("points") if line[:2] == [function, subject] and handlings(line[2])]
    return [Case(function, "*", point) for point in dict.fromkeys(passed)]


def converged(run: Run, cases: list[Case], *usual: dict[str, Any]) -> None:
    """Send one picture for each case, compare the ends, and check that every kill happened.

    ``usual`` is the end of each take of a picture.
    """
    people = visitors(run.addresses, AT_ONCE)

    def go(case: Case, visitor: Visitor) -> str | None:
        track = sent(run, visitor, plan=case, takes=len(usual))
        end = essences(run, visitor.session, track, len(usual))
        if (run.folder / "plans" / f"{case.function}-{track}").exists():
            return NEVER
        return None if end == list(usual) else "\n".join([f"{end}", *run.logged(track)])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        ends = dict(zip(cases, pool.map(go, cases, itertools.cycle(people)), strict=True))
    for case in [case for case, end in ends.items() if end == NEVER]:
        # Another case killed the same process first. Alone, this kill must happen, unless a late delivery about an
        # earlier picture is being handled in the same process.
        for _ in range(3):
            ends[case] = go(case, people[0])
            if ends[case] != NEVER:
                break
    failures = [f"{case}: {end}" for case, end in ends.items() if end]
    assert not failures, "\n".join(failures)


def assert_no_order_stays(run: Run) -> None:
    """Wait until the orders of all jobs of this run are deleted; after a crash the next delivery deletes them."""
    deadline = time.monotonic() + CONVERGENCE_TIMEOUT_SECONDS
    bucket, names = storage_client().bucket(PIPELINE_BUCKET), {order_name(job) for job in run.runner.starts}
    while left := names & {blob.name for blob in bucket.list_blobs(prefix=ORDERS_PREFIX)}:
        assert time.monotonic() < deadline, left
        time.sleep(0.3)


def wait_until_forgotten(run: Run, track: str) -> None:
    """Wait until Vertex AI has neither a job of a track nor metadata of its run."""
    deadline = time.monotonic() + CONVERGENCE_TIMEOUT_SECONDS
    while left := [name for name in run.job_names() if track in name]:
        assert time.monotonic() < deadline, left
        time.sleep(0.3)


# No track waits for the sketcher, so its points are reached late or never here; test_crashed_sketches.py has them.
EVENT_FUNCTIONS = ("captioner", "pipeline_launcher", "result_notifier")


def test_a_crash_in_a_first_delivery_converges(world: World) -> None:
    """At every point of every function: the event is delivered again, and the track ends as usual.

    The captioner's pictures have two takes: each is created, announced and counted once.
    """
    with delivering(world) as run:
        (visitor,) = visitors(run.addresses, 1)
        track = sent(run, visitor, takes=2)
        usual, twin = essences(run, visitor.session, track, 2)
        assert (usual["status"], twin["status"]) == ("ready", "ready")
        wait_for_end(run, "result_notifier", track)
        cases = [
            case for function in EVENT_FUNCTIONS for case in points(run, function, track, lambda number: number == "1")
        ]
        assert {case.function for case in cases} == set(EVENT_FUNCTIONS)
        assert len(cases) >= 18
        settling = [case for case in cases if case.function == "result_notifier"]
        assert any(case.point.startswith("objects.delete") for case in settling)
        converged(run, settling, usual)
        assert_no_order_stays(run)
        captioning = [case for case in cases if case.function == "captioner"]
        # The covers, the commit that creates the second take, and both announcements, each with its mark.
        created = {"objects.create.2", "tracks.advance.4", "captions.announce.2"}
        assert created <= {case.point for case in captioning}
        converged(run, captioning, usual, twin)
        converged(run, [case for case in cases if case not in settling + captioning], usual)
        assert total(firestore.Client(project=PROJECT), f"limits/{datetime.now(UTC).date()}", "tracks") == len(
            tracks_by_id()
        )


def test_a_crash_in_a_second_delivery_converges(world: World) -> None:
    """The second delivery crashes at every point, while the first one is processed or after it."""
    with delivering(world, doubled=1.0) as run:
        (visitor,) = visitors(run.addresses, 1)
        track = sent(run, visitor)
        usual = essence(run, visitor.session, track)
        time.sleep(1)
        # Which points a second delivery passes depends on the first one; these are passed in every case.
        cases = [
            Case(function, "2", point)
            for function, point in (
                ("captioner", "begin.1"),
                ("captioner", "objects.find.1"),
                ("captioner", "tracks.advance.1"),
                ("pipeline_launcher", "begin.1"),
                ("pipeline_launcher", "switch.is_paused.1"),
                ("pipeline_launcher", "tracks.advance.1"),
                ("result_notifier", "begin.1"),
                ("result_notifier", "tracks.find.1"),
            )
        ]
        seen = {
            (case.function, case.point)
            for function in EVENT_FUNCTIONS
            for case in points(run, function, track, lambda number: number == "2")
        }
        assert {(case.function, case.point) for case in cases} <= seen
        converged(run, cases, usual)


@pytest.mark.parametrize("lost", ["storage-events", "captions", "pipeline-events"])
def test_a_crash_while_the_sweeper_replaces_a_lost_event_converges(world: World, lost: str) -> None:
    """The sweeper, or the function that its message wakes, crashes at every point until the function claims the track.

    From the claim on, the function does what it does in a first delivery.
    """
    with delivering(world, lost=lost) as run:
        (visitor,) = visitors(run.addresses, 1)
        track = sent(run, visitor, takes=2)
        usual, twin = essences(run, visitor.session, track, 2)
        # If the messages of both takes are lost, both are announced again.
        assert (usual["status"], twin["status"]) == ("ready", "ready")
        woken = {"storage-events": "captioner", "captions": "pipeline_launcher"}.get(lost)
        cases = points(run, "result_notifier", track, lambda number: number == "sweep")
        assert len(cases) >= 2
        if woken:
            # One message may announce both takes, and names either first.
            first, second = (points(run, woken, each, lambda number: number == "1") for each in (track, twin_of(track)))
            found = first or second
            cases += found[: found.index(Case(woken, "*", "tracks.advance.1")) + 1]
        takes = [usual, twin] if woken == "captioner" else [usual]
        converged(run, cases, *takes)


# The tracks of a group, and what makes them wait until the test announces them together.
GROUP = 2
WAITING = {"BATCH_SECONDS": "600"}


def waiting_group(run: Run, visitor: Visitor) -> tuple[str, ...]:
    """Upload pictures whose tracks wait for a job, and return them when they do."""
    tracks = tuple(sent(run, visitor) for _ in range(GROUP))
    deadline = time.monotonic() + CONVERGENCE_TIMEOUT_SECONDS
    for track in tracks:
        while ["pipeline_launcher", track] not in [line[:2] for line in run.records("ends")]:
            assert time.monotonic() < deadline, document(visitor.session, track)
            time.sleep(0.3)
    return tracks


def announced_group(run: Run, visitor: Visitor, plan: Case | None = None) -> tuple[str, ...]:
    """Announce tracks together, plan a kill for them if ``plan`` says so, and return them."""
    tracks = waiting_group(run, visitor)
    if plan:
        # The first track that a message names is its subject.
        run.plan(plan.function, tracks[0], plan.handling, plan.point)
    message = GatheredMessage(tuple(CaptionMessage(visitor.session, track, 1) for track in tracks))
    publisher = pubsub_v1.PublisherClient()
    publisher.publish(publisher.topic_path(PROJECT, CAPTIONS_TOPIC), message.to_bytes()).result(30)
    return tracks


def essence_of_group(run: Run, session: str, tracks: tuple[str, ...]) -> list[Any]:
    """Return what no crash may change: the final state of each track, in how many jobs it was, and its launches."""
    ends = [at_end(session, track) for track in tracks]
    jobs = [len(run.runner.named[track, 1]) for track in tracks]
    return [*((end["status"], end["error"], *sorted(set(end["timeline"]) - {"composing"})) for end in ends), jobs]


def launches() -> int:
    return sum(part.get("launched") for part in firestore.Client(project=PROJECT).collection("budget").stream())


def test_a_crash_between_claims_orders_and_job_converges(world: World) -> None:
    """At every point of the launch and of the end of a job of two tracks: each is made in one job, counted once."""
    with delivering(world, job_record=5, environ=WAITING) as run:
        people = visitors(run.addresses, AT_ONCE)
        tracks = announced_group(run, people[0])
        usual = essence_of_group(run, people[0].session, tracks)
        assert usual == [*[usual[0]] * GROUP, [1] * GROUP]
        assert usual[0][0] == "ready"
        assert len(run.runner.starts) == 1
        # The second handling is that of the group's message.
        launching = points(run, "pipeline_launcher", tracks[0], lambda number: number == "2")
        passed = [case.point for case in launching]
        assert {f"tracks.advance.{number}" for number in range(1, 2 * GROUP + 1)} <= set(passed)
        order, job = passed.index("objects.create.1"), passed.index("pipelines.create.1")
        assert passed.index(f"tracks.advance.{GROUP}") < order < job < passed.index(f"tracks.advance.{GROUP + 1}")
        settling = points(run, "result_notifier", tracks[0], lambda number: number == "1")

        def go(case: Case, visitor: Visitor) -> str | None:
            group = announced_group(run, visitor, case)
            end = essence_of_group(run, visitor.session, group)
            if (run.folder / "plans" / f"{case.function}-{group[0]}").exists():
                return NEVER
            return None if end == usual else f"{end}"

        cases = launching + settling
        with ThreadPoolExecutor(AT_ONCE) as pool:
            ends = dict(zip(cases, pool.map(go, cases, itertools.cycle(people)), strict=True))
        groups = 1 + len(cases)
        for case in [case for case, end in ends.items() if end == NEVER]:
            ends[case] = go(case, people[0])
            groups += 1
        failures = [f"{case}: {end}" for case, end in ends.items() if end]
        assert not failures, "\n".join(failures)
        assert launches() == GROUP * groups
        assert set(run.runner.starts.values()) == {1}
        assert_no_order_stays(run)


def test_a_crash_while_a_sweep_deletes_a_job_s_record_converges(world: World) -> None:
    """The next sweep deletes what is left, and the track stays as it was."""
    with delivering(world, job_record=1) as run:
        (visitor,) = visitors(run.addresses, 1)
        track = sent(run, visitor)
        assert at_end(visitor.session, track)["status"] == "ready"
        wait_until_forgotten(run, track)
        cases = points(run, "result_notifier", track, lambda number: number == "sweep")
        assert {"tracks.find.1", "pipelines.delete.1", "objects.delete.1"} <= {case.point for case in cases}
        for case in cases:
            track = sent(run, visitor, plan=case)
            assert at_end(visitor.session, track)["status"] == "ready"
            wait_until_forgotten(run, track)
            assert document(visitor.session, track)["status"] == "ready"
            assert not (run.folder / "plans" / f"result_notifier-{track}").exists(), case


def test_a_crash_in_a_command_converges(world: World) -> None:
    """The client gets no answer and repeats the request with the same key; the result is that of one request."""
    with delivering(world, jobs=JobFaults(seconds=0.3)) as run:
        (visitor,) = visitors(run.addresses, 1)
        usual = essence(run, visitor.session, sent(run, visitor, key := new_key()))
        announced = points(run, "upload_handler", key, lambda number: number == "1")
        assert len(announced) >= 4
        for case in announced:
            key = new_key()
            run.plan("upload_handler", key, case.handling, case.point)
            track = sent(run, visitor, key)
            assert essence(run, visitor.session, track) == usual, case
        source = track
        tracks = _tracks(visitor.session)
        key, wish = new_key(), {"title": "Again", "seed": 5}
        made = visitor.command(source, "again", key, wish).json()["track"]
        usual = essence(run, visitor.session, made)
        again = points(run, "upload_handler", key, lambda number: number == "1")
        assert len(again) >= 8
        for case in again:
            key = new_key()
            run.plan("upload_handler", key, case.handling, case.point)
            made = visitor.command(source, "again", key, wish).json()["track"]
            assert essence(run, visitor.session, made) == usual, case
        # Each key makes one track, and a crash makes none.
        assert len(tracks) + 1 + len(again) == len(_tracks(visitor.session))
        _exports_converge(run, visitor, source)
        _erasures_converge(run, visitor, source)


# The writes of a request for an export, and those of its source's erasure that an erasure without exports lacks.
EXPORT_WRITES = ("ledger.enter", "objects.create", "tracks.create", "tracks.advance", "captions.announce")
EXPORTED_ERASURE = ("tracks.exports_of.1", "tracks.erase.1", "ledger.of_source.1", "tracks.exports_of.2")


def _exports_converge(run: Run, visitor: Visitor, source: str) -> None:
    """Each request makes one export, which counts once, is a file of its own, and is gone with its source."""
    kinds = ("stems", "loop")

    def sources(number: int) -> list[str]:
        made = [visitor.command(source, "again", body={"seed": seed}).json()["track"] for seed in range(number)]
        assert [at_end(visitor.session, each)["status"] for each in made] == ["ready"] * number
        return made

    (first,) = sources(1)
    key, before = new_key(), launches()
    export = visitor.command(first, "stems", key).json()["track"]
    usual = essence(run, visitor.session, export)
    assert usual["status"] == "ready"
    passed = points(run, "upload_handler", key, lambda number: number == "1")
    cases = [case for case in passed if case.point.startswith(EXPORT_WRITES)]
    assert {case.point.rpartition(".")[0] for case in cases} == set(EXPORT_WRITES)
    exports: dict[str, list[str]] = {each: [] for each in sources(-(-len(cases) // len(kinds)))}
    for case, (each, kind) in zip(cases, itertools.product(exports, kinds), strict=False):
        key = new_key()
        plan = run.plan("upload_handler", key, case.handling, case.point)
        made = visitor.command(each, kind, key).json()["track"]
        assert not plan.exists(), case
        # Another key, and the same export.
        assert visitor.command(each, kind).json()["track"] == made, case
        exports[each].append(made)
    for each, tracks in exports.items():
        for made, kind in zip(tracks, kinds, strict=False):
            same = {name: value for name, value in essence(run, visitor.session, made).items() if name != "music"}
            assert same | {"music": usual["music"]} == usual
            found = document(visitor.session, made)
            assert found["music"]["url"].endswith({"stems": "/stems.zip", "loop": "/loop.wav"}[kind])
            assert found["request"]["seed"] == document(visitor.session, each)["request"]["seed"]
    assert launches() == before + 1 + len(exports) + len(cases)
    path, token = _path(visitor, first), _token(export)
    _erased(visitor, first)
    assert _left(visitor, export, token) == []
    passed = points(run, "upload_handler", _subject(path), lambda number: number == "1")
    assert set(EXPORTED_ERASURE) <= {case.point for case in passed}
    for point, (each, tracks) in zip(EXPORTED_ERASURE, exports.items(), strict=True):
        tokens = {track: _token(track) for track in (each, *tracks)}
        plan = run.plan("upload_handler", _subject(_path(visitor, each)), "*", point)
        _erased(visitor, each)
        assert not plan.exists(), point
        assert [left for track, token in tokens.items() for left in _left(visitor, track, token)] == [], point


def _left(visitor: Visitor, track: str, token: str) -> list[str]:
    """Return what is left of an erased track."""
    found = [blob.name for blob in storage_client().list_blobs(RESULTS_BUCKET, prefix=token)]
    found += [blob.name for blob in storage_client().list_blobs(PIPELINE_BUCKET, prefix=track_orders_prefix(track))]
    is_private = firestore.Client(project=PROJECT).document("work", track).get().exists
    return found + [track] * (is_private or document(visitor.session, track) != {})


def _path(visitor: Visitor, track: str) -> str:
    return f"/v1/sessions/{visitor.session}/tracks/{track}"


def _subject(path: str) -> str:
    return path.replace("/", "_")


def _token(track: str) -> str:
    return str(firestore.Client(project=PROJECT).document("work", track).get().get("token"))


def _erased(visitor: Visitor, track: str) -> None:
    """Erase a track; repeat the request as long as it gets no answer."""
    headers = {"Authorization": f"Bearer {visitor.secret}"}
    for _ in range(30):
        try:
            if requests.delete(visitor.api + _path(visitor, track), headers=headers, timeout=60).status_code == 204:
                return
        except requests.ConnectionError:
            time.sleep(0.2)


def _erasures_converge(run: Run, visitor: Visitor, source: str) -> None:
    def take() -> tuple[str, str]:
        made = str(visitor.command(source, "again", body={"seed": random.randrange(99)}).json()["track"])
        assert at_end(visitor.session, made)["status"] == "ready"
        return made, _token(made)

    def erased(track: str, token: str) -> None:
        _erased(visitor, track)
        assert _left(visitor, track, token) == []
        # A job that had not ended is deleted by the message about its end.
        wait_until_forgotten(run, track)

    def subject(track: str) -> str:
        return _subject(_path(visitor, track))

    track, token = take()
    erased(track, token)
    cases = points(run, "upload_handler", subject(track), lambda number: number == "1")
    assert len(cases) >= 8
    for case in cases:
        track, token = take()
        plan = run.plan("upload_handler", subject(track), case.handling, case.point)
        erased(track, token)
        assert not plan.exists(), case


def _tracks(session: str) -> list[str]:
    found = firestore.Client(project=PROJECT).collection("sessions", session, "tracks").list_documents()
    return [each.id for each in found]
