from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from captioning import Settings

from musicgenerator import errors
from musicgenerator.errors import (
    CaptionFailedError,
    ContentRejectedError,
    PermanentError,
    PictureGoneError,
    PictureTooLargeError,
    UploadMissingError,
)
from musicgenerator.settings import SettingMissingError
from musicgenerator.states import Status
from tests.contracts.recorded import TOKEN, TRACK, recorded, recorded_track, recorded_usage, without_timestamps
from tests.functions.captioner_scene import ANNOUNCED, ENVIRON, RefusingDecoder, Scene, picture_of, soon


def test_an_upload_becomes_the_recorded_captioned_track() -> None:
    """Each state is as recorded; the cover is written and the track announced once."""
    scene = Scene()
    seen: list[dict[str, Any]] = []
    scene.describer.meanwhile = lambda: seen.append(scene.document)
    scene.deliver()
    assert [without_timestamps(document) for document in seen] == [without_timestamps(recorded("track_captioning"))]
    assert without_timestamps(scene.document) == without_timestamps(recorded("track_captioned"))
    assert scene.captions.heard == [ANNOUNCED]
    assert scene.work.published
    cover = ("musicgenerator-results", f"{TOKEN}/cover.jpg")
    assert scene.objects.types == {cover: "image/jpeg"}
    assert scene.objects.objects[cover] == b"\xff\xd8jpeg"
    assert scene.objects.lifetimes == {cover: datetime.fromisoformat(recorded("track_captioned")["expiresAt"])}


def test_the_describer_gets_the_picture_and_the_wish() -> None:
    """It receives the decoded picture, never the upload, and the person's request."""
    scene = Scene()
    scene.deliver()
    assert scene.describer.asked == [(picture_of(b""), recorded_track(Status.AWAITING_UPLOAD).request)]


def test_the_asked_engine_is_announced() -> None:
    """Subscriptions filter by it."""
    scene = Scene()
    scene.asking(engine="lyria-002")
    scene.deliver()
    assert [engine for _, engine in scene.captions.heard] == ["lyria-002"]


@pytest.mark.parametrize("status", [status for status in Status if status.rank >= Status.LAUNCHING.rank])
def test_a_late_delivery_changes_nothing(status: Status) -> None:
    """A track past `captioned` does not change."""
    scene = Scene()
    scene.at(status)
    scene.deliver()
    assert scene.document == recorded(f"track_{status}")
    assert (scene.describer.asked, scene.captions.heard) == ([], [])


def test_a_captioned_track_that_was_never_announced_is_announced() -> None:
    """The first handler crashed between its write and its message."""
    scene = Scene()
    scene.at(Status.CAPTIONED, published=False)
    scene.deliver()
    assert scene.captions.heard == [ANNOUNCED]
    assert scene.work.published
    assert not scene.describer.asked


def test_a_failing_topic_is_tried_again_without_paying_again() -> None:
    """The track is captioned by then: the second delivery only announces it."""
    scene = Scene()
    scene.captions.failures.append(ConnectionError("pub/sub"))
    with pytest.raises(ConnectionError):
        scene.deliver()
    assert not scene.work.published
    scene.deliver()
    assert scene.captions.heard == [ANNOUNCED]
    assert len(scene.describer.asked) == 1


def decoder_failures() -> list[PermanentError]:
    return [kind("detail") for kind in errors.PictureError.__subclasses__()]


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("failure", decoder_failures(), ids=lambda failure: failure.code)
def test_a_picture_that_cannot_be_used_ends_its_track(failure: PermanentError, language: str) -> None:
    """It fails with an error in the person's language; the event is acknowledged, and nothing is paid."""
    scene = Scene(decode=RefusingDecoder(failure))
    scene.asking(language=language)
    scene.deliver()
    assert scene.document["status"] == "failed"
    expected = {"code": failure.code, "message": failure.words[language], "retryable": False}
    assert scene.document["error"] == expected
    assert not scene.describer.asked
    assert scene.document["describer"] is None
    assert not scene.captions.heard


def test_a_declined_picture_is_rejected_as_recorded() -> None:
    """The error asks for another picture, and no cover is published."""
    scene = Scene()
    scene.describer.failure = ContentRejectedError("moderation")
    scene.describer.usage = recorded_usage(Status.REJECTED)
    scene.deliver()
    assert without_timestamps(scene.document) == without_timestamps(recorded("track_rejected"))
    assert not scene.objects.types
    assert not scene.captions.heard


def test_a_description_that_cannot_be_used_fails_the_track() -> None:
    """The error is retryable."""
    scene = Scene()
    scene.describer.failure = CaptionFailedError("cut short")
    scene.deliver()
    assert scene.document["status"] == "failed"
    assert scene.document["error"] == CaptionFailedError("").to_mapping("ko")
    assert scene.document["describer"] == recorded("track_captioned")["describer"]
    assert (scene.document["image"]["width"], scene.document["image"]["height"]) == (4032, 3024)


