"""The sketcher: one sketch an attempt, and no other change of the track."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from google.api_core.exceptions import ServiceUnavailable
from sketching import NoSketchError, Sketched, Sketcher

from musicgenerator.briefs import Brief
from musicgenerator.changes import Change
from musicgenerator.errors import ContentionError
from musicgenerator.messages import CaptionMessage
from musicgenerator.results import ResultsBucket
from musicgenerator.states import FINAL, Status
from musicgenerator.track_requests import Kept
from tests.contracts.recorded import (
    SESSION,
    TOKEN,
    TRACK,
    recorded,
    recorded_track,
    recorded_work,
    without_timestamps,
)
from tests.support.command_fakes import MemorySwitch
from tests.support.fakes import MemoryObjects, MemoryTracks

RESULTS = ResultsBucket("https://storage.googleapis.com", "musicgenerator-results")
URL = f"https://storage.googleapis.com/musicgenerator-results/{TOKEN}/sketch.mp3"
UNDER_WAY = (Status.CAPTIONED, Status.LAUNCHING, Status.COMPOSING)
PEAKS = (0.25, 1.0)


@dataclass
class ScriptedSketches:
    """Returns one sketch; ``meanwhile`` runs while it is made, ``failure`` is raised instead."""

    meanwhile: Callable[[], None] = lambda: None
    failure: Exception | None = None
    made: list[tuple[Brief, int, int, str]] = field(default_factory=list)
    kept: list[tuple[Kept, ...]] = field(default_factory=list)

    def make(self, brief: Brief, seconds: int, seed: int, prompt_version: str, keep: Sequence[Kept] = ()) -> Sketched:
        self.made.append((brief, seconds, seed, prompt_version))
        self.kept.append(tuple(keep))
        self.meanwhile()
        if self.failure:
            raise self.failure
        return Sketched(b"mp3", 30.0, PEAKS)


@dataclass
class Scene:
    """The sketcher with fakes for its ports, and one captioned track."""

    tracks: MemoryTracks = field(default_factory=MemoryTracks)
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    sketches: ScriptedSketches = field(default_factory=ScriptedSketches)
    switch: MemorySwitch = field(default_factory=MemorySwitch)
    attempt: int = 1

    def __post_init__(self) -> None:
        self.at(Status.CAPTIONED)

    def at(self, status: Status, **fields: Any) -> None:
        self.tracks.hold(recorded(f"track_{status}") | fields, SESSION, TRACK, recorded_work(published=True))

    def deliver(self) -> None:
        message = CaptionMessage(SESSION, TRACK, self.attempt)
        Sketcher(self.tracks, self.objects, self.sketches, RESULTS, self.switch).sketch(message)

    @property
    def document(self) -> dict[str, Any]:
        return self.tracks.documents[TRACK]

    @property
    def stored(self) -> list[str]:
        return [name for _, name in self.objects.objects]


@contextmanager
def failing(owner: object, method: str, failure: Exception) -> Iterator[None]:
    """Let a method of a fake raise ``failure`` within the block."""

    def fail(*_arguments: Any) -> None:
        raise failure

    setattr(owner, method, fail)
    try:
        yield
    finally:
        delattr(owner, method)


def test_a_sketched_track_is_the_recorded_one() -> None:
    """The page and the notifier read this document."""
    scene = Scene()
    scene.at(Status.COMPOSING)
    scene.deliver()
    assert without_timestamps(scene.document) == without_timestamps(recorded("track_sketched"))


@pytest.mark.parametrize("status", UNDER_WAY)
def test_a_track_under_way_gets_a_sketch_and_changes_in_nothing_else(status: Status) -> None:
    scene = Scene()
    scene.at(status)
    before, due = dict(scene.document), datetime.now(UTC)
    scene.tracks.dues[TRACK] = due
    scene.deliver()
    seed = recorded_track(status).seed
    assert scene.document["sketch"] == {"url": URL, "durationSeconds": 30.0, "peaks": [0.25, 1.0], "seed": seed}
    assert {name for name in before if scene.document[name] != before[name]} == {"sketch", "updatedAt"}
    assert scene.tracks.dues[TRACK] == due
    assert scene.objects.objects == {("musicgenerator-results", f"{TOKEN}/sketch.mp3"): b"mp3"}
    assert scene.objects.types["musicgenerator-results", f"{TOKEN}/sketch.mp3"] == "audio/mpeg"


def test_the_sketch_is_of_the_track_s_brief_length_and_seed() -> None:
    scene = Scene()
    scene.deliver()
    track = recorded_track(Status.CAPTIONED)
    assert scene.sketches.made == [(track.brief, 30, track.seed, "1")]


def test_the_object_ends_with_its_session() -> None:
    """If a crashed delivery's track is erased, nothing names the object any more, and the lifecycle deletes it."""
    scene = Scene()
    scene.deliver()
    expires_at = recorded_track(Status.CAPTIONED).expires_at
    assert expires_at is not None
    assert scene.objects.lifetimes == {("musicgenerator-results", f"{TOKEN}/sketch.mp3"): expires_at}


