import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from captioning import MAX_CLAIMS, Settings

from musicgenerator import errors, ids
from musicgenerator.errors import (
    CaptionAbandonedError,
    CaptionFailedError,
    CaptionUnavailableError,
    ContentRejectedError,
    LeasedError,
    PermanentError,
    PictureGoneError,
    PictureTooLargeError,
    UploadMissingError,
)
from musicgenerator.events import ObjectFinalized
from musicgenerator.messages import CaptionMessage
from musicgenerator.settings import SettingMissingError
from musicgenerator.states import FINAL, Status
from tests.contracts.recorded import TOKEN, TRACK, recorded, recorded_track, recorded_usage, without_timestamps
from tests.functions.captioner_scene import ANNOUNCED, ENVIRON, RefusingDecoder, Scene, picture_of


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


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


def test_the_describer_gets_the_picture_and_the_wish() -> None:
    """It receives the decoded picture, never the upload, and the person's request."""
    scene = Scene()
    scene.deliver()
    assert [(picture_of(b""), recorded_track(Status.AWAITING_UPLOAD).request)] == scene.describer.asked


def test_the_asked_engine_is_announced() -> None:
    """Subscriptions filter by it."""
    scene = Scene()
    scene.asking(engine="lyria-002")
    scene.deliver()
    assert [engine for _, engine in scene.captions.heard] == ["lyria-002"]


def test_a_second_delivery_pays_and_announces_nothing_twice() -> None:
    """The describer is called once and one message is published."""
    scene = Scene()
    scene.deliver()
    before = scene.document
    scene.deliver()
    assert scene.document == before
    assert len(scene.describer.asked) == 1
    assert scene.captions.heard == [ANNOUNCED]


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


def test_another_holder_s_lease_has_the_event_come_again() -> None:
    """Two invocations never process one track at the same time."""
    scene = Scene()
    scene.at(Status.CAPTIONING, owner="another", lease_until=soon())
    with pytest.raises(LeasedError):
        scene.deliver()
    assert not scene.describer.asked


@pytest.mark.parametrize("until", [datetime(2026, 1, 1, tzinfo=UTC), None], ids=["ended", "released"])
def test_a_lease_that_has_ended_is_taken_over(until: datetime | None) -> None:
    """The first holder crashed or released it; the track is captioned."""
    scene = Scene()
    scene.at(Status.CAPTIONING, owner="another", lease_until=until)
    scene.deliver()
    assert without_timestamps(scene.document) == without_timestamps(recorded("track_captioned"))
    assert scene.captions.heard == [ANNOUNCED]


def test_a_lease_lasts_longer_than_a_description_can() -> None:
    """Two calls of a minute each fit into it."""
    scene = Scene()
    leases: list[datetime | None] = []
    scene.describer.meanwhile = lambda: leases.append(scene.work.lease_until)
    before = datetime.now(UTC)
    scene.deliver()
    assert leases[0] is not None
    lease = timedelta(seconds=150)
    assert before + lease <= leases[0] <= datetime.now(UTC) + lease


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_lost_answer_to_an_own_write_is_no_duplicate(lost: int) -> None:
    """The commit succeeded but its answer was lost: the handler recognizes its own claim and continues."""
    scene = Scene()
    scene.tracks.lost_answers = lost
    scene.deliver()
    assert without_timestamps(scene.document) == without_timestamps(recorded("track_captioned"))
    assert scene.captions.heard == [ANNOUNCED]
    assert scene.work.published
    assert len(scene.describer.asked) == 1


def test_a_picture_delivered_five_times_at_once_is_paid_and_announced_once() -> None:
    """The first delivery describes it, the other four are delivered again and find it done."""
    scene = Scene()
    refused: list[LeasedError] = []

    def deliver_the_others() -> None:
        for _ in range(4):
            with pytest.raises(LeasedError) as caught:
                scene.deliver()
            refused.append(caught.value)

    scene.describer.meanwhile = deliver_the_others
    scene.deliver()
    for _ in refused:
        scene.deliver()
    assert len(refused) == 4
    assert len(scene.describer.asked) == 1
    assert scene.captions.heard == [ANNOUNCED]
    assert without_timestamps(scene.document) == without_timestamps(recorded("track_captioned"))


