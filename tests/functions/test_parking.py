from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from musicgenerator import errors, ids
from musicgenerator.errors import (
    CaptionFailedError,
    CaptionUnavailableError,
    ContentRejectedError,
    DescriberBlockedError,
    LeasedError,
    PermanentError,
    PictureGoneError,
    PictureTooLargeError,
)
from musicgenerator.states import Status
from tests.contracts.recorded import TRACK, recorded, recorded_track, without_timestamps
from tests.functions.captioner_scene import ANNOUNCED, RefusingDecoder, Scene, picture_of


def blocked_scene() -> Scene:
    """Return a scene whose describer's quota is spent."""
    scene = Scene()
    scene.describer.failure = DescriberBlockedError("insufficient_quota")
    return scene


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


def test_a_blocked_describer_parks_the_track_as_recorded() -> None:
    """The event is acknowledged and the error says that the track waits; no cover, no message, no lease."""
    scene = blocked_scene()
    scene.deliver()
    assert without_timestamps(scene.document) == without_timestamps(recorded("track_parked"))
    assert (scene.work.parked, scene.work.lease_until) == (True, None)
    assert (scene.objects.types, scene.captions.heard) == ({}, [])


def test_the_wait_is_told_in_the_person_s_language() -> None:
    """The error is English for a request in English."""
    scene = blocked_scene()
    scene.asking(language="en")
    scene.deliver()
    assert scene.document["error"]["message"] == DescriberBlockedError.words["en"]


def test_a_blocked_describer_opens_the_breaker_with_its_reason() -> None:
    """It opens once; the next tracks are parked without a call."""
    scene = blocked_scene()
    scene.deliver()
    assert scene.breaker.reasons == ["insufficient_quota"]
    scene.at(Status.AWAITING_UPLOAD)
    scene.deliver()
    assert without_timestamps(scene.document) == without_timestamps(recorded("track_parked"))
    assert scene.work.parked
    assert len(scene.describer.asked) == 1
    assert scene.breaker.reasons == ["insufficient_quota"]


@pytest.mark.parametrize(
    "failure",
    [None, CaptionFailedError("no"), ContentRejectedError("no"), CaptionUnavailableError("429")],
    ids=["a brief", "unusable", "declined", "busy"],
)
def test_nothing_else_opens_the_breaker(failure: PermanentError | CaptionUnavailableError | None) -> None:
    """A bad picture or a transient error does not."""
    scene = Scene()
    scene.describer.failure = failure
    if isinstance(failure, CaptionUnavailableError):
        with pytest.raises(CaptionUnavailableError):
            scene.deliver()
    else:
        scene.deliver()
    assert not scene.breaker.reasons
    assert not scene.work.parked


@pytest.mark.parametrize(
    "failure",
    [kind("detail") for kind in errors.PictureError.__subclasses__()],
    ids=lambda failure: failure.code,
)
def test_a_picture_that_cannot_be_used_ends_at_once_while_the_breaker_is_open(failure: PermanentError) -> None:
    """An empty file, for example, does not wait for the operator."""
    scene = Scene(decode=RefusingDecoder(failure))
    scene.breaker.opened = True
    scene.deliver()
    assert scene.document["status"] == "failed"
    assert failure.to_mapping("ko") == scene.document["error"]
    assert not scene.work.parked


def test_a_large_or_deleted_object_ends_at_once_while_the_breaker_is_open() -> None:
    """It ends before it is decoded or described."""
    scene = Scene()
    scene.breaker.opened = True
    scene.at(Status.CAPTIONING)
    scene.objects.erase(scene.event.bucket, scene.event.name)
    scene.resume()
    assert PictureGoneError("").to_mapping("ko") == scene.document["error"]
    scene = Scene()
    scene.breaker.opened = True
    scene.objects.upload(replace(scene.event, size=5 * 10**12), b"picture")
    scene.deliver()
    assert PictureTooLargeError("").to_mapping("ko") == scene.document["error"]


def test_a_second_delivery_of_a_parked_track_s_event_parks_it_again() -> None:
    """It claims the track, makes no call, and leaves the document as it was."""
    scene = blocked_scene()
    scene.deliver()
    before = scene.document
    scene.deliver()
    assert scene.document | {"updatedAt": None} == before | {"updatedAt": None}
    assert (scene.work.parked, scene.work.lease_until) == (True, None)
    assert len(scene.describer.asked) == 1


def test_a_replay_resumes_a_parked_track() -> None:
    """The track is captioned and announced, and its error is null."""
    scene = Scene()
    scene.parked()
    scene.resume()
    assert without_timestamps(scene.document) == without_timestamps(recorded("track_captioned"))
    assert (scene.work.parked, scene.work.published) == (False, True)
    assert scene.captions.heard == [ANNOUNCED]
    assert [(picture_of(b""), recorded_track(Status.CAPTIONING).request)] == scene.describer.asked


