import json
from dataclasses import replace
from typing import Any

import pytest

from musicgenerator import ids
from musicgenerator.events import ObjectFinalized
from musicgenerator.messages import CaptionMessage
from musicgenerator.tracks import PrivateTrack
from tests.contracts.recorded import TOKEN, TRACK, recorded
from tests.functions.captioner_scene import ENVIRON, Scene


def dropped(**change: Any) -> Scene:
    event = ObjectFinalized.from_data(recorded("storage_finalized_dropped")["body"] | change)
    return Scene(event=event)


def test_a_redelivered_event_of_a_deleted_drop_makes_no_track() -> None:
    """The object was deleted with its track."""
    scene = dropped()
    scene.deliver()
    track = ids.dropped_track_id(scene.event.bucket, scene.event.name, scene.event.generation)
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
    track = ids.dropped_track_id(scene.event.bucket, scene.event.name, scene.event.generation)
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


def test_clients_can_read_neither_object_name_nor_hint_of_a_dropped_picture() -> None:
    """The private track has both, and the describer gets the hint."""
    scene = dropped()
    track = ids.dropped_track_id(scene.event.bucket, scene.event.name, scene.event.generation)
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
    track = ids.dropped_track_id(scene.event.bucket, scene.event.name, scene.event.generation)
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


def _crash() -> None:
    raise ConnectionError("crashed")
