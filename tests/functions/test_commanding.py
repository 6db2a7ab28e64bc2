from dataclasses import replace
from typing import Any

import pytest
from command_requests import CommandRequest
from commanding import TrackState
from problems import (
    EngineRefusedError,
    InvalidRequestError,
    KeyReusedError,
    ProblemError,
    UnknownSessionError,
    UnknownTrackError,
    WrongStateError,
)

from musicgenerator.errors import TrackCancelledError
from musicgenerator.messages import CaptionMessage, PictureMessage
from musicgenerator.states import FINAL, Status
from tests.contracts.recorded import JOB, SESSION, TOKEN, TRACK, recorded, recorded_work
from tests.functions.commands_scene import KEY, OTHER, OTHER_SECRET, RESULTS, SECRET, UNDER_WAY, Scene, failed

COMMANDS = ["again", "cancel", "retry"]


def test_again_creates_another_track_of_the_same_picture() -> None:
    """The new track is captioned and announced, with the picture's facts, its own folder and its own seed."""
    scene = Scene()
    state = scene.command("again")
    (track,) = scene.other_tracks()
    assert state == TrackState(SESSION, track, Status.CAPTIONED, 1)
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
    assert scene.buckets.lifetimes == {(RESULTS, f"{token}/cover.jpg"): scene.tracks.expiries[track]}


def test_again_keeps_the_object_name_of_a_dropped_picture_private() -> None:
    """The new track's deletion also deletes the picture, whose name only the private track has."""
    scene = Scene()
    scene.tracks.works[TRACK] = replace(scene.tracks.works[TRACK], dropped_object="beach.jpg")
    track = scene.command("again").track
    assert scene.tracks.works[track].dropped_object == "beach.jpg"
    assert "beach.jpg" not in str(scene.tracks.documents[track])


def test_again_does_not_change_its_source() -> None:
    """Document, private track and objects stay."""
    scene = Scene()
    scene.command("again", {"title": "밤"})
    assert scene.document == recorded("track_ready")
    assert scene.tracks.works[TRACK] == recorded_work(published=True)


def test_edits_replace_fields_of_brief_and_request() -> None:
    """Every editable field is replaced; all others keep their values."""
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
    # Tempo, key, instruments and moods are edited, so nothing explains them any more.
    described = {name: value for name, value in scene.document["brief"].items() if name != "why"}
    assert document["brief"] == described | edit | {"editedByPerson": True}
    assert document["request"] == scene.document["request"] | wishes


@pytest.mark.parametrize(
    ("edit", "gone"),
    [
        ({"tempoBpm": 90}, "tempo"),
        ({"key": "D minor"}, "key"),
        ({"instruments": ["cello"]}, "instruments"),
        ({"moods": ["dark"]}, "mood"),
        ({"title": "밤", "genre": "jazz", "valence": 0.1}, ""),
        ({"tempoBpm": 72, "key": "D major"}, ""),
    ],
)
def test_an_edit_drops_the_reason_of_what_it_changes(edit: dict[str, Any], gone: str) -> None:
    """The other reasons are still those of the picture."""
    scene = Scene()
    track = scene.command("again", edit).track
    why = scene.document["brief"]["why"]
    assert scene.tracks.documents[track]["brief"]["why"] == {name: why[name] for name in why if name != gone}


def test_written_words_are_moderated_before_anything_is_made() -> None:
    """The captioner gets the track, and the launcher does not."""
    scene = Scene()
    for field in ("title", "caption", "prompt", "avoid"):
        track = scene.command("again", {field: "Written words"}).track
        assert scene.tracks.documents[track]["status"] == "captioning"
        assert scene.tracks.works[track].unchecked
        assert scene.pictures.heard.pop() == PictureMessage(track)
        assert scene.tracks.documents[track]["music"]["coverUrl"]
    assert scene.captions.heard == []