def test_a_replay_resumes_a_track_once() -> None:
    """A second message and a late storage event change nothing."""
    scene = Scene()
    scene.parked()
    for _ in range(3):
        scene.resume()
    scene.deliver()
    assert len(scene.describer.asked) == 1
    assert scene.captions.heard == [ANNOUNCED]


def test_a_replay_before_the_cause_is_fixed_parks_the_track_again() -> None:
    """One call fails and opens the breaker again."""
    scene = blocked_scene()
    scene.parked()
    scene.resume()
    assert without_timestamps(scene.document) == without_timestamps(recorded("track_parked"))
    assert scene.work.parked
    assert scene.breaker.opened


def test_a_wait_for_the_operator_is_no_try_of_the_picture_s() -> None:
    """Parking does not count as a claim, however often it happens."""
    scene = blocked_scene()
    for _ in range(3):
        scene.breaker.opened = False
        scene.deliver()
        assert scene.work.claims == 0


def test_a_replay_into_a_busy_describer_comes_again() -> None:
    """The lease is released, so that the next delivery need not wait for it."""
    scene = Scene()
    scene.parked()
    scene.describer.failure = CaptionUnavailableError("503")
    with pytest.raises(CaptionUnavailableError):
        scene.resume()
    assert scene.work.lease_until is None
    scene.describer.failure = None
    scene.resume()
    assert without_timestamps(scene.document) == without_timestamps(recorded("track_captioned"))


@pytest.mark.parametrize("failure", [CaptionFailedError("no"), ContentRejectedError("no")], ids=["failed", "rejected"])
def test_a_parked_track_may_end_when_it_is_resumed(failure: PermanentError) -> None:
    """The new error replaces the one about waiting."""
    scene = Scene()
    scene.parked()
    scene.describer.failure = failure
    scene.resume()
    assert scene.document["status"] == failure.status
    assert failure.to_mapping("ko") == scene.document["error"]
    assert not scene.work.parked


def test_a_parked_track_whose_picture_was_deleted_meanwhile_ends() -> None:
    """Only the uploaded generation is read, even if another object has its name now."""
    scene = Scene()
    scene.parked()
    scene.objects.upload(replace(scene.event, generation=scene.event.generation + 1), b"another")
    scene.resume()
    assert PictureGoneError("").to_mapping("ko") == scene.document["error"]
    assert not scene.describer.asked


def test_a_replay_of_an_unknown_track_is_acknowledged() -> None:
    """The track was erased or never existed."""
    scene = Scene()
    scene.resume(ids.new_track_id())
    assert list(scene.tracks.documents) == [TRACK]
    assert not scene.describer.asked


@pytest.mark.parametrize("status", [status for status in Status if status.rank >= Status.LAUNCHING.rank])
def test_a_replay_of_a_track_that_is_further_changes_nothing(status: Status) -> None:
    """A track past `captioned` does not change."""
    scene = Scene()
    scene.at(status)
    scene.resume()
    assert scene.document == recorded(f"track_{status}")
    assert (scene.describer.asked, scene.captions.heard) == ([], [])


def test_a_replay_of_a_leased_track_comes_again() -> None:
    """Another invocation is processing it."""
    scene = Scene()
    scene.at(Status.CAPTIONING, owner="another", lease_until=soon())
    with pytest.raises(LeasedError):
        scene.resume()
    assert scene.document == recorded("track_captioning")
    assert not scene.describer.asked


def test_a_replay_announces_a_captioned_track_that_never_was() -> None:
    """The first handler crashed between its write and its message."""
    scene = Scene()
    scene.at(Status.CAPTIONED)
    scene.resume()
    assert scene.captions.heard == [ANNOUNCED]
    assert not scene.describer.asked


@pytest.mark.parametrize("end", [Status.CANCELLED, Status.READY])
def test_a_track_that_ended_while_the_describer_was_blocked_is_not_parked(end: Status) -> None:
    """It was cancelled meanwhile."""
    scene = blocked_scene()
    scene.describer.meanwhile = lambda: scene.at(end)
    scene.deliver()
    assert scene.document == recorded(f"track_{end}")
    assert not scene.work.parked


def test_a_slow_handler_that_was_overtaken_parks_nothing() -> None:
    """Another invocation owns the track by then."""
    scene = blocked_scene()
    until = soon()
    scene.describer.meanwhile = lambda: scene.at(Status.CAPTIONING, owner="another", lease_until=until)
    scene.deliver()
    assert scene.document == recorded("track_captioning")
    assert (scene.work.parked, scene.work.lease_until) == (False, until)
