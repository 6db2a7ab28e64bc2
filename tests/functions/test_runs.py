"""The launcher with messages of several tracks: one job, each track claimed once, and what interrupts it."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from musicgenerator import ids
from musicgenerator.changes import Change
from musicgenerator.errors import LaunchBlockedError, LaunchRefusedError, LaunchUnavailableError, RegionBusyError
from musicgenerator.jobs import JobFacts, JobState, job_labels
from musicgenerator.orders import CalledOff, Order, orders_to_bytes
from musicgenerator.states import Status
from musicgenerator.tracks import PrivateTrack, Track
from tests.contracts.recorded import SESSION
from tests.functions.runs_scene import AWAY, A, B, C, Counted, D, E, World, attempt, gathered, shared, token
from tests.support.fakes import HOME, MemoryRegions
from tests.support.functions import ENVIRON

OWN = {track: ids.pipeline_job_id(track, 1) for track in (A, B, C)}


class LostError(Exception):
    """An instance is lost."""


def lose() -> None:
    raise LostError


def world(*tracks: str, **fields: object) -> World:
    scene = World(**fields)  # type: ignore[arg-type]
    scene.wait(*tracks)
    return scene


def far() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def test_a_gathered_message_launches_one_job() -> None:
    """Each track is claimed and counted, the order names them in the message's order, and all are composing."""
    scene = world(A, B, C)
    scene.launcher.launch(gathered(B, A, C))
    job = shared(A, B, C)
    [wanted] = scene.pipelines.wanted
    assert (wanted.job, wanted.labels) == (job, job_labels([(A, 1), (B, 1), (C, 1)]))
    assert list(scene.ordered(job)) == [B, A, C]
    assert scene.tracks.launches == Counter([A, B, C])
    assert {scene.status(track) for track in (A, B, C)} == {"composing"}
    assert {(work.job, work.region) for work in scene.tracks.works.values()} == {(job, HOME)}


def test_the_daily_limit_ends_the_tracks_that_exceed_it_and_no_other() -> None:
    """The third track finds the budget spent; the first two share a job."""
    scene = world(A, B, C, tracks=Counted(limit=2))
    scene.launcher.launch(gathered(A, B, C))
    assert [scene.status(track) for track in (A, B, C)] == ["composing", "composing", "failed"]
    assert scene.tracks.documents[C]["error"]["code"] == "budget_spent"
    assert list(scene.ordered(shared(A, B, C))) == [A, B]
    assert scene.tracks.works[C].job == ""


@pytest.mark.parametrize("kind", ["cancelled", "erased", "retried", "claimed"])
def test_a_track_that_is_not_to_be_launched_is_left_out(kind: str) -> None:
    """Its state does not change, and the others are launched."""
    scene = world(A, B)
    if kind == "cancelled":
        scene.cancel(B)
    elif kind == "erased":
        scene.erase(B)
    elif kind == "retried":
        scene.wait(B, attempt=2)
    else:
        scene.launcher.launch(attempt(B))
    scene.launcher.launch(gathered(A, B))
    assert list(scene.ordered(shared(A, B))) == [A]
    ends = {"cancelled": "cancelled", "erased": "gone", "retried": "captioned", "claimed": "composing"}
    assert (scene.status(A), scene.status(B)) == ("composing", ends[kind])
    assert scene.tracks.launches == Counter([A, B] if kind == "claimed" else [A])


def test_of_two_messages_that_overlap_none_launches_a_track_twice() -> None:
    """The second one's job has only the track that the first one did not claim."""
    scene = world(A, B, C)
    scene.launcher.launch(gathered(A, B))
    scene.launcher.launch(gathered(B, C))
    assert (list(scene.ordered(shared(A, B))), list(scene.ordered(shared(B, C)))) == ([A, B], [C])
    assert scene.tracks.launches == Counter([A, B, C])


