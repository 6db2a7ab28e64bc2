from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from admitting import Entry
from command_requests import CommandRequest
from problems import UnknownSessionError, UnknownTrackError

from musicgenerator import ids
from musicgenerator.errors import LaunchUnavailableError, MoreToEraseError
from musicgenerator.jobs import JobFacts, JobState, job_labels
from musicgenerator.orders import order_name
from musicgenerator.states import FINAL, Status
from tests.contracts.recorded import JOB, PIPELINE_BUCKET, SESSION, TOKEN, TRACK, recorded
from tests.functions.commands_scene import IMAGES, KEY, OTHER, OTHER_SECRET, RESULTS, SECRET, Scene, failed
from tests.support.fakes import HOME


def test_a_deleted_track_leaves_nothing() -> None:
    """Every generation of its picture, its folder and its documents are deleted; other objects stay."""
    scene = Scene()
    scene.buckets.put(IMAGES, f"uploads/{TRACK}", b"older", 6)
    scene.buckets.put(IMAGES, "uploads/another")
    scene.buckets.put(IMAGES, f"uploads/{TRACK}.jpg", b"dropped beside it")
    scene.buckets.put(RESULTS, f"{TOKEN}/music.mp3")
    scene.buckets.put(RESULTS, "another/music.mp3")
    scene.erase_track()
    assert not scene.tracks.documents
    assert not scene.tracks.works
    assert sorted(scene.buckets.objects) == [
        (IMAGES, "uploads/another", 1),
        (IMAGES, f"uploads/{TRACK}.jpg", 1),
        (RESULTS, "another/music.mp3", 1),
    ]


@pytest.mark.parametrize("status", [Status.CAPTIONED, Status.LAUNCHING, Status.COMPOSING])
def test_a_running_track_is_cancelled_before_it_is_deleted(status: Status) -> None:
    """First the track is cancelled, so that the launcher sees it, then the job."""
    scene = Scene(status=status)
    scene.erase_track()
    assert scene.tracks.steps == [(TRACK, Status.CANCELLED)]
    assert scene.jobs.cancelled == [JOB]
    assert not scene.tracks.documents


def orders(scene: Scene) -> list[str]:
    """Put the orders of two attempts, and of another track, into the pipeline's bucket and return their names."""
    names = [order_name(job) for job in (JOB, JOB.replace("-1", "-2"), f"mg-t{'a' * 26}-1")]
    for name in names:
        scene.buckets.put(PIPELINE_BUCKET, name)
    return names


@pytest.mark.parametrize("status", list(Status))
def test_a_deleted_track_leaves_no_order(status: Status) -> None:
    """No job of any attempt can write any more; another track's order stays."""
    scene = Scene(status=status)
    *_, others = orders(scene)
    scene.erase_track()
    assert scene.buckets.names(PIPELINE_BUCKET) == [others]


@pytest.mark.parametrize("status", [Status.LAUNCHING, Status.COMPOSING, Status.CANCELLED])
def test_the_order_of_a_job_that_may_still_write_stays(status: Status) -> None:
    """The notifier needs it when the job has ended; the deletion is repeated after that, or not needed."""
    scene = Scene(status=status)
    scene.jobs.jobs[JOB] = JobFacts(JobState.UNDER_WAY, job_labels([(TRACK, 1)]))
    names = orders(scene)
    scene.erase_track()
    assert scene.buckets.names(PIPELINE_BUCKET) == sorted(names)
    assert scene.buckets.names(RESULTS) == []


def test_a_deletion_that_another_one_overtook_leaves_the_order_to_it() -> None:
    """The other one has cancelled the job and knows whether it may still write."""
    scene = Scene(status=Status.COMPOSING)
    names = orders(scene)
    scene.tracks.meanwhile.append(lambda: scene.tracks.erase(SESSION, TRACK))
    scene.erase_track()
    assert scene.buckets.names(PIPELINE_BUCKET) == sorted(names)


@pytest.mark.parametrize("status", sorted({*FINAL} - {Status.CANCELLED}))
def test_a_deleted_track_leaves_no_job(status: Status) -> None:
    """The records of all its attempts are deleted, in every region in which an earlier one may have run."""
    scene = Scene(status=status, fields={"attempt": 2}, regions=(HOME, "europe-west4"))
    scene.tracks.documents[TRACK]["brief"] = recorded("track_ready")["brief"]
    second = JOB.replace("-1", "-2")
    keys = {JOB: 1, f"europe-west4/{JOB}": 1, second: 2}
    scene.jobs.jobs = {key: JobFacts(JobState.FAILED, job_labels([(TRACK, attempt)])) for key, attempt in keys.items()}
    scene.erase_track()
    assert scene.jobs.jobs == {}
    assert sorted(scene.jobs.deleted) == sorted(keys)


def test_a_track_that_was_never_described_has_no_job() -> None:
    """Vertex AI is not asked: an outage there does not keep a picture from its deletion."""
    scene = Scene(status=Status.CAPTIONING, fields={"brief": None})
    scene.jobs.silent.add(HOME)
    scene.erase_track()
    assert scene.jobs.deleted == []