def test_the_engine_of_the_music_does_not_matter() -> None:
    """The composer sketches also what a paid model or the operator's endpoint will make."""
    scene = Scene()
    scene.at(Status.COMPOSING, request=recorded("track_composing")["request"] | {"engine": "endpoint"})
    scene.deliver()
    assert scene.document["sketch"]["url"] == URL


def test_two_deliveries_at_once_write_one_sketch() -> None:
    """The second one finds the object and the field of the first one, and removes neither."""
    scene = Scene()

    def second() -> None:
        scene.sketches.meanwhile = lambda: None
        scene.deliver()

    scene.sketches.meanwhile = second
    scene.deliver()
    assert len(scene.sketches.made) == 2
    assert scene.document["sketch"]["url"] == URL
    assert scene.stored == [f"{TOKEN}/sketch.mp3"]


def test_a_pause_in_the_middle_leaves_the_sketch_that_is_being_made() -> None:
    """A pause stops the next message; the work that has begun is paid for."""
    scene = Scene()

    def pause() -> None:
        scene.switch.paused = True

    scene.sketches.meanwhile = pause
    scene.deliver()
    assert scene.document["sketch"]["url"] == URL


@pytest.mark.parametrize("end", ["sketched", "too late", "none", "gone", "not due"])
def test_no_log_line_has_a_token_an_address_or_words_of_the_brief(end: str, capsys: pytest.CaptureFixture[str]) -> None:
    scene = Scene()
    brief = recorded_track(Status.CAPTIONED).brief
    assert brief is not None
    if end == "too late":
        scene.sketches.meanwhile = lambda: scene.at(Status.CANCELLED)
    elif end == "none":
        scene.sketches.failure = NoSketchError("the engine's audio is empty, silent or not finite")
    elif end == "gone":
        scene.tracks.erase(SESSION, TRACK)
    elif end == "not due":
        scene.at(Status.READY)
    scene.deliver()
    logged = capsys.readouterr().out
    assert TRACK in logged
    for secret in (TOKEN, SESSION, "http", brief.title, brief.caption, brief.prompt):
        assert secret not in logged


def test_a_second_delivery_makes_no_second_sketch() -> None:
    scene = Scene()
    scene.deliver()
    scene.deliver()
    assert len(scene.sketches.made) == 1


def test_a_delivery_after_a_crash_behind_the_object_writes_the_track() -> None:
    """The object of the crashed delivery stays, and its address is written."""
    scene = Scene()
    scene.objects.create("musicgenerator-results", f"{TOKEN}/sketch.mp3", b"mp3", "audio/mpeg")
    scene.deliver()
    assert scene.document["sketch"]["url"] == URL


@pytest.mark.parametrize("status", sorted(FINAL))
def test_a_delivery_after_a_crash_behind_the_object_of_an_ended_track_removes_it(status: Status) -> None:
    """No document will ever name it."""
    scene = Scene()
    scene.objects.create("musicgenerator-results", f"{TOKEN}/sketch.mp3", b"mp3", "audio/mpeg")
    scene.at(status)
    scene.deliver()
    assert scene.stored == []


def test_a_late_delivery_leaves_the_sketch_of_a_ready_track() -> None:
    scene = Scene()
    scene.deliver()
    scene.at(Status.READY, sketch=scene.document["sketch"])
    scene.deliver()
    assert scene.stored == [f"{TOKEN}/sketch.mp3"]


def test_a_late_delivery_of_an_earlier_attempt_removes_only_its_own_object() -> None:
    """It crashed behind the object; the next attempt has its sketch already."""
    scene = Scene()
    scene.at(Status.CAPTIONED, attempt=2)
    scene.attempt = 2
    scene.deliver()
    scene.objects.create("musicgenerator-results", f"{TOKEN}/sketch.mp3", b"mp3", "audio/mpeg")
    scene.attempt = 1
    scene.deliver()
    assert scene.stored == [f"{TOKEN}/sketch-2.mp3"]


def test_a_lost_answer_does_not_take_the_sketch_away() -> None:
    scene = Scene()
    scene.tracks.lost_answers = 1
    scene.deliver()
    assert scene.document["sketch"]["url"] == URL
    assert scene.stored == [f"{TOKEN}/sketch.mp3"]


@pytest.mark.parametrize("status", sorted(FINAL))
def test_an_ended_track_gets_no_sketch(status: Status) -> None:
    scene = Scene()
    scene.at(status)
    scene.deliver()
    assert scene.sketches.made == []
    assert scene.document["sketch"] is None


