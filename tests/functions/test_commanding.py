from typing import Any

import pytest
from command_requests import CommandRequest
from commanding import TrackState
from problems import (
    InvalidRequestError,
    KeyReusedError,
    ProblemError,
    UnknownSessionError,
    UnknownTrackError,
    WrongStateError,
)

from musicgenerator.errors import TrackCancelledError
from musicgenerator.messages import CaptionMessage
from musicgenerator.states import FINAL, Status
from tests.contracts.recorded import JOB, SESSION, TOKEN, TRACK, recorded, recorded_work
from tests.functions.commands_scene import KEY, OTHER, OTHER_SECRET, RESULTS, SECRET, UNDER_WAY, Scene, failed

COMMANDS = ["again", "cancel", "retry"]


def test_again_makes_another_track_of_the_same_picture() -> None:
    """At `captioned`, first attempt, the picture's facts copied, a folder and a seed of its own, announced."""
    scene = Scene()
    standing = scene.command("again")
    (track,) = scene.other_tracks()
    assert TrackState(SESSION, track, Status.CAPTIONED, 1) == standing
    document, source = scene.tracks.documents[track], scene.document
    for name in ("image", "brief"):
        assert document[name] == source[name]
    token = scene.tracks.works[track].token
    assert token != TOKEN
    assert document["music"]["coverUrl"] == f"https://storage.googleapis.com/{RESULTS}/{token}/cover.jpg"
    assert scene.buckets.read(RESULTS, f"{token}/cover.jpg") == b"cover"
    assert document["request"] == source["request"] | {"seed": document["request"]["seed"]}
    assert 0 <= document["request"]["seed"] < 2**32
    assert scene.captions.heard == [(CaptionMessage(SESSION, track, 1), "composer")]
    assert scene.tracks.works[track].published
    assert scene.tracks.expiries[track] == scene.sessions.sessions[SESSION].expires_at


def test_the_source_of_another_take_stays_as_it_was() -> None:
    """Its document, its work and its objects."""
    scene = Scene()
    scene.command("again", {"title": "밤"})
    assert scene.document == recorded("track_ready")
    assert scene.tracks.works[TRACK] == recorded_work(published=True)


def test_what_is_edited_stands_in_the_brief_and_the_request() -> None:
    """Every field that a person may edit; the rest is as it was."""
    scene = Scene()
    edit = {
        "title": "밤바다",
        "caption": "달빛이 비쳐요.",
        "prompt": "Dark waltz",
        "avoid": "",
        "moods": ["dark"],
        "genre": "waltz",
        "instruments": ["cello", "harp"],
        "tempoBpm": 90,
        "key": "D minor",
        "valence": -0.5,
        "energy": 0.9,
    }
    wishes = {"durationSeconds": 60, "seed": 5, "engine": "lyria-002"}
    track = scene.command("again", edit | wishes).track
    document = scene.tracks.documents[track]
    assert document["brief"] == scene.document["brief"] | edit
    assert document["request"] == scene.document["request"] | wishes
    assert scene.captions.heard[0][1] == "lyria-002"


def test_words_are_brought_down_to_plain_text() -> None:
    """Addresses, markup and invisible characters go, as they go from a model's words."""
    scene = Scene()
    track = scene.command("again", {"title": "<b>밤</b>\u202e https://evil.example 바다"}).track
    assert scene.tracks.documents[track]["brief"]["title"] == "밤 바다"


@pytest.mark.parametrize(
    ("edit", "name"),
    [
        ({"title": "가" * 81}, "title"),
        ({"title": ""}, "title"),
        ({"title": "https://evil.example"}, "title"),
        ({"title": "\ud83c"}, "title"),
        ({"caption": 5}, "caption"),
        ({"moods": ["Dark!"]}, "moods"),
        ({"moods": []}, "moods"),
        ({"genre": "polka"}, "genre"),
        ({"instruments": ["kazoo"]}, "instruments"),
        ({"instruments": "piano"}, "instruments"),
        ({"tempoBpm": 201}, "tempoBpm"),
        ({"tempoBpm": float("nan")}, "tempoBpm"),
        ({"key": "H major"}, "key"),
        ({"valence": -1.1}, "valence"),
        ({"energy": True}, "energy"),
        ({"durationSeconds": 9}, "durationSeconds"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**32}, "seed"),
        ({"engine": "kazoo"}, "engine"),
        ({"altText": "another"}, "altText"),
        ({"language": "en"}, "language"),
        ({"attempt": 2}, "attempt"),
    ],
)
def test_an_edit_out_of_bounds_is_named(edit: dict[str, Any], name: str) -> None:
    """Nothing is made, counted or announced."""
    scene = Scene()
    with pytest.raises(InvalidRequestError) as caught:
        scene.command("again", edit)
    assert caught.value.members == {"field": name}
    assert not scene.other_tracks()
    assert not scene.ledger.counts
    assert not scene.captions.heard


@pytest.mark.parametrize("status", [Status.AWAITING_UPLOAD, Status.CAPTIONING, Status.REJECTED])
def test_a_track_without_a_brief_has_no_other_take(status: Status) -> None:
    """There is nothing to make it of."""
    scene = Scene(status=status, fields={"brief": None})
    with pytest.raises(WrongStateError):
        scene.command("again")
    assert not scene.other_tracks()