def test_a_deletion_that_vertex_ai_does_not_answer_is_repeated() -> None:
    """Picture, results and orders are gone at once; the documents stay, because only they name the jobs."""
    scene = Scene()
    scene.jobs.jobs[JOB] = JobFacts(JobState.SUCCEEDED, job_labels([(TRACK, 1)]))
    orders(scene)
    scene.tracks.works[TRACK] = replace(scene.tracks.works[TRACK], region=HOME)
    scene.jobs.silent.add(HOME)
    with pytest.raises(LaunchUnavailableError):
        scene.erase_track()
    assert scene.buckets.names(IMAGES) == scene.buckets.names(RESULTS) == []
    scene.jobs.silent.clear()
    scene.erase_track()
    assert (scene.jobs.jobs, scene.tracks.documents) == ({}, {})


@pytest.mark.parametrize("status", [Status.COMPOSING, Status.CANCELLED, Status.READY])
def test_a_job_that_has_not_ended_keeps_its_record(status: Status) -> None:
    """The notifier finds the order by it, and deletes both when the job has ended."""
    scene = Scene(status=status)
    scene.jobs.jobs[JOB] = JobFacts(JobState.UNDER_WAY, job_labels([(TRACK, 1)]))
    scene.erase_track()
    assert list(scene.jobs.jobs) == [JOB]
    assert not scene.tracks.documents


@pytest.mark.parametrize("status", [Status.COMPOSING, Status.READY])
def test_a_job_that_ends_during_the_deletion_leaves_nothing(status: Status) -> None:
    """The message about its end may still have found the track; so the deletion itself looks once more."""
    scene = Scene(status=status)
    scene.jobs.jobs[JOB] = JobFacts(JobState.UNDER_WAY, job_labels([(TRACK, 1)]))
    *_, others = orders(scene)

    def ended() -> None:
        scene.buckets.put(RESULTS, f"{TOKEN}/music.mp3")
        scene.jobs.jobs[JOB] = JobFacts(JobState.CANCELLED, job_labels([(TRACK, 1)]))

    scene.tracks.erased = ended
    scene.erase_track()
    assert scene.jobs.jobs == {}
    assert scene.buckets.names(PIPELINE_BUCKET) == [others]
    assert scene.buckets.names(RESULTS) == []


def test_deleting_twice_is_deleting_once() -> None:
    """The second time there is nothing left to do."""
    scene = Scene()
    for _ in range(2):
        scene.erase_track()
    for _ in range(2):
        scene.erase_session()
    assert not scene.tracks.documents
    assert list(scene.sessions.sessions) == [OTHER]


@pytest.mark.parametrize("old_name", ["", "beach.jpg"])
def test_a_dropped_picture_is_deleted_but_not_what_was_dropped_there_later(old_name: str) -> None:
    """The person chose its name, so only its own generation is deleted; older tracks have the name themselves."""
    image = recorded("track_ready")["image"] | {"object": old_name, "generation": 3}
    scene = Scene(fields={"image": image})
    scene.tracks.works[TRACK] = replace(scene.tracks.works[TRACK], dropped_object="" if old_name else "beach.jpg")
    scene.buckets.put(IMAGES, "beach.jpg", b"mine", 3)
    scene.buckets.put(IMAGES, "beach.jpg", b"another's", 4)
    scene.erase_track()
    assert sorted(scene.buckets.objects) == [(IMAGES, "beach.jpg", 4)]


def test_another_session_s_track_is_not_deleted() -> None:
    """Another session gets 404, and a wrong secret 401."""
    scene = Scene()
    with pytest.raises(UnknownTrackError):
        scene.erase_track(OTHER, OTHER_SECRET)
    for deletion in (scene.erase_track, scene.erase_session):
        with pytest.raises(UnknownSessionError):
            deletion(SESSION, OTHER_SECRET)
    assert scene.document == recorded("track_ready")
    assert len(scene.buckets.objects) == 3


def test_a_repeated_request_does_not_create_a_deleted_track_again() -> None:
    """The error says that the track was deleted."""
    scene = Scene()
    track = scene.command("again", key=KEY).track
    scene.erase_track(track=track)
    with pytest.raises(UnknownTrackError):
        scene.command("again", key=KEY)
    assert not scene.other_tracks()


def test_a_deleted_session_leaves_nothing() -> None:
    """Its tracks with all objects, its entries and its document are deleted; the other session keeps everything."""
    scene = Scene()
    scene.command("again", {"title": "밤"}, KEY)
    scene.command("cancel", key=KEY)
    mine = scene.api.uploads.announce_track(CommandRequest(SESSION, SECRET, "", {"contentType": "image/png"}, None))
    theirs = scene.api.uploads.announce_track(
        CommandRequest(OTHER, OTHER_SECRET, "", {"contentType": "image/png"}, None)
    )
    scene.buckets.put(IMAGES, f"uploads/{mine.track}")
    scene.erase_session()
    assert list(scene.tracks.documents) == list(scene.tracks.works) == [theirs.track]
    assert list(scene.sessions.sessions) == [entry.session for entry in scene.ledger.entries.values()] == [OTHER]
    assert not scene.buckets.objects


