from dataclasses import replace
from datetime import UTC, datetime

import pytest
from commanding import TrackState
from problems import EngineRefusedError, WrongStateError

from musicgenerator.changes import Change, check_step
from musicgenerator.errors import PipelineFailedError
from musicgenerator.ids import pipeline_job_id, run_id
from musicgenerator.messages import CaptionMessage, PictureMessage
from musicgenerator.order_book import OrderBook
from musicgenerator.orders import CalledOff, Order
from musicgenerator.states import Status
from musicgenerator.tracks import PrivateTrack, Track
from tests.contracts.recorded import PIPELINE_BUCKET, SESSION, TOKEN, TRACK, recorded, recorded_track
from tests.functions.commands_scene import KEY, RESULTS, UNDER_WAY, Scene, failed


def test_a_retry_starts_the_next_attempt() -> None:
    """The track is captioned with its brief, has no error, and is announced to the launcher."""
    scene = failed()
    assert scene.command("retry") == TrackState(SESSION, TRACK, Status.CAPTIONED, 2)
    assert (scene.document["attempt"], scene.document["error"]) == (2, None)
    assert scene.document["brief"] == recorded("track_failed")["brief"]
    assert scene.captions.heard == [(CaptionMessage(SESSION, TRACK, 2), "composer")]
    assert scene.tracks.works[TRACK].published


def test_a_retry_with_an_engine_that_is_no_longer_offered_is_refused() -> None:
    """As a new request with this engine is; nothing is counted or deleted, and the track stays failed."""
    scene = failed()
    scene.document["request"] |= {"engine": "lyria-002"}
    scene.allowed_engines = ("lyria-3-clip",)
    scene.buckets.put(RESULTS, f"{TOKEN}/music.mp3")
    with pytest.raises(EngineRefusedError):
        scene.command("retry")
    assert (scene.document["status"], scene.document["attempt"], scene.ledger.counts) == ("failed", 1, {})
    assert scene.buckets.read(RESULTS, f"{TOKEN}/music.mp3") is not None
    scene.allowed_engines = ("lyria-002",)
    assert scene.command("retry").attempt == 2


def test_a_retry_without_a_brief_goes_to_the_captioner() -> None:
    """The track is captioning without an owner, and its picture is announced on `pictures`."""
    scene = failed(brief=False)
    dropped = PrivateTrack(TOKEN, dropped_object="beach.jpg", hint="waves")
    scene.tracks.works[TRACK] = replace(dropped, owner="owner", lease_until=datetime.now(UTC), claims=25)
    assert scene.command("retry") == TrackState(SESSION, TRACK, Status.CAPTIONING, 2)
    counted = ("address 203.0.113.9", f"session {SESSION}")
    assert scene.tracks.works[TRACK] == replace(dropped, counted=counted, counted_for_all="everybody")
    assert scene.pictures.heard == [PictureMessage(TRACK)]
    assert not scene.captions.heard


def test_a_retry_deletes_the_failed_attempt_s_results_except_the_cover() -> None:
    """Otherwise they would be taken for the next attempt's; other folders stay."""
    scene = failed()
    for name in ("track.json", "music.mp3", "take.json", "sketch.mp3"):
        scene.buckets.put(RESULTS, f"{TOKEN}/{name}")
    scene.buckets.put(RESULTS, "another/track.json")
    scene.document["sketch"] = recorded("track_sketched")["sketch"]
    scene.command("retry")
    assert scene.buckets.names(RESULTS) == ["another/track.json", f"{TOKEN}/cover.jpg"]
    assert scene.document["sketch"] is None


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_slow_retry_deletes_no_results_of_the_next_attempt(when: str) -> None:
    """Another retry and its pipeline finish before or after the slow one lists the results: the new music stays."""
    scene = failed()
    scene.buckets.put(RESULTS, f"{TOKEN}/track.json", b"old", 1)

    def meanwhile() -> None:
        scene.command("retry")
        scene.buckets.put(RESULTS, f"{TOKEN}/track.json", b"new", 2)
        scene.at(Status.COMPOSING, attempt=2)

    getattr(scene.buckets, when).append(meanwhile)
    scene.command("retry")
    assert scene.buckets.read(RESULTS, f"{TOKEN}/track.json") == b"new"
    assert scene.document["attempt"] == 2


@pytest.mark.parametrize("status", UNDER_WAY)
def test_a_running_track_is_not_retried(status: Status) -> None:
    """It does not change, the response has its state, and nothing is counted."""
    scene = Scene(status=status, fields={"attempt": 2})
    assert scene.command("retry") == TrackState(SESSION, TRACK, status, 2)
    assert scene.document == recorded(f"track_{status}") | {"attempt": 2}
    assert not scene.ledger.counts


