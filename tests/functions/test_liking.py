"""A like is set in the track's document and changes nothing else."""

from dataclasses import replace
from typing import Any

import pytest

from musicgenerator.states import Status
from tests.contracts.recorded import SESSION, TRACK
from tests.functions.test_limits import KEY, OTHER, Scene, assert_limited

PATH = f"/v1/sessions/{SESSION}/tracks/{TRACK}:like"


@pytest.mark.parametrize("status", list(Status))
def test_a_track_in_any_state_is_liked(status: Status) -> None:
    """Nothing but the field and the time of the change differs, and no message is published."""
    scene = Scene()
    scene.hold(status)
    before = dict(scene.tracks.documents[TRACK])
    response = scene.post(PATH, {"liked": True})
    assert (response.status_code, response.get_json()) == (200, {"session": SESSION, "track": TRACK, "liked": True})
    after = scene.tracks.documents[TRACK]
    assert after == before | {"liked": True, "updatedAt": after["updatedAt"]}
    assert (scene.captions.heard, scene.pictures.heard) == ([], [])


def test_only_a_change_is_written_and_counted() -> None:
    """The same like again changes nothing; there and back again counts twice, whatever keys are sent."""
    scene = Scene()
    scene.hold(Status.READY)
    for liked in (True, True, False, False):
        assert scene.post(PATH, {"liked": liked}, key=KEY).status_code == 200
        assert scene.tracks.documents[TRACK]["liked"] is liked
    assert scene.ledger.counts[f"session {SESSION}", "likes"] == 2
    assert scene.tracks.versions[TRACK] == 3


def test_likes_are_limited_and_count_as_no_tracks() -> None:
    """A session may change ten likes for each track of a day; one that changes nothing is always answered."""
    scene = Scene()
    scene.limits = replace(scene.limits, session_tracks=1)
    scene.hold(Status.READY)
    answers = [scene.post(PATH, {"liked": place % 2 == 0}).status_code for place in range(10)]
    assert answers == [200] * 10
    assert_limited(scene.post(PATH, {"liked": True}), "10 likes for one session")
    assert scene.post(PATH, {"liked": False}).status_code == 200
    assert scene.announce().status_code == 201


@pytest.mark.parametrize("body", [{}, {"liked": None}, {"liked": 1}, {"liked": "true"}])
def test_a_like_is_true_or_false(body: dict[str, Any]) -> None:
    """Anything else is refused by the field's name."""
    scene = Scene()
    scene.hold(Status.READY)
    response = scene.post(PATH, body)
    assert (response.status_code, response.get_json()["field"]) == (400, "liked")
    assert "liked" not in scene.tracks.documents[TRACK]


def test_another_session_s_track_and_a_closed_session_are_refused() -> None:
    """As with every command."""
    scene = Scene()
    scene.hold(Status.READY)
    assert scene.post(PATH.replace(SESSION, OTHER), {"liked": True}, OTHER).status_code == 404
    scene.tracks.meanwhile.append(lambda: scene.tracks.erase(SESSION, TRACK))
    assert scene.post(PATH, {"liked": True}).status_code == 404
    scene.hold(Status.READY)
    scene.sessions.end(SESSION)
    assert scene.post(PATH, {"liked": True}).status_code == 401


def test_a_like_survives_the_next_attempt_and_a_late_result() -> None:
    """A change that was decided on the track before the like is decided again, so neither is lost."""
    scene = Scene()
    scene.hold(Status.COMPOSING)

    def like() -> None:
        scene.post(PATH, {"liked": True})

    scene.tracks.meanwhile.append(like)
    assert scene.post(PATH.replace(":like", ":cancel")).status_code == 200
    assert (scene.tracks.documents[TRACK]["status"], scene.tracks.documents[TRACK]["liked"]) == ("cancelled", True)
