import gzip
import json
from dataclasses import replace
from typing import Any

import pytest

from musicgenerator import ids
from musicgenerator.drops import MAX_ROUNDS, track_of
from musicgenerator.errors import CaptionFailedError, DamagedPictureError, LeasedError, PictureGoneError
from musicgenerator.events import ObjectFinalized
from musicgenerator.messages import CaptionMessage
from musicgenerator.tracks import PrivateTrack
from tests.contracts.recorded import TOKEN, TRACK, recorded, without_timestamps
from tests.functions.captioner_scene import ENVIRON, PICTURE, RefusingDecoder, Scene


def dropped(**change: Any) -> Scene:
    event = ObjectFinalized.from_data(recorded("storage_finalized_dropped")["body"] | change)
    return Scene(event=event)


def test_a_redelivered_event_of_a_deleted_drop_makes_no_track() -> None:
    """The object was deleted with its track."""
    scene = dropped()
    scene.deliver()
    track = track_of(scene.event)
    scene.tracks.erase(scene.tracks.sessions[track], track)
    scene.objects.erase(scene.event.bucket, scene.event.name)
    scene.deliver()
    assert list(scene.tracks.documents) == [TRACK]


@pytest.mark.parametrize(("bucket", "name"), [("somebody-elses", "a.jpg"), ("musicgenerator-images", "folder/")])
def test_what_is_no_uploaded_picture_is_left_alone(bucket: str, name: str) -> None:
    """An object in another bucket, such as a result, and a folder's marker make no track."""
    scene = Scene()
    scene.event = replace(scene.event, bucket=bucket, name=name)
    scene.deliver()
    assert list(scene.tracks.documents) == [TRACK]
    assert not scene.objects.read_names


def test_a_dropped_object_becomes_a_track_of_the_drop_session() -> None:
    """Its id is derived from the object, its request from the metadata; repeated deliveries find the same track."""
    scene = dropped()
    track = track_of(scene.event)
    scene.deliver()
    token = scene.tracks.works[track].token
    scene.deliver()
    assert set(scene.tracks.documents) == {TRACK, track}
    assert scene.tracks.sessions[track] == ENVIRON["DROP_SESSION"]
    document = scene.tracks.documents[track]
    assert document["status"] == "captioned"
    assert document["request"] == {
        "hint": "",
        "style": "",
        "durationSeconds": 45,
        "language": "ko",
        "engine": None,
        "seed": 7,
    }
    assert scene.tracks.works[track].token == token
    assert document["music"] == {"coverUrl": f"https://storage.googleapis.com/musicgenerator-results/{token}/cover.jpg"}
    assert scene.captions.heard == [(CaptionMessage(ENVIRON["DROP_SESSION"], track, 1), "composer")]
    assert len(scene.describer.asked) == 1


def test_a_dropped_picture_s_two_takes_are_counted_for_nobody() -> None:
    """The second one has the object's name in its private track, too, so that either's deletion deletes the picture."""
    scene = dropped(metadata={"takes": "2", "seed": "7"})
    track = track_of(scene.event)
    twin = ids.twin_of(track)
    for _ in range(2):
        scene.deliver()
    assert set(scene.tracks.documents) == {TRACK, track, twin}
    requests = [scene.tracks.documents[name]["request"] for name in (track, twin)]
    assert [(request["seed"], request.get("takes"), request.get("twinOf")) for request in requests] == [
        (7, 2, None),
        (8, None, track),
    ]
    assert [scene.tracks.works[name].dropped_object for name in (track, twin)] == [scene.event.name] * 2
    assert scene.tracks.pictures == 0
    assert scene.captions.tracks == [twin, track]


def test_an_erased_first_take_that_is_dropped_again_makes_no_other_second_take() -> None:
    """The event came again before the object's deletion; the second take that the person kept stays as it is."""
    scene = dropped(metadata={"takes": "2"})
    track = track_of(scene.event)
    twin = ids.twin_of(track)
    scene.deliver()
    kept = scene.tracks.works[twin].token
    scene.tracks.erase(scene.tracks.sessions[track], track)
    scene.deliver()
    assert scene.tracks.documents[track]["status"] == "captioned"
    assert (scene.tracks.works[twin].token, scene.tracks.works[track].twin_token) == (kept, "")