@pytest.mark.parametrize(
    ("edit", "is_edited"),
    [
        ({}, False),
        ({"seed": 5}, False),
        ({"moods": ["dark"]}, True),
        ({"genre": "jazz"}, True),
        ({"title": None}, False),
    ],
)
def test_an_edit_without_written_words_is_made_at_once(edit: dict[str, Any], is_edited: bool) -> None:
    """Its brief says whether a person changed it; words that stay have been moderated."""
    scene = Scene()
    edit |= {"title": scene.document["brief"]["title"]}
    track = scene.command("again", edit).track
    document = scene.tracks.documents[track]
    assert (document["status"], document["brief"].get("editedByPerson", False)) == ("captioned", is_edited)
    assert scene.captions.tracks == [track]
    assert scene.pictures.heard == []


@pytest.mark.parametrize("status", [Status.CAPTIONING, Status.REJECTED, Status.FAILED])
def test_words_that_have_not_passed_are_not_copied_past_moderation(status: Status) -> None:
    """Another version of a track whose words were refused, or not moderated yet, is moderated too."""
    scene = Scene(
        status=status, fields={"brief": recorded("track_ready")["brief"], "image": recorded("track_ready")["image"]}
    )
    scene.tracks.works[TRACK] = replace(scene.tracks.works[TRACK], unchecked=True)
    track = scene.command("again").track
    assert (scene.tracks.documents[track]["status"], scene.tracks.works[track].unchecked) == ("captioning", True)
    assert scene.captions.heard == []


@pytest.mark.parametrize("body", [{"engine": "lyria-002"}, {"engine": "endpoint"}])
def test_an_engine_that_the_operator_does_not_offer_is_refused(body: dict[str, Any]) -> None:
    """The operator would pay for it. Nothing is created or counted."""
    scene = Scene()
    scene.allowed_engines = ("lyria-3-clip",)
    with pytest.raises(EngineRefusedError) as caught:
        scene.command("again", body)
    assert caught.value.members == {"field": "engine"}
    assert not scene.other_tracks()
    assert not scene.ledger.counts


@pytest.mark.parametrize("engine", [None, "composer", "lyria-3-clip"])
def test_the_default_engine_and_those_allowed_are_taken(engine: str | None) -> None:
    """Null names none."""
    scene = Scene()
    scene.allowed_engines = ("lyria-3-clip",)
    track = scene.command("again", {"engine": engine}).track
    assert scene.tracks.documents[track]["request"]["engine"] == engine


def test_a_take_does_not_inherit_an_engine_that_is_no_longer_offered() -> None:
    """The default engine makes it."""
    scene = Scene()
    scene.allowed_engines = ()
    scene.document["request"] = scene.document["request"] | {"engine": "lyria-002"}
    track = scene.command("again").track
    assert scene.tracks.documents[track]["request"]["engine"] is None


def test_edited_texts_are_sanitized() -> None:
    """URLs, markup and invisible characters are removed, as in a model's texts."""
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
        ({"moods": ["visit evil example"]}, "moods"),
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
    """The error names the field; nothing is created, counted or announced."""
    scene = Scene()
    with pytest.raises(InvalidRequestError) as caught:
        scene.command("again", edit)
    assert caught.value.members == {"field": name}
    assert not scene.other_tracks()
    assert not scene.ledger.counts
    assert not scene.captions.heard


@pytest.mark.parametrize("status", [Status.AWAITING_UPLOAD, Status.CAPTIONING, Status.REJECTED])
def test_a_track_without_a_brief_cannot_be_made_again(status: Status) -> None:
    """Without a brief there is nothing to make music from."""
    scene = Scene(status=status, fields={"brief": None})
    with pytest.raises(WrongStateError):
        scene.command("again")
    assert not scene.other_tracks()


def test_again_works_without_a_cover() -> None:
    """Somebody may have deleted the cover by hand."""
    scene = Scene()
    scene.buckets.objects.clear()
    track = scene.command("again").track
    assert scene.tracks.documents[track]["music"] is None
    assert len(scene.captions.heard) == 1


def test_the_same_key_and_body_create_one_track() -> None:
    """The track is counted and announced once."""
    scene = Scene()
    first, again = (scene.command("again", {"title": "밤"}, KEY) for _ in range(2))
    assert again == first
    assert scene.other_tracks() == [first.track]
    assert set(scene.ledger.counts.values()) == {1}
    assert set(scene.pictures.heard) == {PictureMessage(first.track)}