def test_of_two_claims_at_once_one_wins() -> None:
    """The other writer claimed between decision and commit: this one decides again and leaves the track."""
    scene = Scene()
    scene.tracks.meanwhile.append(lambda: scene.at(Status.CAPTIONING, owner="another", lease_until=soon()))
    with pytest.raises(LeasedError):
        scene.deliver()
    assert scene.work.owner == "another"
    assert not scene.describer.asked


@pytest.mark.parametrize("failure", [None, CaptionFailedError("late"), CaptionUnavailableError("late")])
def test_a_slow_handler_that_was_overtaken_writes_nothing(failure: Any) -> None:
    """Its lease ended and another invocation owns the track: neither its brief nor its error is written."""
    scene = Scene()
    scene.describer.failure = failure
    until = soon()
    scene.describer.meanwhile = lambda: scene.at(Status.CAPTIONING, owner="another", lease_until=until)
    if isinstance(failure, CaptionUnavailableError):
        with pytest.raises(CaptionUnavailableError):
            scene.deliver()
    else:
        scene.deliver()
    assert scene.document == recorded("track_captioning")
    assert (scene.work.owner, scene.work.lease_until) == ("another", until)
    assert not scene.captions.heard


@pytest.mark.parametrize("end", sorted(FINAL))
def test_a_track_that_ended_meanwhile_stays_ended(end: Status) -> None:
    """A handler that was still describing the picture does not caption a cancelled track."""
    scene = Scene()
    scene.describer.meanwhile = lambda: scene.at(end)
    scene.deliver()
    assert scene.document == recorded(f"track_{end}")
    assert not scene.captions.heard


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
    assert CaptionFailedError("").to_mapping("ko") == scene.document["error"]
    assert scene.document["describer"] == recorded("track_captioned")["describer"]
    assert (scene.document["image"]["width"], scene.document["image"]["height"]) == (4032, 3024)


def test_a_busy_describer_releases_the_lease_and_has_the_event_come_again() -> None:
    """The next delivery need not wait for the lease to end."""
    scene = Scene()
    scene.describer.failure = CaptionUnavailableError("429")
    with pytest.raises(CaptionUnavailableError):
        scene.deliver()
    assert scene.document["status"] == "captioning"
    assert scene.work.lease_until is None
    scene.describer.failure = None
    scene.deliver()
    assert scene.document["status"] == "captioned"
    assert scene.captions.heard == [ANNOUNCED]


@pytest.mark.parametrize(("claims", "status"), [(MAX_CLAIMS - 1, "captioned"), (MAX_CLAIMS, "failed")])
def test_a_picture_that_was_claimed_too_often_fails(claims: int, status: str) -> None:
    """After too many crashes or transient errors the track fails, and the describer is not called again."""
    scene = Scene()
    scene.at(Status.CAPTIONING, owner="another", claims=claims)
    scene.deliver()
    assert scene.document["status"] == status
    assert (status == "captioned") is bool(scene.describer.asked)
    ended = CaptionAbandonedError("").to_mapping("ko")
    assert (ended if status == "failed" else None) == scene.document["error"]


def test_every_claim_is_counted() -> None:
    """A claim counts even if its description fails."""
    scene = Scene()
    scene.describer.failure = CaptionUnavailableError("429")
    for claims in (1, 2, 3):
        with pytest.raises(CaptionUnavailableError):
            scene.deliver()
        assert scene.work.claims == claims


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
    assert PictureGoneError("").to_mapping("ko") == scene.document["error"]


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


def test_a_redelivered_event_of_a_deleted_drop_makes_no_track() -> None:
    """The object was deleted with its track."""
    scene = dropped()
    scene.deliver()
    track = ids.dropped_track_id(scene.event.bucket, scene.event.name, scene.event.generation)
    scene.tracks.erase(scene.tracks.sessions[track], track)
    scene.objects.erase(scene.event.bucket, scene.event.name)
    scene.deliver()
    assert list(scene.tracks.documents) == [TRACK]