def test_clients_can_read_neither_object_name_nor_hint_of_a_dropped_picture() -> None:
    """The private track has both, and the describer gets the hint."""
    scene = dropped()
    track = track_of(scene.event)
    for _ in range(2):
        scene.deliver()
    hint = scene.event.metadata["hint"]
    public = json.dumps(scene.tracks.documents[track], default=str, ensure_ascii=False)
    assert scene.event.name not in public
    assert hint not in public
    assert scene.tracks.documents[track]["image"]["object"] == ""
    assert (scene.tracks.works[track].dropped_object, scene.tracks.works[track].hint) == (scene.event.name, hint)
    assert [request.hint for _, request in scene.describer.asked] == [hint]


def test_an_older_track_gives_the_object_name_to_its_private_track() -> None:
    """The claim writes both documents in one commit, so the picture can still be deleted with the track."""
    scene = dropped()
    track = track_of(scene.event)
    image = recorded("track_captioning")["image"] | {
        "object": scene.event.name,
        "generation": scene.event.generation,
        "bucket": scene.event.bucket,
    }
    old = recorded("track_awaiting_upload") | {"image": image}
    scene.tracks.hold(old, ENVIRON["DROP_SESSION"], track, PrivateTrack(TOKEN))
    scene.resume(track)
    assert scene.tracks.documents[track]["status"] == "captioned"
    assert scene.tracks.documents[track]["image"]["object"] == ""
    assert scene.tracks.works[track].dropped_object == scene.event.name


def test_a_dropped_object_s_track_can_be_resumed() -> None:
    """The first invocation crashed after creating it: the sweeper's message names only the track."""
    scene = dropped()
    track = track_of(scene.event)
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
        {"durationSeconds": "long"},
        {"seed": "-1"},
        {"seed": "9" * 5000},
        {"language": "fr"},
        {"goog-reserved-file-mtime": "1795338907"},
        {"from_mapping": "x"},
        {"__class__": "x"},
    ],
    ids=lambda metadata: json.dumps(metadata)[:30],
)
def test_metadata_that_is_not_understood_is_left_to_the_system(metadata: dict[str, str]) -> None:
    """An invalid or unknown entry costs only itself."""
    scene = dropped(metadata={"style": "waltz"} | metadata)
    scene.deliver()
    track = track_of(scene.event)
    expected = recorded("track_awaiting_upload")["request"] | {"hint": "", "style": "waltz"}
    assert scene.tracks.documents[track]["request"] == expected
    assert scene.tracks.documents[track]["status"] == "captioned"


def test_a_track_notes_what_was_changed_or_ignored() -> None:
    """The document is as recorded, without the values that were written; the captioned one keeps the notes."""
    metadata = {"durationseconds": "600", "language": "en-US", "seed": "ten", "hint": "가" * 301, "album": "sea"}
    scene = dropped(metadata=metadata)
    track = track_of(scene.event)
    scene.tracks.meanwhile.append(_crash)
    with pytest.raises(ConnectionError):
        scene.deliver()
    expected = recorded("track_dropped")
    assert without_timestamps(scene.tracks.documents[track]) == without_timestamps(expected)
    assert scene.tracks.works[track].hint == "가" * 299 + "…"
    scene.deliver()
    assert scene.tracks.documents[track]["status"] == "captioned"
    assert scene.tracks.documents[track]["notes"] == expected["notes"]


