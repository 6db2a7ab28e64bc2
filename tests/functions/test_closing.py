"""The end of a job of several tracks: what it settles, what it deletes, and how often Vertex AI is asked."""

import json
import threading
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from musicgenerator import ids
from musicgenerator.errors import LaunchBlockedError, RegionBusyError
from musicgenerator.jobs import JobFacts, JobState
from musicgenerator.messages import step_message
from musicgenerator.order_book import OrderBook
from musicgenerator.orders import order_name
from musicgenerator.results import MUSIC, failure_name
from tests.contracts.recorded import PIPELINE_BUCKET, SESSION
from tests.functions.runs_scene import AWAY, A, B, C, World, attempt, gathered, shared, token
from tests.functions.test_runs import LostError, lose, world
from tests.support.fakes import HOME, MemoryRegions
from tests.support.functions import ENVIRON

JOB = shared(A, B, C)


def running(*tracks: str) -> World:
    """Return a world with a job of these tracks that runs."""
    scene = world(*tracks)
    scene.launcher.launch(gathered(*tracks))
    return scene


def music(scene: World, *tracks: str) -> None:
    """Write the results of these tracks."""
    folders = [scene.notifier.settings.results.folder(token(track)) for track in tracks]
    for folder in folders:
        scene.buckets.put(folder.bucket, folder.name(MUSIC))


def fail(scene: World, track: str, number: int = 1) -> None:
    """Write that the step could not make a track."""
    folder = scene.notifier.settings.results.folder(token(track))
    scene.buckets.put(folder.bucket, folder.name(failure_name(number)), b"TakeError")


def statuses(scene: World, *tracks: str) -> list[str]:
    return [scene.status(track) for track in tracks]


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (JobState.SUCCEEDED, "music_missing"),
        (JobState.FAILED, "pipeline_failed"),
        (JobState.CANCELLED, "pipeline_cancelled"),
    ],
)
def test_the_end_of_a_job_settles_each_track_by_what_it_wrote(state: JobState, code: str) -> None:
    """One has music, one has a failure, one has neither; Vertex AI is asked once."""
    scene = running(A, B, C)
    music(scene, A)
    fail(scene, B)
    scene.end(JOB, state)
    codes = [(scene.tracks.documents[track]["error"] or {}).get("code") for track in (A, B, C)]
    assert codes == [None, "pipeline_failed", code]
    assert statuses(scene, A, B, C)[:2] == ["ready", "failed"]
    assert len(scene.pipelines.asked) == 1
    assert not scene.buckets.names(PIPELINE_BUCKET)
    assert list(scene.pipelines.jobs) == [JOB]


def test_the_truth_about_a_track_of_a_job_that_is_still_going() -> None:
    """Its own message settles it, while the others and the orders stay."""
    scene = running(A, B, C)
    music(scene, A)
    fail(scene, B)
    for track in (A, B, C):
        scene.hear(step_message(JOB, track, 1))
    scene.hear(json.dumps({"pipelineJobId": JOB}).encode())
    assert statuses(scene, A, B, C) == ["ready", "failed", "composing"]
    assert list(scene.ordered(JOB)) == [A, B, C]
    assert scene.tracks.documents[B]["error"]["code"] == "pipeline_failed"


def test_a_failure_of_an_earlier_attempt_is_not_this_one_s() -> None:
    """Its file names the attempt."""
    scene = running(A, B)
    fail(scene, A, 2)
    scene.hear(step_message(shared(A, B), A, 1))
    assert scene.status(A) == "composing"


def test_a_job_settles_only_the_tracks_that_are_claimed_for_it() -> None:
    """One has moved to another job, one is another job's from the start; the job names both in its messages."""
    scene = running(A, B)
    scene.wait(C)
    scene.launcher.launch(attempt(C))
    scene.tracks.works[B] = replace(scene.tracks.works[B], job=ids.pipeline_job_id(B, 1))
    for track in (B, C):
        scene.hear(step_message(shared(A, B), track, 1))
    scene.end(shared(A, B), JobState.FAILED)
    assert statuses(scene, A, B, C) == ["failed", "composing", "composing"]


def test_a_track_that_moves_while_its_old_job_settles_it_stays() -> None:
    """The move comes between the notifier's look and its write."""
    scene = running(A, B)
    moved = replace(scene.tracks.works[B], job=ids.pipeline_job_id(B, 1))
    fail(scene, B)
    scene.tracks.meanwhile.append(lambda: scene.tracks.hold(scene.tracks.documents[B], SESSION, B, moved))
    scene.hear(step_message(shared(A, B), B, 1))
    assert scene.status(B) == "composing"