def test_another_delivery_finishes_a_launch_in_the_region_that_was_claimed() -> None:
    """The first one was lost after its first claim, and the other region is free now."""
    scene = world(A, B, environ=ENVIRON | {"REGIONS": AWAY}, regions=MemoryRegions({AWAY: far()}))
    scene.tracks.meanwhile += [lambda: None, lose]
    with pytest.raises(LostError):
        scene.launcher.launch(gathered(A, B))
    scene.regions.busy.clear()
    scene.regions.busy[HOME] = datetime.now(UTC) - timedelta(seconds=1)
    scene.launcher.launch(gathered(A, B))
    assert list(scene.ordered(shared(A, B))) == [A]
    assert list(scene.ordered(shared(A, B, region=AWAY))) == [B]
    assert set(scene.pipelines.jobs) == {shared(A, B), f"{AWAY}/{shared(A, B, region=AWAY)}"}


def test_one_track_s_message_finishes_the_launch_of_all() -> None:
    """The sweeper announces one track of a job that was not created."""
    scene = world(A, B)
    scene.pipelines.failures.append(LaunchUnavailableError("503"))
    scene.launcher.launch(gathered(A, B))
    assert (scene.status(A), scene.status(B)) == ("launching", "launching")
    scene.launcher.launch(attempt(B))
    assert (scene.status(A), scene.status(B), list(scene.pipelines.jobs)) == ("composing", "composing", [shared(A, B)])


def test_a_track_that_smaller_orders_lack_gets_a_job_of_its_own() -> None:
    """A healer wrote the orders before the interrupted launch had claimed all its tracks."""
    scene = world(A, B)
    scene.tracks.meanwhile += [lambda: None, lose]
    with pytest.raises(LostError):
        scene.launcher.launch(gathered(A, B))
    scene.launcher.launch(attempt(A))
    assert list(scene.ordered(shared(A, B))) == [A]
    scene.launcher.launch(gathered(A, B))
    assert (scene.tracks.works[B].job, scene.status(B)) == (OWN[B], "composing")
    assert (list(scene.ordered(shared(A, B))), list(scene.ordered(OWN[B]))) == ([A], [B])
    assert scene.tracks.launches == Counter([A, B])


@pytest.mark.parametrize("end", ["cancel", "erase"])
@pytest.mark.parametrize("which", [[B], [A, B]], ids=["one", "all"])
def test_a_track_that_is_called_off_while_its_job_is_created_is_taken_out(end: str, which: list[str]) -> None:
    """The command found no orders; a job without tracks is cancelled."""
    scene = world(A, B)
    found: list[bytes | None] = []

    def meanwhile() -> None:
        scene.buckets.objects, held = {}, dict(scene.buckets.objects)
        for track in which:
            scene.cancel(track) if end == "cancel" else scene.erase(track)
        scene.buckets.objects |= held
        found.extend(held.values())

    scene.pipelines.meanwhile = meanwhile
    scene.launcher.launch(gathered(A, B))
    assert found
    assert scene.ordered(shared(A, B)) == {track: track not in which for track in (A, B)}
    assert (shared(A, B) in scene.pipelines.cancelled) is (which == [A, B])


@pytest.mark.parametrize("end", ["cancel", "erase"])
def test_a_healer_takes_out_what_was_called_off_after_it_was_ordered(end: str) -> None:
    """The launch was lost before it had seen the cancellation, and its message has not come again yet."""
    scene = world(A, B)
    orders = scene.buckets.objects

    def cancel_unseen() -> None:
        held = dict(orders)
        orders.clear()
        scene.cancel(B) if end == "cancel" else scene.erase(B)
        orders.update(held)
        lose()

    scene.pipelines.meanwhile = cancel_unseen
    with pytest.raises(LostError):
        scene.launcher.launch(gathered(A, B))
    assert scene.ordered(shared(A, B)) == {A: True, B: True}
    scene.pipelines.meanwhile = lambda: None
    scene.launcher.launch(attempt(A))
    assert scene.ordered(shared(A, B)) == {A: True, B: False}


