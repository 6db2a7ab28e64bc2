"""Which objects the captioner captions, and how long the tracks of dropped ones live."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from musicgenerator.drops import track_of
from musicgenerator.errors import PictureTooLargeError
from musicgenerator.events import ObjectFinalized
from musicgenerator.tracks import MAX_PICTURE_BYTES
from tests.contracts.recorded import TRACK, recorded
from tests.functions.captioner_scene import ENVIRON, Scene


@pytest.mark.parametrize(("size", "status"), [(MAX_PICTURE_BYTES, "captioned"), (MAX_PICTURE_BYTES + 1, "failed")])
def test_a_picture_may_have_the_size_that_the_api_accepts(size: int, status: str) -> None:
    """The limit is inclusive; one byte more is not downloaded."""
    scene = Scene()
    scene.objects.upload(replace(scene.event, size=size), b"picture")
    scene.deliver()
    assert scene.document["status"] == status
    if status == "failed":
        assert scene.document["error"] == PictureTooLargeError("").to_mapping("ko")


def test_the_track_of_a_dropped_picture_lives_for_thirty_days() -> None:
    """Firestore deletes it after that."""
    scene = Scene(event=ObjectFinalized.from_data(recorded("storage_finalized_dropped")["body"]))
    before = datetime.now(UTC)
    scene.deliver()
    track = track_of(scene.event)
    month = timedelta(days=30)
    assert before + month <= scene.tracks.expiries[track] <= datetime.now(UTC) + month
    assert scene.tracks.sessions[track] == ENVIRON["DROP_SESSION"]


@pytest.mark.parametrize(
    ("bucket", "name"),
    [("musicgenerator-results", "cover.jpg"), ("musicgenerator-images", "folder/"), ("another", f"uploads/{TRACK}")],
)
def test_an_object_that_exists_is_no_picture_in_another_bucket_or_as_a_folder(bucket: str, name: str) -> None:
    """A cover, a folder's marker and an upload of somebody else make no track and are not read."""
    scene = Scene()
    scene.event = replace(scene.event, bucket=bucket, name=name)
    scene.objects.upload(scene.event, b"picture")
    before = dict(scene.tracks.documents)
    scene.deliver()
    assert scene.tracks.documents == before
    assert scene.objects.read_names == []