@pytest.mark.parametrize("gone", ["deleted", "overwritten"])
def test_an_object_deleted_before_it_is_read_ends_its_track(gone: str) -> None:
    """The picture existed when the track was claimed and is deleted when a later delivery reads it."""
    scene = Scene()
    scene.at(Status.CAPTIONING)
    if gone == "deleted":
        scene.objects.erase(scene.event.bucket, scene.event.name)
    else:
        scene.objects.upload(replace(scene.event, generation=scene.event.generation + 1), b"another")
    scene.resume()
    assert scene.document["status"] == "failed"
    assert scene.document["error"] == PictureGoneError("").to_mapping("ko")


@pytest.mark.parametrize("status", ["awaiting_upload", "captioning"])
@pytest.mark.parametrize("wrong", [{"generation": 1}, {"name": "elsewhere.jpg"}], ids=["generation", "name"])
def test_an_event_about_a_missing_object_changes_nothing(status: str, wrong: dict[str, Any]) -> None:
    """The event is forged or late, for an announced upload or a drop."""
    scene = Scene()
    scene.at(Status(status))
    scene.event = replace(scene.event, **wrong)
    before = dict(scene.tracks.documents)
    scene.deliver()
    assert scene.tracks.documents == before
    assert not scene.describer.asked


def test_an_object_beyond_the_limit_is_not_downloaded() -> None:
    """Downloading 5 TB would kill the instance, and the track would never end."""
    scene = Scene(decode=RefusingDecoder(PictureTooLargeError("too large")))
    scene.objects.upload(replace(scene.event, size=5 * 10**12), b"picture")
    scene.deliver()
    assert scene.document["error"] == PictureTooLargeError("").to_mapping("ko")
    assert not scene.objects.read_names


def test_the_object_s_own_facts_count_and_not_the_event_s() -> None:
    """Size and type come from Cloud Storage; an event may contain anything."""
    scene = Scene()
    true = scene.event
    scene.event = replace(true, size=5 * 10**12, content_type="text/html")
    scene.deliver()
    assert scene.document["status"] == "captioned"
    assert (scene.document["image"]["bytes"], scene.document["image"]["contentType"]) == (true.size, true.content_type)


def test_a_lost_upload_event_is_made_up_for() -> None:
    """The sweeper's message finds the uploaded picture, and the track is captioned."""
    scene = Scene()
    scene.resume()
    assert scene.document["status"] == "captioned"
    assert scene.captions.heard == [ANNOUNCED]


def test_an_announced_picture_may_take_its_time() -> None:
    """Only the age of the track decides that it is late, not a message."""
    scene = Scene()
    scene.objects.erase(scene.event.bucket, scene.event.name)
    scene.at(Status.AWAITING_UPLOAD)
    scene.document["createdAt"] = datetime.now(UTC) - timedelta(minutes=59)
    before = dict(scene.document)
    scene.resume()
    assert scene.document == before


def test_an_announced_picture_that_never_came_ends_its_track() -> None:
    """It fails with an error, unless the picture is uploaded at that moment."""
    scene = Scene()
    scene.objects.erase(scene.event.bucket, scene.event.name)
    scene.resume()
    assert scene.document["status"] == "failed"
    assert scene.document["error"] == UploadMissingError("").to_mapping("ko")
    scene.at(Status.AWAITING_UPLOAD)
    scene.tracks.meanwhile.append(lambda: scene.at(Status.CAPTIONING, owner="another", lease_until=soon()))
    scene.resume()
    assert scene.document == recorded("track_captioning")


@pytest.mark.parametrize("ended", ["erased", "cancelled"])
def test_a_track_that_ended_meanwhile_keeps_no_cover(ended: str) -> None:
    """An erasure that ran before the cover was written would not find it."""
    scene = Scene()
    scene.describer.meanwhile = lambda: (
        scene.tracks.erase(scene.tracks.sessions[TRACK], TRACK) if ended == "erased" else scene.at(Status.CANCELLED)
    )
    scene.deliver()
    assert not scene.objects.types
    assert not scene.captions.heard


def test_a_track_that_was_erased_meanwhile_is_acknowledged() -> None:
    """There is nothing left to caption."""
    scene = Scene()
    scene.tracks.meanwhile.append(lambda: scene.tracks.erase(scene.tracks.sessions[TRACK], TRACK))
    scene.deliver()
    assert not scene.tracks.documents
    assert not scene.describer.asked


@pytest.mark.parametrize("name", sorted(ENVIRON))
def test_a_missing_setting_is_named(name: str) -> None:
    """The function does not start without it."""
    with pytest.raises(SettingMissingError, match=name):
        Settings.from_environ(ENVIRON | {name: ""})