def test_a_message_finds_the_orders_of_an_erased_track_in_every_region() -> None:
    """The lost launch chose another region, which the erased track no longer names."""
    scene = world(A, B, environ=ENVIRON | {"REGIONS": AWAY}, regions=MemoryRegions({AWAY: far()}))
    scene.pipelines.meanwhile = lose
    with pytest.raises(LostError):
        scene.launcher.launch(gathered(A, B))
    scene.tracks.erase(SESSION, B)
    scene.pipelines.meanwhile = lambda: None
    scene.regions.busy.clear()
    scene.regions.busy[HOME] = far()
    scene.launcher.launch(gathered(A, B))
    assert scene.ordered(shared(A, B)) == {A: True, B: False}


@pytest.mark.parametrize("state", [None, *JobState])
def test_orders_of_erased_tracks_go_if_their_job_was_never_created(state: JobState | None) -> None:
    """Otherwise the end of the job needs them, to erase what it wrote."""
    scene = world(A, B)
    scene.pipelines.meanwhile = lose
    with pytest.raises(LostError):
        scene.launcher.launch(gathered(A, B))
    for track in (A, B):
        scene.tracks.erase(SESSION, track)
    if state:
        scene.pipelines.jobs[shared(A, B)] = JobFacts(state, job_labels([(A, 1), (B, 1)]))
    scene.launcher.launch(gathered(A, B))
    assert scene.ordered(shared(A, B)) == ({A: False, B: False} if state else {})


@pytest.mark.parametrize(
    "failure",
    [None, RegionBusyError("429"), LaunchBlockedError("403"), LaunchRefusedError("400")],
    ids=["created", "busy", "blocked", "refused"],
)
def test_a_launch_changes_no_track_that_has_moved_to_another_job(failure: Exception | None) -> None:
    """The notifier moved it while this launch was waiting for an answer."""
    scene = world(A, B)

    def move() -> None:
        scene.pipelines.meanwhile = lambda: None
        moved = PrivateTrack(token(B), job=OWN[B], region=HOME)
        scene.tracks.advance(B, lambda *_: Change(work=moved, due_at=datetime.max.replace(tzinfo=UTC)))
        scene.pipelines.failures += [failure] if failure else []

    scene.pipelines.meanwhile = move
    scene.launcher.launch(gathered(A, B))
    assert (scene.status(B), scene.tracks.works[B].job, scene.tracks.works[B].parked) == ("launching", OWN[B], False)
    assert scene.tracks.dues[B] == datetime.max.replace(tzinfo=UTC)
    ends = {"NoneType": "composing", "LaunchRefusedError": "failed"}
    assert scene.status(A) == ends.get(type(failure).__name__, "launching")


def test_a_track_that_moves_while_it_is_left_out_is_launched_by_its_new_job_alone() -> None:
    """The notifier has moved it, so this launch does not."""
    scene = world(A, B)
    scene.pipelines.failures.append(LaunchUnavailableError("503"))
    scene.launcher.launch(gathered(A, B))
    another = shared(B, C)
    order, _ = scene.book.read(shared(A, B)) or ()
    assert isinstance(order, Order)
    scene.book.delete(shared(A, B))
    scene.book.write(shared(A, B), [order])
    moved = PrivateTrack(token(B), job=another, region=HOME)

    def move() -> None:
        scene.tracks.advance(B, lambda *_: Change(work=moved))

    scene.tracks.meanwhile += [lambda: None, move]
    scene.launcher.launch(attempt(A))
    assert scene.tracks.works[B] == moved
    assert list(scene.pipelines.jobs) == [shared(A, B)]


@pytest.mark.parametrize("state", list(JobState))
def test_orders_that_a_job_has_never_read_launch_each_track_alone(state: JobState) -> None:
    """The job had ended and its orders were deleted before a slow launcher claimed another track for it."""
    scene = world(A, B)
    scene.pipelines.jobs[shared(A, B)] = JobFacts(state, job_labels([(A, 1), (C, 1)]))
    scene.launcher.launch(gathered(A, B))
    assert set(scene.pipelines.jobs) == {shared(A, B), OWN[A], OWN[B]}
    assert (scene.status(A), scene.status(B)) == ("composing", "composing")
    assert scene.ordered(shared(A, B)) == {}