def test_a_track_without_notes_has_no_such_field() -> None:
    """Announced tracks and ordinary drops are stored as before."""
    scene = dropped()
    scene.deliver()
    assert "notes" not in scene.tracks.documents[track_of(scene.event)]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("gcloud/tmp/parallel_composite_uploads/see_gcloud_storage_cp_help_for_details/1_0", PICTURE, "temporary"),
        ("photos_$folder$", b"", "folder"),
        ("photos/", b"", "folder"),
        (".DS_Store", b"\0\0\0\1Bud1", "system"),
        ("._a.jpg", PICTURE, "system"),
        ("a.AAE", b"<?xml", "sidecar"),
        ("a.jpg", b"", "empty"),
        ("a.jpg", b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "video"),
        ("a.mov", b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "video"),
        ("a.jpg", b"%PDF-1.7", "document"),
        ("a.jpg", b"Dear diary", "text"),
        ("a.jpg", b"ID3\x04", "audio"),
        ("a.jpg", b"PK\3\4", "archive"),
        ("a.jpg", b"\0" * 5000, "unknown"),
        ("a.jpg.gz", gzip.compress(PICTURE, mtime=0), "archive"),
    ],
)
def test_what_is_nobody_s_picture_is_one_log_line(
    capsys: pytest.CaptureFixture[str], name: str, data: bytes, reason: str
) -> None:
    """It makes no track; the line has the reason, which the metric counts, and not the object's name."""
    scene = dropped(name=name, contentType="image/jpeg")
    scene.objects.upload(scene.event, data)
    before = dict(scene.tracks.documents)
    scene.deliver()
    assert scene.tracks.documents == before
    assert not scene.describer.asked
    (line,) = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert (line["severity"], line["message"], line["reason"]) == ("INFO", "not a picture", reason)
    assert name.rstrip("/").rpartition("/")[2] not in json.dumps(line)


def test_a_placeholder_that_becomes_a_picture_gets_its_track() -> None:
    """Some clients create an empty object and replace it a moment later."""
    scene = dropped()
    picture = scene.event
    scene.event = replace(picture, generation=picture.generation - 1, size=0, crc32c="AAAAAA==")
    scene.objects.upload(scene.event, b"")
    scene.deliver()
    assert list(scene.tracks.documents) == [TRACK]
    scene.event = picture
    scene.objects.upload(picture, PICTURE)
    scene.deliver()
    assert scene.tracks.documents[track_of(picture)]["status"] == "captioned"


def test_an_erased_first_turn_is_not_created_again() -> None:
    """The second turn's event is delivered again; a further drop starts the turn after the last existing one."""
    scene = dropped()
    scene.describer.failure = CaptionFailedError("cut short")
    first, second, third = (track_of(scene.event, turn) for turn in range(3))
    scene.deliver()
    rewritten(scene)
    scene.deliver()
    scene.tracks.erase(ENVIRON["DROP_SESSION"], first)
    scene.deliver()
    assert list(scene.tracks.documents) == [TRACK, second]
    rewritten(scene)
    scene.deliver()
    assert list(scene.tracks.documents) == [TRACK, second, third]


def test_a_retried_first_turn_does_not_take_the_picture_of_the_second() -> None:
    """Each track keeps its own generation, so that its deletion deletes that one."""
    scene = dropped()
    scene.describer.failure = CaptionFailedError("cut short")
    first = track_of(scene.event)
    scene.deliver()
    generation = scene.event.generation
    rewritten(scene)
    scene.deliver()
    scene.tracks.documents[first]["status"] = "ready"
    scene.deliver()
    assert scene.tracks.documents[first]["image"]["generation"] == generation


def rewritten(scene: Scene, **change: Any) -> None:
    """Write the scene's object again: a new generation with the same bytes."""
    scene.event = replace(scene.event, generation=scene.event.generation + 1, **change)
    scene.objects.upload(scene.event, PICTURE)


@pytest.mark.parametrize(
    "change",
    [{}, {"content_type": "image/png"}, {"metadata": {"hint": "잔잔한 파도", "seed": "7", "durationSeconds": "45s"}}],
)
def test_a_rewrite_of_the_same_bytes_makes_no_second_track(change: dict[str, Any]) -> None:
    """A new storage class or other metadata is a new generation; the track keeps what it has and names the new one."""
    scene = dropped()
    track = track_of(scene.event)
    scene.deliver()
    token = scene.tracks.works[track].token
    rewritten(scene, **change)
    scene.deliver()
    assert list(scene.tracks.documents) == [TRACK, track]
    assert scene.tracks.documents[track]["image"]["generation"] == scene.event.generation
    assert (scene.tracks.works[track].token, len(scene.describer.asked), len(scene.captions.heard)) == (token, 1, 1)


def test_another_wish_is_another_track() -> None:
    """The same picture with another length is a request for other music."""
    scene = dropped()
    scene.deliver()
    rewritten(scene, metadata={**scene.event.metadata, "durationSeconds": "60"})
    scene.deliver()
    assert len(scene.tracks.documents) == 3
    assert len(scene.captions.heard) == 2