def test_a_repeated_request_announces_a_track_after_a_crash() -> None:
    """The topic fails once; the repeated request announces the same track, with the same folder."""
    scene = Scene()
    scene.captions.failures.append(ConnectionError("reset"))
    with pytest.raises(ConnectionError):
        scene.command("again", key=KEY)
    (track,) = scene.other_tracks()
    assert not scene.tracks.works[track].published
    assert scene.command("again", key=KEY).track == track
    assert [message for message, _ in scene.captions.heard] == [CaptionMessage(SESSION, track, 1)]
    assert len(scene.buckets.objects) == 4


@pytest.mark.parametrize("name", COMMANDS)
def test_a_key_belongs_to_one_body(name: str) -> None:
    """Every command refuses the key with another body."""
    scene = failed()
    scene.command(name, {}, KEY)
    before = dict(scene.tracks.documents)
    with pytest.raises(KeyReusedError):
        scene.command(name, {"seed": 1}, KEY)
    assert scene.tracks.documents == before


@pytest.mark.parametrize("status", UNDER_WAY)
def test_a_running_track_is_cancelled_with_an_error(status: Status) -> None:
    """The error is in the person's language; a second cancellation changes nothing."""
    scene = Scene(status=status)
    for _ in range(2):
        assert scene.command("cancel") == TrackState(SESSION, TRACK, Status.CANCELLED, 1)
        assert scene.document["error"] == {
            "code": "cancelled",
            "message": TrackCancelledError.words["ko"],
            "retryable": False,
        }
    assert scene.tracks.steps == [(TRACK, Status.CANCELLED)]


@pytest.mark.parametrize("status", [Status.CAPTIONED, Status.LAUNCHING, Status.COMPOSING])
def test_a_cancellation_cancels_the_job(status: Status) -> None:
    """A repeated command cancels the job again, because the first one may have crashed before it did."""
    scene = Scene(status=status)
    scene.command("cancel")
    assert scene.jobs.cancelled == [JOB]
    scene.command("cancel")
    assert scene.jobs.cancelled == [JOB, JOB]


def test_a_track_without_a_brief_has_no_job_to_cancel() -> None:
    """Vertex AI gets no request."""
    scene = Scene(status=Status.CAPTIONING)
    scene.command("cancel")
    assert not scene.jobs.cancelled


@pytest.mark.parametrize("status", sorted(FINAL - {Status.CANCELLED}))
def test_a_track_in_a_final_state_is_not_cancelled(status: Status) -> None:
    """The response has the track's state."""
    scene = Scene(status=status)
    assert scene.command("cancel").status is status
    assert scene.document == recorded(f"track_{status}")
    assert not scene.jobs.cancelled


def test_a_track_that_becomes_ready_meanwhile_is_not_cancelled() -> None:
    """The notifier writes between the decision and the commit."""
    scene = Scene(status=Status.COMPOSING)
    scene.tracks.meanwhile.append(lambda: scene.at(Status.READY))
    assert scene.command("cancel").status is Status.READY
    assert scene.document == recorded("track_ready")


def test_a_repeated_cancellation_does_not_reach_the_next_attempt() -> None:
    """A key belongs to the attempt that it first cancelled."""
    scene = Scene(status=Status.FAILED)
    assert scene.command("cancel", key=KEY).status is Status.FAILED
    scene.at(Status.COMPOSING, attempt=2)
    assert scene.command("cancel", key=KEY).status is Status.COMPOSING


@pytest.mark.parametrize("name", COMMANDS)
def test_another_session_s_track_cannot_be_commanded(name: str) -> None:
    """It fails with either session and either secret, and changes nothing."""
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
def test_a_short_key_is_refused(name: str) -> None:
    """Nothing changes."""
    scene = failed()
    before = dict(scene.document)
    with pytest.raises(ProblemError) as caught:
        scene.command(name, key="short")
    assert caught.value.members == {"field": "Idempotency-Key"}
    assert scene.document == before
