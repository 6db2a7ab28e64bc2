"""The signed address of a track that has been erased or cancelled stores nothing that stays."""

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


def test_the_picture_of_a_track_that_has_ended_otherwise_stays() -> None:
    """A retry needs it."""
    scene = Scene()
    scene.at(Status.FAILED)
    scene.deliver()
    assert len(scene.objects.objects) == 1