def test_a_job_that_was_deleted_is_not_waited_for() -> None:
    """Its id is taken and it is not visible: at first another launch may be creating it."""
    scene = world(A, B)
    create = scene.pipelines.create
    scene.pipelines.create = lambda wanted, region: (  # type: ignore[method-assign]
        False if wanted.job == shared(A, B) else create(wanted, region)
    )
    scene.launcher.launch(gathered(A, B))
    assert (scene.status(A), scene.status(B), scene.pipelines.jobs) == ("launching", "launching", {})
    for track in (A, B):
        timeline = scene.tracks.documents[track]["timeline"]
        timeline["launching"] = datetime.now(UTC) - timedelta(minutes=11)
    scene.launcher.launch(attempt(A))
    assert set(scene.pipelines.jobs) == {OWN[A], OWN[B]}
    # No track names the old job any more, and if it exists after all, it must not begin a track.
    assert scene.ordered(shared(A, B)) == {}


@pytest.mark.parametrize("kind", ["called off", "another folder"])
def test_a_dropped_track_that_comes_back_is_not_taken_for_the_erased_one(kind: str) -> None:
    """Its id follows from its picture, so an old message names it; the old order has another folder."""
    scene = world(A, B)
    scene.launcher.launch(gathered(A, B))
    old = list(scene.book.read(shared(A, B)) or ())
    assert isinstance(old[1], Order)
    old[1] = (
        CalledOff(B, 1, "r" + "z" * 26)
        if kind == "called off"
        else Order.from_mapping(old[1].to_mapping() | {"resultsToken": "r" + "z" * 26})
    )
    scene.book.delete(shared(A, B))
    scene.buckets.put(scene.book.bucket, f"orders/{shared(A, B)}.json", orders_to_bytes(old))
    scene.wait(B)
    scene.launcher.launch(gathered(A, B))
    assert (scene.status(B), scene.tracks.works[B].job) == ("composing", OWN[B])


def test_a_new_track_waits_for_others_if_the_operator_says_so() -> None:
    """A track that has waited, or that is claimed already, is launched at once."""
    scene = world(A, B, environ=ENVIRON | {"BATCH_SECONDS": "20"})
    scene.launcher.launch(attempt(A))
    due = scene.tracks.dues[A]
    assert due
    assert timedelta(seconds=15) < due - datetime.now(UTC) <= timedelta(seconds=20)
    assert (scene.status(A), scene.pipelines.wanted) == ("captioned", [])
    scene.pipelines.failures.append(LaunchUnavailableError("503"))
    scene.launcher.launch(gathered(A, B))
    assert (scene.status(A), scene.status(B)) == ("launching", "launching")
    scene.launcher.launch(attempt(A))
    assert (scene.status(A), scene.status(B)) == ("composing", "composing")


def test_while_the_region_is_busy_all_tracks_of_a_message_wait() -> None:
    """None is claimed; the tracks of a job that was refused keep it."""
    scene = world(A, B, C, D)
    scene.pipelines.failures.append(RegionBusyError("429"))
    scene.launcher.launch(gathered(A, B))
    scene.launcher.launch(gathered(C, D))
    assert [scene.status(track) for track in (A, B, C, D)] == ["launching"] * 2 + ["captioned"] * 2
    assert {scene.tracks.dues[track] for track in (A, B, C, D)} == {scene.regions.busy[HOME]}


def test_a_job_without_a_brief_is_refused() -> None:
    """Nothing is written, and no job is created."""
    scene = world(E)
    scene.wait(E, brief=None)
    scene.launcher.launch(gathered(E))
    assert (scene.status(E), scene.buckets.objects, scene.pipelines.jobs) == ("failed", {}, {})
    found = scene.tracks.find(E)
    assert found
    assert isinstance(found[0], Track)
    assert found[0].status is Status.FAILED