def test_dropping_again_starts_again_only_if_the_picture_was_not_to_blame() -> None:
    """After a failure that may pass, each new drop has one more track; a redelivery has none, and turns are limited."""
    scene = dropped()
    scene.describer.failure = CaptionFailedError("cut short")
    scene.deliver()
    scene.deliver()
    assert list(scene.tracks.documents) == [TRACK, track_of(scene.event)]
    for turn in range(1, MAX_ROUNDS + 2):
        rewritten(scene)
        scene.deliver()
        assert len(scene.tracks.documents) == 1 + min(turn + 1, MAX_ROUNDS)
    assert len(scene.describer.asked) == MAX_ROUNDS


def test_dropping_a_bad_picture_again_has_the_same_end() -> None:
    """The same bytes would fail again."""
    scene = dropped()
    scene.decode = RefusingDecoder(DamagedPictureError("rows are missing"))
    scene.deliver()
    rewritten(scene)
    scene.deliver()
    assert list(scene.tracks.documents) == [TRACK, track_of(scene.event)]


def test_a_picture_that_is_rewritten_before_it_is_read_is_read_in_its_new_generation() -> None:
    """The claim was made for the old one; the track then names the new one, which a deletion of the track deletes."""
    scene = dropped()
    scene.tracks.meanwhile.append(lambda: rewritten(scene))
    scene.deliver()
    document = scene.tracks.documents[track_of(scene.event)]
    assert (document["status"], document["image"]["generation"]) == ("captioned", scene.event.generation)
    scene.deliver()
    assert len(scene.describer.asked) == 1


def test_a_picture_that_is_rewritten_while_it_is_described_keeps_its_new_generation() -> None:
    """The rewrite's event is refused while the first one is handled, but the track already names the new object."""
    scene = dropped()

    def rewrite() -> None:
        rewritten(scene)
        with pytest.raises(LeasedError):
            scene.deliver()

    scene.describer.meanwhile = rewrite
    scene.deliver()
    document = scene.tracks.documents[track_of(scene.event)]
    assert (document["status"], document["image"]["generation"]) == ("captioned", scene.event.generation)


def test_a_late_delivery_of_an_older_generation_changes_nothing() -> None:
    """Two rewrites are delivered at once, the older one's write comes last: the track names the newest generation."""
    scene = dropped()
    scene.deliver()
    rewritten(scene)
    older = scene.event

    def newer() -> None:
        rewritten(scene)
        newest = scene.event
        scene.deliver()
        scene.event, scene.objects.facts[older.bucket, older.name] = older, newest

    scene.tracks.meanwhile.append(newer)
    scene.deliver()
    image = scene.tracks.documents[track_of(older)]["image"]
    assert image["generation"] == older.generation + 1


def test_a_picture_that_is_listed_but_cannot_be_read_is_gone() -> None:
    """The object is looked up again, but not in the generation that could not be read."""
    scene = dropped()
    scene.deliver()
    track = track_of(scene.event)
    scene.tracks.documents[track] |= {"status": "captioning", "brief": None}
    scene.tracks.works[track] = PrivateTrack(TOKEN, dropped_object=scene.event.name)
    del scene.objects.objects[scene.event.bucket, scene.event.name]
    scene.resume(track)
    assert scene.tracks.documents[track]["error"] == PictureGoneError("").to_mapping("ko")


def test_a_picture_that_another_one_replaces_before_it_is_read_is_gone() -> None:
    """Each picture has its own track: the later one's event makes the later one's music."""
    scene = dropped()
    first = track_of(scene.event)
    scene.tracks.meanwhile.append(lambda: rewritten(scene, crc32c="AAAAAQ=="))
    scene.deliver()
    assert scene.tracks.documents[first]["error"] == PictureGoneError("").to_mapping("ko")
    scene.deliver()
    assert scene.tracks.documents[track_of(scene.event)]["status"] == "captioned"


def test_an_object_that_is_deleted_before_its_first_bytes_are_read_makes_no_track() -> None:
    """Temporary objects of unknown clients vanish like this."""
    scene = dropped()
    del scene.objects.objects[scene.event.bucket, scene.event.name]
    scene.deliver()
    assert list(scene.tracks.documents) == [TRACK]


def _crash() -> None:
    raise ConnectionError("crashed")