def left_out(state: JobState) -> World:
    """Return a world in which a job has ended whose orders lack B, which is claimed for it."""
    scene = world(A, B)
    scene.tracks.meanwhile += [lambda: None, lose]
    with pytest.raises(LostError):
        scene.launcher.launch(gathered(A, B))
    scene.launcher.launch(attempt(A))
    scene.tracks.meanwhile += [lambda: None, lose]
    with pytest.raises(LostError):
        scene.launcher.launch(gathered(A, B))
    assert (scene.status(B), scene.tracks.works[B].job) == ("launching", shared(A, B))
    music(scene, A)
    scene.end(shared(A, B), state)
    return scene


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED])
def test_the_end_of_a_job_does_not_end_a_track_that_it_did_not_make(state: JobState) -> None:
    """The next sweep announces it, and it is launched in a job of its own."""
    scene = left_out(state)
    own = ids.pipeline_job_id(B, 1)
    assert (statuses(scene, A, B), scene.tracks.works[B].job) == (["ready", "launching"], own)
    due = scene.tracks.dues[B]
    assert due
    assert due <= datetime.now(UTC)
    scene.launcher.launch(attempt(B))
    assert (scene.status(B), list(scene.ordered(own))) == ("composing", [B])
    assert scene.tracks.launches == Counter([A, B])


def test_orders_that_a_job_has_never_read_settle_nothing() -> None:
    """A slow launcher wrote them after the end: its track is launched alone, and they are deleted."""
    scene = running(A, B)
    music(scene, A, B)
    scene.end(shared(A, B))
    scene.wait(C)
    scene.tracks.works[C] = replace(scene.tracks.works[C], job=shared(A, B), region=HOME)
    scene.tracks.documents[C] |= {"status": "launching"}
    found = scene.tracks.find(C)
    assert found
    order = scene.launcher.creator._order(*found)  # noqa: SLF001  what the slow launcher wrote
    scene.book.write(shared(A, B), [order])
    scene.hear(json.dumps({"pipelineJobId": shared(A, B)}).encode())
    assert (scene.status(C), scene.tracks.works[C].job) == ("launching", ids.pipeline_job_id(C, 1))
    assert scene.ordered(shared(A, B)) == {}


def test_a_forged_message_does_not_end_a_track_that_is_still_launched() -> None:
    """Only the orders say whether the job makes it."""
    scene = running(A, B)
    scene.tracks.documents[B] |= {"status": "launching"}
    scene.pipelines.jobs[shared(A, B)] = replace(scene.pipelines.jobs[shared(A, B)], state=JobState.FAILED)
    scene.hear(step_message(shared(A, B), B, 1))
    assert scene.status(B) == "launching"


def test_a_cancelled_track_s_order_has_no_brief_and_its_job_goes_on() -> None:
    """It is settled by nothing any more; the last cancellation cancels the job."""
    scene = running(A, B)
    scene.cancel(B)
    held = json.loads(scene.buckets.read(PIPELINE_BUCKET, f"orders/{shared(A, B)}.json") or b"")
    assert ["brief" in order for order in held] == [True, False]
    assert scene.pipelines.cancelled == []
    scene.cancel(A)
    assert scene.pipelines.cancelled == [shared(A, B)]
    scene.end(shared(A, B), JobState.CANCELLED)
    assert statuses(scene, A, B) == ["cancelled", "cancelled"]
    assert not scene.buckets.names(PIPELINE_BUCKET)


def test_an_erased_track_s_folder_is_erased_again_at_the_end() -> None:
    """The job may have been writing; the other track keeps its results, and the record stays for it."""
    scene = running(A, B)
    scene.erase(B)
    music(scene, A, B)
    scene.end(shared(A, B))
    assert statuses(scene, A, B) == ["ready", "gone"]
    assert scene.buckets.names("musicgenerator-results") == [f"{token(A)}/{MUSIC}"]
    assert not scene.buckets.names(PIPELINE_BUCKET)
    assert list(scene.pipelines.jobs) == [shared(A, B)]
    scene.erase(A)
    assert (scene.pipelines.jobs, scene.buckets.objects) == ({}, {})


def test_what_a_job_writes_for_an_erased_track_is_erased_with_its_message() -> None:
    """The job goes on for the other track."""
    scene = running(A, B)
    scene.erase(B)
    music(scene, A, B)
    scene.hear(step_message(shared(A, B), B, 1))
    assert scene.buckets.names("musicgenerator-results") == [f"{token(A)}/{MUSIC}"]