def test_an_object_beyond_the_limit_is_not_downloaded() -> None:
    """Downloading 5 TB would kill the instance, and the track would never end."""
    scene = Scene(decode=RefusingDecoder(PictureTooLargeError("too large")))
    scene.objects.upload(replace(scene.event, size=5 * 10**12), b"picture")
    scene.deliver()
    assert PictureTooLargeError("").to_mapping("ko") == scene.document["error"]
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
    assert UploadMissingError("").to_mapping("ko") == scene.document["error"]
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


@pytest.mark.parametrize(("bucket", "name"), [("somebody-elses", "a.jpg"), ("musicgenerator-images", "folder/")])
def test_what_is_no_uploaded_picture_is_left_alone(bucket: str, name: str) -> None:
    """An object in another bucket, such as a result, and a folder's marker make no track."""
    scene = Scene()
    scene.event = replace(scene.event, bucket=bucket, name=name)
    scene.deliver()
    assert list(scene.tracks.documents) == [TRACK]
    assert not scene.objects.read_names


def _crash() -> None:
    raise ConnectionError("crashed")


def dropped(**change: Any) -> Scene:
    event = ObjectFinalized.from_data(recorded("storage_finalized_dropped")["body"] | change)
    return Scene(event=event)


def test_a_dropped_object_becomes_a_track_of_the_drop_session() -> None:
    """Its id is derived from the object, its request from the metadata; repeated deliveries find the same track."""
    scene = dropped()
    track = ids.dropped_track_id(scene.event.bucket, scene.event.name, scene.event.generation)
    scene.deliver()
    token = scene.tracks.works[track].token
    scene.deliver()
    assert set(scene.tracks.documents) == {TRACK, track}
    assert scene.tracks.sessions[track] == ENVIRON["DROP_SESSION"]
    document = scene.tracks.documents[track]
    assert document["status"] == "captioned"
    assert document["request"] == {
        "hint": "잔잔한 파도",
        "style": "",
        "durationSeconds": 45,
        "language": "ko",
        "engine": None,
        "seed": 7,
    }
    assert scene.tracks.works[track].token == token
    assert document["music"] == {"coverUrl": f"https://storage.googleapis.com/musicgenerator-results/{token}/cover.jpg"}
    assert [(CaptionMessage(ENVIRON["DROP_SESSION"], track, 1), "composer")] == scene.captions.heard
    assert len(scene.describer.asked) == 1


def test_a_dropped_object_s_track_can_be_resumed() -> None:
    """The first invocation crashed after creating it: the sweeper's message names only the track."""
    scene = dropped()
    track = ids.dropped_track_id(scene.event.bucket, scene.event.name, scene.event.generation)
    scene.tracks.meanwhile.append(_crash)
    with pytest.raises(ConnectionError):
        scene.deliver()
    assert scene.tracks.documents[track]["status"] == "awaiting_upload"
    scene.resume(track)
    assert scene.tracks.documents[track]["status"] == "captioned"


def test_an_upload_for_a_track_that_was_deleted_meanwhile_makes_none() -> None:
    """`uploads/TRACK` belongs to an announced track; if that is deleted, a late upload creates nothing."""
    scene = dropped(name=ids.upload_name(ids.new_track_id()))
    before = dict(scene.tracks.documents)
    scene.deliver()
    assert scene.tracks.documents == before


@pytest.mark.parametrize(
    "metadata",
    [
        {"durationSeconds": "5"},
        {"durationSeconds": "long"},
        {"durationSeconds": "30.5"},
        {"seed": "-1"},
        {"seed": "9" * 5000},
        {"language": "fr"},
        {"hint": "가" * 301},
        {"goog-reserved-file-mtime": "1795338907"},
        {"from_mapping": "x"},
        {"__class__": "x"},
    ],
    ids=lambda metadata: json.dumps(metadata)[:30],
)
def test_metadata_that_is_not_understood_is_left_to_the_system(metadata: dict[str, str]) -> None:
    """An invalid or unknown entry affects neither the track nor the valid entries."""
    scene = dropped(metadata={"style": "waltz"} | metadata)
    scene.deliver()
    track = ids.dropped_track_id(scene.event.bucket, scene.event.name, scene.event.generation)
    expected = recorded("track_awaiting_upload")["request"] | {"hint": "", "style": "waltz"}
    assert scene.tracks.documents[track]["request"] == expected
    assert scene.tracks.documents[track]["status"] == "captioned"


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