@pytest.mark.parametrize("status", [Status.READY, Status.REJECTED, Status.CANCELLED])
def test_only_a_failed_track_can_be_retried(status: Status) -> None:
    """The error is the same for a repeated request."""
    scene = Scene(status=status)
    for key in (KEY, KEY, None):
        with pytest.raises(WrongStateError):
            scene.command("retry", key=key)
    assert scene.document == recorded(f"track_{status}")


def test_a_failure_that_is_not_retryable_cannot_be_retried() -> None:
    """The track stays at its first attempt."""
    scene = failed(retryable=False)
    with pytest.raises(WrongStateError):
        scene.command("retry")
    assert scene.document["attempt"] == 1


def test_the_same_key_starts_one_attempt() -> None:
    """Even if that attempt has failed; another attempt needs another key."""
    scene = failed()
    scene.command("retry", key=KEY)
    scene.at(Status.FAILED, attempt=2, error=PipelineFailedError("").to_mapping("ko"))
    assert scene.command("retry", key=KEY) == TrackState(SESSION, TRACK, Status.FAILED, 2)
    assert scene.command("retry", key=KEY + "-2") == TrackState(SESSION, TRACK, Status.CAPTIONED, 3)


def test_a_key_that_was_used_while_the_track_ran_starts_nothing_later() -> None:
    """The request was answered when the track was running, so repeating it starts no attempt."""
    scene = Scene(status=Status.COMPOSING)
    scene.command("retry", key=KEY)
    scene.at(Status.FAILED, error=PipelineFailedError("").to_mapping("ko"))
    assert scene.command("retry", key=KEY).status is Status.FAILED


def test_of_two_concurrent_retries_one_starts_an_attempt() -> None:
    """The other one finds the attempt started."""
    scene = failed()
    scene.tracks.meanwhile.append(lambda: scene.at(Status.CAPTIONED, attempt=2))
    assert scene.command("retry").attempt == 2
    assert scene.document["attempt"] == 2


def test_a_lost_answer_of_the_store_starts_one_attempt() -> None:
    """The write succeeded: called again, the decision recognizes it, and the attempt is announced."""
    scene = failed()
    scene.tracks.lost_answers = 1
    assert scene.command("retry").attempt == 2
    assert [each.attempt for message, _ in scene.captions.heard for each in message.attempts] == [2]


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("attempt", [1, 2, 3])
@pytest.mark.parametrize("then", list(Status))
def test_only_the_next_attempt_of_a_track_that_a_job_has_left_goes_back(
    status: Status, attempt: int, then: Status
) -> None:
    """It has failed, or waits for what its job needed. Attempt and state never go back in any other way."""
    current = Track(SESSION, TRACK, status, 1, recorded_track(Status.READY).request)
    again = attempt == 2 and status in {"failed", "composing"} and not then.is_final
    allowed = status.may_become(then) if attempt == 1 else again
    change = Change(then, attempt=attempt)
    if allowed:
        check_step(current, change)
    else:
        with pytest.raises(ValueError, match="may not pass"):
            check_step(current, change)


def test_a_change_of_the_attempt_needs_a_status() -> None:
    """Only the start of an attempt changes its number."""
    with pytest.raises(ValueError, match="may not pass"):
        check_step(recorded_track(Status.FAILED), Change(attempt=2))


def test_a_retry_takes_the_track_out_of_the_job_that_failed_it() -> None:
    """The job may make other tracks, may start again, and would write the failed attempt's music to the same folder."""
    scene = failed()
    other = "t" + "b" * 26
    job = run_id("us-central1", [(TRACK, 1), (other, 1)])
    order = Order.from_mapping(recorded("order")[0])
    book = OrderBook(scene.buckets, PIPELINE_BUCKET)
    book.write(job, [order, replace(order, track=other)])
    scene.tracks.works[TRACK] = replace(scene.tracks.works[TRACK], job=job)
    assert scene.command("retry").attempt == 2
    assert book.read(job) == (CalledOff(TRACK, 1, TOKEN), replace(order, track=other))
    assert (scene.tracks.works[TRACK].job, scene.tracks.works[TRACK].earlier_jobs) == ("", (job,))


def test_the_retry_of_an_earlier_release_s_track_keeps_all_its_jobs() -> None:
    """Its private track names none, and each of its attempts had a job of its own."""
    scene = failed(attempt=3)
    assert scene.command("retry").attempt == 4
    assert scene.tracks.works[TRACK].earlier_jobs == tuple(pipeline_job_id(TRACK, attempt) for attempt in (1, 2, 3))