def test_of_a_job_whose_tracks_are_all_erased_nothing_stays() -> None:
    """It is cancelled; at its end folders, orders and record are deleted."""
    scene = running(A, B)
    scene.erase(A)
    scene.erase(B)
    assert scene.pipelines.cancelled.count(shared(A, B)) > 0
    music(scene, A, B)
    assert list(scene.ordered(shared(A, B))) == [A, B]
    scene.end(shared(A, B), JobState.CANCELLED)
    assert (scene.pipelines.jobs, scene.buckets.objects) == ({}, {})


def test_orders_whose_job_was_never_created_go_with_their_last_track() -> None:
    """No end of a job would delete them."""
    scene = world(A, B)
    scene.pipelines.meanwhile = lose
    with pytest.raises(LostError):
        scene.launcher.launch(gathered(A, B))
    scene.erase(A)
    assert scene.ordered(shared(A, B)) == {A: False, B: True}
    scene.erase(B)
    assert not scene.buckets.objects


def test_an_erasure_keeps_the_music_of_a_track_that_went_on() -> None:
    """It failed in the shared job, was taken out of it by its retry, and became music in another job."""
    scene = running(A, B)
    scene.book.call_off(shared(A, B), A)
    scene.tracks.works[A] = replace(scene.tracks.works[A], job="mg-" + A + "-2", earlier_jobs=(shared(A, B),))
    scene.tracks.documents[A] |= {"status": "ready", "attempt": 2}
    music(scene, A)
    scene.pipelines.jobs.clear()
    scene.erase(B)
    assert scene.buckets.names("musicgenerator-results") == [f"{token(A)}/{MUSIC}"]


def test_a_job_in_another_region_is_found_after_its_tracks_are_gone() -> None:
    """No track names its region any more."""
    scene = world(
        A,
        B,
        environ=ENVIRON | {"REGIONS": AWAY},
        regions=MemoryRegions({HOME: datetime.max.replace(tzinfo=UTC) - timedelta(days=400)}),
    )
    scene.launcher.launch(gathered(A, B))
    job = shared(A, B, region=AWAY)
    scene.erase(A)
    scene.erase(B)
    scene.end(f"{AWAY}/{job}", JobState.CANCELLED)
    assert (scene.pipelines.jobs, scene.buckets.objects) == ({}, {})


def test_a_sweep_asks_once_about_all_tracks_of_a_job() -> None:
    """Its messages were lost: each track is settled by its results."""
    scene = running(A, B, C)
    music(scene, A, B)
    scene.lost.add(JOB)
    scene.end(JOB)
    scene.pipelines.asked.clear()
    scene.sweep()
    assert statuses(scene, A, B, C) == ["ready", "ready", "failed"]
    assert len(scene.pipelines.asked) == 1


def test_the_overdue_tracks_of_a_job_that_was_deleted_end() -> None:
    """Nothing else would end them."""
    scene = running(A, B, C)
    music(scene, A)
    scene.pipelines.jobs.clear()
    scene.sweep()
    assert statuses(scene, A, B, C) == ["ready", "failed", "failed"]
    assert scene.tracks.documents[B]["error"]["code"] == "pipeline_failed"


def test_tracks_wait_parked_while_vertex_refuses_the_project() -> None:
    """The message is acknowledged, unless a track is gone, for which nobody else asks."""
    scene = running(A, B)
    facts = scene.pipelines.facts

    def refuse(job: str, region: str) -> JobFacts | None:
        raise LaunchBlockedError(f"403 {job} in {region}")

    scene.pipelines.facts = refuse  # type: ignore[method-assign]
    scene.end(shared(A, B))
    assert [scene.tracks.works[track].parked for track in (A, B)] == [True, True]
    scene.erase(B)
    with pytest.raises(LaunchBlockedError):
        scene.end(shared(A, B))
    scene.pipelines.facts = facts  # type: ignore[method-assign]
    music(scene, A)
    scene.sweep()
    assert (scene.status(A), scene.tracks.works[A].parked) == ("ready", False)


def test_each_shared_job_is_forgotten_once() -> None:
    """However many tracks it had and whenever they became due; Vertex AI is asked for no facts."""
    scene = World()
    groups = [["t" + letter * 20 + other * 6 for other in "abcdefgh"] for letter in "abcd"]
    for tracks in groups:
        scene.wait(*tracks)
        scene.launcher.launch(gathered(*tracks))
    scene.run_jobs()
    scene.pipelines.asked.clear()
    late = {tracks[-1] for tracks in groups}
    later = datetime.now(UTC) + timedelta(hours=1)
    before = datetime.now(UTC) - timedelta(hours=1)
    scene.tracks.forgets = {track: later if track in late else before for track in scene.tracks.works}
    for _ in range(2):
        scene.sweeper.sweep()
    assert sorted(scene.pipelines.deleted) == sorted(shared(*tracks) for tracks in groups)
    assert (scene.pipelines.asked, scene.pipelines.jobs) == ([], {})
    assert set(scene.tracks.forgets.values()) == {None}


