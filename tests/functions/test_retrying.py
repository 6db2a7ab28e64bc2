from datetime import UTC, datetime

import pytest
from commanding import TrackState
from problems import WrongStateError

from musicgenerator.errors import PipelineFailedError
from musicgenerator.messages import CaptionMessage, PictureMessage
from musicgenerator.states import Status
from musicgenerator.tracks import Change, PrivateTrack, Track, check_step
from tests.contracts.recorded import SESSION, TOKEN, TRACK, recorded, recorded_track
from tests.functions.commands_scene import KEY, RESULTS, UNDER_WAY, Scene, failed


def test_a_failed_track_begins_its_next_attempt() -> None:
    """At `captioned` with its brief, without the error, announced for the launcher."""
    scene = failed()
    assert scene.command("retry") == TrackState(SESSION, TRACK, Status.CAPTIONED, 2)
    assert (scene.document["attempt"], scene.document["error"]) == (2, None)
    assert scene.document["brief"] == recorded("track_failed")["brief"]
    assert scene.captions.heard == [(CaptionMessage(SESSION, TRACK, 2), "composer")]
    assert scene.tracks.works[TRACK].published


def test_a_track_that_was_never_described_goes_back_to_the_captioner() -> None:
    """At `captioning`, held by nobody, its picture on `pictures`."""
    scene = failed(brief=False)
    scene.tracks.works[TRACK] = PrivateTrack(TOKEN, "owner", datetime.now(UTC), claims=25)
    assert scene.command("retry") == TrackState(SESSION, TRACK, Status.CAPTIONING, 2)
    assert PrivateTrack(TOKEN) == scene.tracks.works[TRACK]
    assert scene.pictures.heard == [PictureMessage(TRACK)]
    assert not scene.captions.heard


def test_what_the_failed_attempt_left_is_deleted_but_for_the_cover() -> None:
    """Or the next attempt's end would be judged by it; other folders are not touched."""
    scene = failed()
    for name in (f"{TOKEN}/track.json", f"{TOKEN}/music.mp3", f"{TOKEN}/take.json", "another/track.json"):
        scene.buckets.put(RESULTS, name)
    scene.command("retry")
    assert scene.buckets.names(RESULTS) == ["another/track.json", f"{TOKEN}/cover.jpg"]


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_slow_retry_deletes_nothing_of_the_attempt_that_another_one_began(when: str) -> None:
    """It slept before or after its listing while the other one's pipeline ran to its end: the new music stays."""
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
def test_a_track_under_way_is_not_retried(status: Status) -> None:
    """It stays as it is, and so says the answer; nothing is counted."""
    scene = Scene(status=status, fields={"attempt": 2})
    assert scene.command("retry") == TrackState(SESSION, TRACK, status, 2)
    assert scene.document == recorded(f"track_{status}") | {"attempt": 2}
    assert not scene.ledger.counts


@pytest.mark.parametrize("status", [Status.READY, Status.REJECTED, Status.CANCELLED])
def test_an_end_that_is_not_a_failure_cannot_be_retried(status: Status) -> None:
    """409, the first time and the second."""
    scene = Scene(status=status)
    for key in (KEY, KEY, None):
        with pytest.raises(WrongStateError):
            scene.command("retry", key=key)
    assert scene.document == recorded(f"track_{status}")


def test_a_failure_that_another_attempt_does_not_mend_cannot_be_retried() -> None:
    """Its error says so."""
    scene = failed(retryable=False)
    with pytest.raises(WrongStateError):
        scene.command("retry")
    assert scene.document["attempt"] == 1


def test_the_same_key_begins_one_attempt() -> None:
    """Though that attempt has failed meanwhile: another attempt takes another key."""
    scene = failed()
    scene.command("retry", key=KEY)
    scene.at(Status.FAILED, attempt=2, error=PipelineFailedError("").to_mapping("ko"))
    assert scene.command("retry", key=KEY) == TrackState(SESSION, TRACK, Status.FAILED, 2)
    assert scene.command("retry", key=KEY + "-2") == TrackState(SESSION, TRACK, Status.CAPTIONED, 3)


def test_a_key_that_was_used_while_the_track_was_under_way_begins_nothing_later() -> None:
    """Its answer was that the track is under way."""
    scene = Scene(status=Status.COMPOSING)
    scene.command("retry", key=KEY)
    scene.at(Status.FAILED, error=PipelineFailedError("").to_mapping("ko"))
    assert scene.command("retry", key=KEY).status is Status.FAILED


def test_of_two_retries_at_once_one_begins_an_attempt() -> None:
    """The other one finds it begun."""
    scene = failed()
    scene.tracks.meanwhile.append(lambda: scene.at(Status.CAPTIONED, attempt=2))
    assert scene.command("retry").attempt == 2
    assert scene.document["attempt"] == 2


def test_a_lost_answer_of_the_store_begins_one_attempt() -> None:
    """It was written: asked again the decision sees its own mark, and the attempt is announced."""
    scene = failed()
    scene.tracks.lost_answers = 1
    assert scene.command("retry").attempt == 2
    assert [message.attempt for message, _ in scene.captions.heard] == [2]


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("attempt", [1, 2, 3])
@pytest.mark.parametrize("then", list(Status))
def test_only_the_next_attempt_of_a_failed_track_leads_back(status: Status, attempt: int, then: Status) -> None:
    """What never falls is the attempt and, within it, the rank."""
    current = Track(SESSION, TRACK, status, 1, recorded_track(Status.READY).request)
    allowed = status.may_become(then) if attempt == 1 else (attempt, status) == (2, "failed") and not then.is_final
    change = Change(then, attempt=attempt)
    if allowed:
        check_step(current, change)
    else:
        with pytest.raises(ValueError, match="may not pass"):
            check_step(current, change)


def test_an_attempt_without_a_status_is_no_step() -> None:
    """Nobody raises the attempt of a track that stays where it is."""
    with pytest.raises(ValueError, match="may not pass"):
        check_step(recorded_track(Status.FAILED), Change(attempt=2))