def test_a_session_s_deletion_finds_the_cover_of_a_crashed_request() -> None:
    """The request crashed after the copy: no track names the folder, but its ledger entry does."""
    scene = Scene()
    entry = {"track": ids.new_track_id(), "token": "r" + "b" * 26}
    scene.ledger.enter(_entry(entry), ())
    scene.buckets.put(RESULTS, f"{entry['token']}/cover.jpg")
    scene.erase_session()
    assert not scene.buckets.objects


def test_a_session_whose_deletion_failed_accepts_no_command() -> None:
    """An outage interrupts the deletion; the session is closed, and its secret can still delete it."""
    scene = Scene(status=Status.COMPOSING)
    scene.buckets.meanwhile.append(_outage)
    with pytest.raises(ConnectionError):
        scene.erase_session()
    with pytest.raises(UnknownSessionError):
        scene.command("again")
    scene.erase_session()
    assert not scene.tracks.documents
    assert not scene.buckets.objects


def test_an_expired_session_can_still_be_deleted() -> None:
    """The person can still delete everything."""
    scene = Scene()
    expired = replace(scene.sessions.sessions[SESSION], expires_at=datetime.now(UTC) - timedelta(days=1))
    scene.sessions.sessions[SESSION] = expired
    scene.erase_track()
    scene.erase_session()
    assert not scene.tracks.documents


def test_again_in_a_session_that_is_deleted_meanwhile_leaves_nothing() -> None:
    """The deletion has listed tracks and entries before the request writes its own."""
    scene = Scene()
    scene.ledger.meanwhile.append(scene.erase_session)
    with pytest.raises(UnknownSessionError):
        scene.command("again", key=KEY)
    assert not scene.tracks.documents
    assert not scene.ledger.entries
    assert not scene.buckets.objects
    assert not scene.captions.heard


COMMANDS: dict[str, tuple[str, dict[str, Any]]] = {
    "announce": ("/tracks", {"contentType": "image/jpeg"}),
    "move": (":move", {"sealed": "c2VhbGVk" * 16}),
    "again": (f"/tracks/{TRACK}:again", {}),
    "cancel": (f"/tracks/{TRACK}:cancel", {}),
    "retry": (f"/tracks/{TRACK}:retry", {}),
    "like": (f"/tracks/{TRACK}:like", {"liked": True}),
    "mark": (f"/tracks/{TRACK}:mark", {"sha256": "0" * 64}),
    "stems": (f"/tracks/{TRACK}:stems", {}),
    "loop": (f"/tracks/{TRACK}:loop", {}),
}


@pytest.mark.parametrize("key", [KEY, None], ids=["key", "no key"])
@pytest.mark.parametrize("erase", [True, False], ids=["erased", "ended"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_request_under_way_leaves_no_entry_in_a_deleted_session(name: str, erase: bool, key: str | None) -> None:
    """The deletion begins, or ends, between the check of the secret and any of the request's entries."""
    path, body = COMMANDS[name]
    headers = {"Authorization": f"Bearer {SECRET}", "X-Forwarded-For": "203.0.113.9"}
    headers |= {"Idempotency-Key": key} if key else {}
    for entered in range(9):
        scene = failed() if name == "retry" else Scene()
        end = scene.erase_session if erase else partial(scene.sessions.end, SESSION)
        scene.ledger.meanwhile = [*entered * [lambda: None], end]
        answer = scene.ask("POST", f"/v1/sessions/{SESSION}{path}", headers=headers, json=body)
        if scene.ledger.meanwhile:
            # The command has no more entries than that.
            break
        assert answer.status_code == 401
        assert len(scene.ledger.entries) == (0 if erase else entered)
    assert entered == {("stems", True): 2, ("loop", True): 2, ("retry", True): 2, ("cancel", False): 0}.get(
        (name, key is not None), 1
    )


def test_a_large_session_is_deleted_in_several_requests() -> None:
    """Each request has a time limit; the session keeps its secret, and the next request continues."""
    scene = Scene()
    for _ in range(20):
        scene.command("again")
    scene.erase_budget_seconds = -1.0
    with pytest.raises(MoreToEraseError):
        scene.erase_session()
    assert len(scene.tracks.documents) == 21
    with pytest.raises(UnknownSessionError):
        scene.command("again")
    scene.erase_budget_seconds = 40.0
    scene.erase_session()
    assert not scene.tracks.documents
    assert not scene.buckets.objects


def _entry(details: dict[str, str]) -> Entry:
    return Entry("name", SESSION, "fingerprint", details, datetime.now(UTC))


def _outage() -> None:
    raise ConnectionError("reset")