@pytest.mark.parametrize("status", sorted(FINAL))
def test_a_track_that_ends_meanwhile_gets_none_and_the_object_goes(status: Status) -> None:
    """A visitor who cancels does not leave music behind."""
    scene = Scene()
    scene.sketches.meanwhile = lambda: scene.at(status)
    scene.deliver()
    assert scene.document["sketch"] is None
    assert scene.stored == []


def test_a_track_that_is_erased_meanwhile_leaves_no_object() -> None:
    scene = Scene()
    scene.sketches.meanwhile = lambda: scene.tracks.erase(SESSION, TRACK)
    scene.deliver()
    assert scene.stored == []


def test_the_next_attempt_gets_its_own_sketch() -> None:
    """A late write of the first attempt can neither replace nor remove the second attempt's."""
    scene = Scene()

    def retried() -> None:
        scene.sketches.meanwhile = lambda: None
        scene.at(Status.CAPTIONED, attempt=2)
        scene.attempt = 2
        scene.deliver()
        scene.attempt = 1

    scene.sketches.meanwhile = retried
    scene.deliver()
    second = replace(recorded_track(Status.CAPTIONED), attempt=2)
    assert scene.document["sketch"]["url"] == URL.replace("sketch.mp3", "sketch-2.mp3")
    assert scene.document["sketch"]["seed"] == second.seed != recorded_track(Status.CAPTIONED).seed
    assert scene.stored == [f"{TOKEN}/sketch-2.mp3"]


@pytest.mark.parametrize("attempt", [0, 2])
def test_a_message_of_another_attempt_changes_nothing(attempt: int) -> None:
    scene = Scene(attempt=attempt)
    scene.deliver()
    assert scene.sketches.made == []


def test_while_paused_there_are_no_sketches() -> None:
    scene = Scene()
    scene.switch.paused = True
    scene.deliver()
    assert scene.sketches.made == []


def test_an_export_has_no_sketch() -> None:
    """It makes a file of music that can be heard already. Nothing is looked for in its folder."""
    scene = Scene()
    export = {"export": {"kind": "stems", "track": TRACK, "model": "composer-3"}}
    scene.at(Status.CAPTIONED, request=recorded("track_captioned")["request"] | export)
    scene.deliver()
    assert scene.sketches.made == []


def test_an_unknown_track_gets_none() -> None:
    scene = Scene()
    scene.tracks.erase(SESSION, TRACK)
    scene.deliver()
    assert scene.sketches.made == []


def test_a_brief_that_gives_no_sketch_is_not_delivered_again() -> None:
    """The track does not change, so its music still comes."""
    scene = Scene()
    before = dict(scene.document)
    scene.sketches.failure = NoSketchError("the engine's audio is empty, silent or not finite")
    scene.deliver()
    assert (scene.document, scene.stored) == (before, [])


@pytest.mark.parametrize("failure", [MemoryError(), ServiceUnavailable("busy"), ContentionError("busy")], ids=repr)
@pytest.mark.parametrize("place", ["make", "create", "advance"])
def test_other_trouble_is_delivered_again_and_the_next_delivery_sketches(place: str, failure: Exception) -> None:
    """Storage, Firestore or the composer fail; the track is as it was, and nothing has to be cleaned up."""
    scene = Scene()
    before, due = dict(scene.document), datetime.now(UTC)
    scene.tracks.dues[TRACK] = due
    owner = {"make": scene.sketches, "create": scene.objects, "advance": scene.tracks}[place]
    with failing(owner, place, failure), pytest.raises(type(failure)):
        scene.deliver()
    assert (scene.document, scene.tracks.dues[TRACK]) == (before, due)
    scene.deliver()
    assert scene.document["sketch"]["url"] == URL
    assert scene.stored == [f"{TOKEN}/sketch.mp3"]


def test_trouble_while_the_sketch_of_an_ended_track_is_removed_is_delivered_again() -> None:
    """The second delivery removes the object."""
    scene = Scene()
    scene.sketches.meanwhile = lambda: scene.at(Status.CANCELLED)
    with failing(scene.objects, "erase", ServiceUnavailable("busy")), pytest.raises(ServiceUnavailable):
        scene.deliver()
    assert scene.stored == [f"{TOKEN}/sketch.mp3"]
    scene.deliver()
    assert scene.stored == []


def test_a_sketch_that_meets_another_writer_decides_again() -> None:
    scene = Scene()

    def launched() -> None:
        scene.tracks.advance(TRACK, lambda _track, _work: Change(Status.LAUNCHING))

    scene.tracks.meanwhile = [launched]
    scene.deliver()
    assert scene.document["status"] == "launching"
    assert scene.document["sketch"]["url"] == URL
