"""The day's limit of everybody, which counts an announced track when its picture arrives."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from captioning import Picture

from musicgenerator.errors import BudgetSpentError, DamagedPictureError, DescriberBlockedError
from musicgenerator.settings import TRACKS_A_DAY
from musicgenerator.states import Status
from tests.contracts.recorded import SESSION, TRACK, recorded, recorded_work
from tests.functions.captioner_scene import RefusingDecoder, Scene


@dataclass
class CountedScene(Scene):
    """The captioner with one announced track, which its session's and its address's counters count."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.at(Status.AWAITING_UPLOAD, counted=("address", "session"))


def test_a_picture_counts_for_everybody_once() -> None:
    """A second delivery of its event counts nothing."""
    scene = CountedScene()
    scene.deliver()
    scene.deliver()
    assert scene.tracks.pictures == 1
    assert (scene.work.counted, scene.work.counted_for_all) == (("address", "session"), "everybody")


def test_a_picture_beyond_the_limit_is_not_described() -> None:
    """The track ends with words, can be retried tomorrow, and counts for nobody."""
    scene = CountedScene()
    scene.tracks.pictures = TRACKS_A_DAY
    scene.deliver()
    assert scene.document["error"] == BudgetSpentError("").to_mapping(scene.document["request"]["language"])
    assert (scene.document["status"], scene.document["image"]["generation"]) == ("failed", scene.event.generation)
    assert scene.describer.asked == []
    assert scene.tracks.given_back == ["address", "session"]


def test_the_reserve_is_for_sessions_with_music() -> None:
    """At nine tenths of the limit, only a session with music gets more, up to the limit."""
    scene = CountedScene()
    scene.tracks.pictures = TRACKS_A_DAY - TRACKS_A_DAY // 10
    scene.deliver()
    assert scene.document["error"]["code"] == "budget_spent"
    scene.tracks.hold(recorded("track_ready"), SESSION, "t" + "a" * 26, recorded_work())
    scene.at(Status.AWAITING_UPLOAD)
    scene.deliver()
    assert scene.document["status"] == "captioned"
    scene.tracks.pictures = TRACKS_A_DAY
    scene.at(Status.AWAITING_UPLOAD)
    scene.deliver()
    assert scene.document["error"]["code"] == "budget_spent"


def test_a_refused_picture_does_not_count_for_everybody() -> None:
    """It has cost nothing; it still counts for its session and address."""
    scene = CountedScene(decode=RefusingDecoder(DamagedPictureError("")))
    scene.deliver()
    assert (scene.document["error"]["code"], scene.tracks.pictures) == ("damaged", 0)
    assert scene.tracks.given_back == ["everybody"]
    assert scene.work.counted_for_all == ""


@dataclass
class CancellingDecoder(RefusingDecoder):
    """Refuses a picture whose track is cancelled at that moment."""

    cancel: Callable[[], None] = lambda: None

    def __call__(self, data: bytes) -> Picture:
        self.cancel()
        return super().__call__(data)


def cancel(scene: CountedScene) -> None:
    """Cancel the track as the API does: the counters of a picture that is being described stay."""
    scene.at(Status.CANCELLED, counted=scene.work.counted, counted_for_all=scene.work.counted_for_all)


def test_a_refused_picture_of_a_cancelled_track_does_not_count_for_everybody() -> None:
    """Otherwise everybody's limit lost a place with each bad picture that is cancelled while it is decoded."""
    scene = CountedScene()
    scene.decode = CancellingDecoder(DamagedPictureError(""), cancel=lambda: cancel(scene))
    scene.deliver()
    assert (scene.document["status"], scene.document["error"]["code"]) == ("cancelled", "cancelled")
    assert (scene.tracks.given_back, scene.work.counted_for_all) == (["everybody"], "")


@pytest.mark.parametrize("failure", [None, DescriberBlockedError("quota")])
def test_a_described_picture_of_a_cancelled_track_stays_counted(failure: DescriberBlockedError | None) -> None:
    """It was paid for, unless the describer was blocked."""
    scene = CountedScene()
    scene.describer.failure, scene.describer.meanwhile = failure, lambda: cancel(scene)
    scene.deliver()
    assert scene.document["status"] == "cancelled"
    assert scene.tracks.given_back == (["everybody"] if failure else [])


def test_a_parked_picture_stays_counted() -> None:
    """A replay describes it without counting it again."""
    scene = CountedScene()
    scene.describer.failure = DescriberBlockedError("quota")
    scene.deliver()
    assert scene.tracks.pictures == 1
    scene.describer.failure, scene.breaker.opened = None, False
    scene.tracks.works[TRACK] = replace(scene.work, lease_until=datetime.now(UTC) - timedelta(minutes=5))
    scene.resume()
    assert (scene.document["status"], scene.tracks.pictures) == ("captioned", 1)


@pytest.mark.parametrize(("minutes", "given_back"), [(61, ["address", "session"]), (59, [])])
def test_a_track_without_a_picture_counts_for_nobody(minutes: int, given_back: list[str]) -> None:
    """Its counters no longer count it when its time has passed."""
    scene = CountedScene()
    scene.objects.facts.clear()
    scene.tracks.documents[TRACK] |= {"createdAt": datetime.now(UTC) - timedelta(minutes=minutes)}
    scene.resume()
    scene.resume()
    assert scene.tracks.given_back == given_back
