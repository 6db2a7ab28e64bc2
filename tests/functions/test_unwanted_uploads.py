"""The signed address of a track that has been erased or cancelled stores nothing that stays."""

from dataclasses import replace

import pytest

from musicgenerator.states import Status
from tests.contracts.recorded import SESSION, TRACK
from tests.functions.captioner_scene import Scene


@pytest.mark.parametrize("how", ["erased", "cancelled"])
def test_an_unwanted_upload_is_deleted_at_once(how: str) -> None:
    """Before, the picture stayed in the bucket for a day. A second delivery finds nothing."""
    scene = Scene()
    if how == "erased":
        scene.tracks.erase(SESSION, TRACK)
    else:
        scene.at(Status.CANCELLED)
    scene.deliver()
    scene.deliver()
    assert scene.objects.objects == {}
    assert (scene.describer.asked, scene.captions.heard) == ([], [])


def test_an_upload_whose_track_is_cancelled_before_the_claim_is_deleted() -> None:
    """The cancellation came after the captioner had found a track that waits for its picture."""
    scene = Scene()
    scene.tracks.meanwhile.append(lambda: scene.at(Status.CANCELLED))
    scene.deliver()
    assert scene.objects.objects == {}
    assert (scene.document["status"], scene.describer.asked) == ("cancelled", [])


def test_a_dropped_object_beside_an_unwanted_upload_stays() -> None:
    """Its name starts with the name of the announced upload, and it is another picture."""
    scene = Scene()
    beside = replace(scene.event, name=f"{scene.event.name}.jpg")
    scene.objects.upload(beside, b"another")
    scene.at(Status.CANCELLED)
    scene.deliver()
    assert list(scene.objects.objects) == [(beside.bucket, beside.name)]


def test_the_picture_of_a_track_that_has_ended_otherwise_stays() -> None:
    """A retry needs it."""
    scene = Scene()
    scene.at(Status.FAILED)
    scene.deliver()
    assert len(scene.objects.objects) == 1