def test_a_job_whose_end_nobody_heard_of_is_closed_before_it_is_forgotten() -> None:
    """Its orders would stay, and an erased track's folder."""
    scene = running(A, B)
    job = shared(A, B)
    scene.lost.add(job)
    scene.erase(B)
    music(scene, A, B)
    scene.hear(step_message(job, A, 1))
    scene.end(job)
    assert scene.ordered(job) == {A: True, B: False}
    scene.forget()
    assert scene.buckets.names(PIPELINE_BUCKET) == []
    assert scene.buckets.names("musicgenerator-results") == [f"{token(A)}/{MUSIC}"]


def test_a_job_that_runs_is_not_forgotten() -> None:
    """One of its tracks has its music already; the record is deleted later."""
    scene = running(A, B)
    music(scene, A)
    scene.hear(step_message(shared(A, B), A, 1))
    scene.forget()
    due = scene.tracks.forgets[A]
    assert due
    assert due > datetime.now(UTC)
    assert (list(scene.pipelines.jobs), list(scene.ordered(shared(A, B)))) == ([shared(A, B)], [A, B])


def test_the_shared_job_of_an_earlier_attempt_is_forgotten_too() -> None:
    """The retry keeps its id, and asks every region, because only the current attempt's is stored."""
    scene = running(A, B)
    fail(scene, A)
    music(scene, B)
    scene.end(shared(A, B))
    scene.tracks.works[A] = replace(
        scene.tracks.works[A], job="", earlier_jobs=(shared(A, B),), published=True, parked=False
    )
    scene.tracks.documents[A] |= {"status": "captioned", "attempt": 2, "error": None}
    scene.tracks.forgets[B] = None
    scene.forget()
    assert scene.pipelines.jobs == {}


def test_orders_are_deleted_last() -> None:
    """A crash before that lets the next delivery find them, and settle the tracks that are left."""
    scene = running(A, B)
    music(scene, A, B)
    scene.tracks.meanwhile += [lambda: None, lose]
    with pytest.raises(LostError):
        scene.end(shared(A, B))
    assert list(OrderBook(scene.buckets, PIPELINE_BUCKET).read(shared(A, B)) or ()) != []
    scene.end(shared(A, B))
    assert (statuses(scene, A, B), scene.ordered(shared(A, B))) == (["ready", "ready"], {})


def test_an_erasure_that_ends_while_its_job_is_closed_leaves_no_file() -> None:
    """The closing has seen the track, and the erasure the orders."""
    scene = running(A, B)
    erase, delete = scene.tracks.erase, scene.buckets.delete
    closing, erased = threading.Event(), threading.Event()
    closer = threading.Thread(target=lambda: scene.end(shared(A, B)))

    def erase_late(session: str, track: str) -> None:
        # The job writes its last file and ends before the track's documents are gone.
        music(scene, A)
        closer.start()
        assert closing.wait(10)
        erase(session, track)

    def delete_late(bucket: str, name: str, generation: int | None = None) -> None:
        if name == order_name(shared(A, B)) and threading.current_thread() is closer:
            closing.set()
            assert erased.wait(10)
        delete(bucket, name, generation)

    scene.tracks.erase, scene.buckets.delete = erase_late, delete_late  # type: ignore[method-assign]
    scene.erase(A)
    erased.set()
    closer.join()
    assert scene.buckets.names("musicgenerator-results") == []


def test_orders_that_another_track_waits_for_are_not_forgotten() -> None:
    """One of two tracks was cancelled long ago, and the region has refused their job since."""
    scene = world(A, B)
    scene.pipelines.failures.append(RegionBusyError("429"))
    scene.launcher.launch(gathered(A, B))
    scene.cancel(A)
    scene.regions.busy.clear()
    # While the launcher creates the job, a sweep forgets the cancelled track's.
    scene.pipelines.meanwhile = scene.forget
    scene.launcher.launch(attempt(B))
    assert scene.ordered(shared(A, B)) == {A: False, B: True}
    music(scene, B)
    scene.end(shared(A, B))
    assert (scene.status(B), scene.buckets.names(PIPELINE_BUCKET)) == ("ready", [])