def test_another_take_without_a_cover_is_made_all_the_same() -> None:
    """The cover may have been removed by hand."""
    scene = Scene()
    scene.buckets.objects.clear()
    track = scene.command("again").track
    assert scene.tracks.documents[track]["music"] is None
    assert len(scene.captions.heard) == 1


def test_the_same_key_and_body_make_one_take() -> None:
    """One track with one seed, counted once and announced once."""
    scene = Scene()
    first, again = (scene.command("again", {"title": "밤"}, KEY) for _ in range(2))
    assert again == first
    assert scene.other_tracks() == [first.track]
    assert set(scene.ledger.counts.values()) == {1}
    assert len(scene.captions.heard) == 1


def test_a_crash_before_the_announcement_is_made_up_for_by_the_repeated_request() -> None:
    """The topic failed: the same track is announced the second time, in the same folder."""
    scene = Scene()
    scene.captions.failures.append(ConnectionError("reset"))
    with pytest.raises(ConnectionError):
        scene.command("again", key=KEY)
    (track,) = scene.other_tracks()
    assert not scene.tracks.works[track].published
    assert scene.command("again", key=KEY).track == track
    assert [message for message, _ in scene.captions.heard] == [CaptionMessage(SESSION, track, 1)]
    assert len(scene.buckets.objects) == 3


@pytest.mark.parametrize("name", COMMANDS)
def test_a_key_belongs_to_one_body(name: str) -> None:
    """Another body under the same key is refused, whatever the command."""
    scene = failed()
    scene.command(name, {}, KEY)
    before = dict(scene.tracks.documents)
    with pytest.raises(KeyReusedError):
        scene.command(name, {"seed": 1}, KEY)
    assert scene.tracks.documents == before


@pytest.mark.parametrize("status", UNDER_WAY)
def test_a_track_under_way_is_cancelled_with_words(status: Status) -> None:
    """In the person's language; the second time nothing changes."""
    scene = Scene(status=status)
    for _ in range(2):
        assert scene.command("cancel") == TrackState(SESSION, TRACK, Status.CANCELLED, 1)
        assert (scene.document["error"]) == {
            "code": "cancelled",
            "message": TrackCancelledError.words["ko"],
            "retryable": False,
        }
    assert scene.tracks.steps == [(TRACK, Status.CANCELLED)]


@pytest.mark.parametrize("status", [Status.CAPTIONED, Status.LAUNCHING, Status.COMPOSING])
def test_with_the_track_its_job_is_cancelled(status: Status) -> None:
    """And again when the command is repeated: the first one may have crashed before."""
    scene = Scene(status=status)
    scene.command("cancel")
    assert scene.jobs.cancelled == [JOB]
    scene.command("cancel")
    assert scene.jobs.cancelled == [JOB, JOB]


def test_a_track_without_a_brief_has_no_job_to_cancel() -> None:
    """Nobody asks Vertex AI."""
    scene = Scene(status=Status.CAPTIONING)
    scene.command("cancel")
    assert not scene.jobs.cancelled


@pytest.mark.parametrize("status", sorted(FINAL - {Status.CANCELLED}))
def test_a_track_at_its_end_stays_as_it_is(status: Status) -> None:
    """The answer says where it stands."""
    scene = Scene(status=status)
    assert status is scene.command("cancel").status
    assert scene.document == recorded(f"track_{status}")
    assert not scene.jobs.cancelled


def test_music_that_is_ready_in_the_very_moment_stays() -> None:
    """The notifier wrote between the decision and the commit."""
    scene = Scene(status=Status.COMPOSING)
    scene.tracks.meanwhile.append(lambda: scene.at(Status.READY))
    assert scene.command("cancel").status is Status.READY
    assert scene.document == recorded("track_ready")


def test_a_repeated_cancellation_does_not_reach_the_next_attempt() -> None:
    """A key stands for the attempt that it was given to."""
    scene = Scene(status=Status.FAILED)
    assert scene.command("cancel", key=KEY).status is Status.FAILED
    scene.at(Status.COMPOSING, attempt=2)
    assert scene.command("cancel", key=KEY).status is Status.COMPOSING


@pytest.mark.parametrize("name", COMMANDS)
def test_another_session_s_track_is_not_there(name: str) -> None:
    """404, and nothing is changed, whichever of the two sessions is named."""
    scene = failed()
    before = dict(scene.document)
    command = getattr(scene.api.commands, name)
    with pytest.raises(UnknownTrackError):
        command(CommandRequest(OTHER, OTHER_SECRET, TRACK, {}))
    with pytest.raises(UnknownSessionError):
        command(CommandRequest(SESSION, OTHER_SECRET, TRACK, {}))
    with pytest.raises(UnknownTrackError):
        command(CommandRequest(SESSION, SECRET, "t" + "a" * 26, {}))
    assert scene.document == before
    assert not scene.other_tracks()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_key_that_anybody_could_guess_is_refused(name: str) -> None:
    """Before anything is changed."""
    scene = failed()
    before = dict(scene.document)
    with pytest.raises(ProblemError) as caught:
        scene.command(name, key="short")
    assert caught.value.members == {"field": "Idempotency-Key"}
    assert scene.document == before
