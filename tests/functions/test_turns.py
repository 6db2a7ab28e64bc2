"""The sweeper's order: sessions take turns, each sweep has a limit, and every track gets its turn."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sweeping import LOOKED_AT, MAX_MESSAGES, in_turns

from musicgenerator import ids
from musicgenerator.changes import Decision, Outcome
from musicgenerator.messages import CaptionMessage, GatheredMessage, PictureMessage
from musicgenerator.states import Status
from tests.contracts.recorded import recorded, recorded_work
from tests.support.command_fakes import HeardPictures
from tests.support.fakes import (
    HOME,
    HeardCaptions,
    MemoryPipelines,
    MemoryTracks,
)
from tests.support.functions import notifier, sweeper

MANY, ONE = "s" + "a" * 26, "s" + "b" * 26


@dataclass
class WaitingTracks(MemoryTracks):
    """Tracks that are all due; each change moves a track to the end, as its later due time would."""

    line: list[str] = field(default_factory=list)

    def wait(self, session: str, status: Status = Status.CAPTIONED) -> str:
        track = ids.new_track_id()
        self.hold(recorded(f"track_{status}"), session, track, recorded_work(published=True))
        self.line.append(track)
        return track

    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        assert now <= datetime.now(UTC)
        return [(self.sessions[track], track) for track in self.line[:limit]]

    def advance(self, track: str, decide: Decision) -> Outcome | None:
        outcome = super().advance(track, decide)
        if outcome and outcome.changed:
            self.line.remove(track)
            self.line.append(track)
        return outcome


@dataclass
class Scene:
    """The sweeper with fakes for its ports."""

    tracks: WaitingTracks = field(default_factory=WaitingTracks)
    captions: HeardCaptions = field(default_factory=HeardCaptions)
    pictures: HeardPictures = field(default_factory=HeardPictures)
    regions: tuple[str, ...] = (HOME,)
    pipelines: MemoryPipelines = field(default_factory=MemoryPipelines)
    clock: Callable[[], float] = time.monotonic
    batch: int = 1

    def tick(self) -> list[str]:
        """Sweep once and return the tracks that were announced to the launcher."""
        self.captions.heard.clear()
        told = notifier(self.tracks, self.pipelines, regions=self.regions)
        sweeper(told, self.tracks, self.pictures, self.captions, self.clock, self.batch).sweep()
        return self.captions.tracks


def test_five_hundred_of_one_session_do_not_keep_another_s_one_waiting() -> None:
    """The last track is resumed in the first sweep, as the second one."""
    scene = Scene()
    many = [scene.tracks.wait(MANY) for _ in range(500)]
    one = scene.tracks.wait(ONE)
    assert scene.tick() == [many[0], one, *many[1 : MAX_MESSAGES - 1]]


def test_all_five_hundred_have_their_turn() -> None:
    """Each is announced once before any is announced again."""
    scene = Scene()
    many = [scene.tracks.wait(MANY) for _ in range(500)]
    announced = [track for _ in range(10) for track in scene.tick()]
    assert announced == many


@pytest.mark.parametrize("state", ["composing", "launching"])
def test_a_region_that_does_not_answer_keeps_nobody_else_waiting(state: str) -> None:
    """It is asked once a sweep, and the tracks after it are resumed."""
    scene = Scene()
    silent = [scene.tracks.wait(MANY, Status.COMPOSING) for _ in range(3)]
    other = scene.tracks.wait(ONE, Status(state))
    waiting = scene.tracks.wait(ONE)
    for track in silent:
        scene.tracks.works[track] = replace(scene.tracks.works[track], region="silent-1")
    scene.pipelines.silent.add("silent-1")
    announced = scene.tick()
    assert ([other, waiting] if state == "launching" else [waiting]) == announced
    assert scene.pipelines.asked.count("silent-1") == 1


def test_a_track_out_of_sight_comes_nearer() -> None:
    """More tracks are due than a sweep reads: the last one gets its turn after the others have moved to the end."""
    scene = Scene()
    for _ in range(LOOKED_AT + 2 * MAX_MESSAGES):
        scene.tracks.wait(MANY)
    one = scene.tracks.wait(ONE)
    assert [one in scene.tick() for _ in range(4)] == [False, False, False, True]


def test_twenty_sessions_share_a_tick() -> None:
    """Each gets two or three, however many tracks it has."""
    scene = Scene()
    sessions = ["s" + letter * 26 for letter in "abcdefghijklmnopqrst"]
    for number, session in enumerate(sessions, start=3):
        for _ in range(number):
            scene.tracks.wait(session)
    announced = scene.tick()
    shares = [sum(scene.tracks.sessions[track] == session for track in announced) for session in sessions]
    assert shares == [3] * 10 + [2] * 10


def test_more_regions_resume_more() -> None:
    """Each region has its own limit."""
    scene = Scene(regions=(HOME, "europe-west4", "asia-east1"))
    for _ in range(500):
        scene.tracks.wait(MANY)
    assert len(scene.tick()) == 3 * MAX_MESSAGES


@pytest.mark.parametrize("status", [Status.CAPTIONED, Status.LAUNCHING])
def test_what_waits_for_a_region_is_announced_with_its_session(status: Status) -> None:
    """The message to the launcher names the session and the current attempt."""
    scene = Scene()
    track = scene.tracks.wait(ONE, status)
    scene.tick()
    attempt = CaptionMessage(ONE, track, 1)
    message = attempt if status is Status.LAUNCHING else GatheredMessage((attempt,))
    assert scene.captions.heard == [(message, "composer")]


def test_pictures_have_turns_like_briefs() -> None:
    """Sessions take turns in every state."""
    scene = Scene()
    for _ in range(500):
        scene.tracks.wait(MANY)
    lost = scene.tracks.wait(ONE, Status.CAPTIONING)
    scene.tick()
    assert scene.pictures.heard == [PictureMessage(lost)]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.uuids().map(str)), unique_by=lambda each: each[1]))
def test_turns_are_fair(due: Sequence[tuple[str, str]]) -> None:
    """No track is left out, a session keeps its order, and no session is two tracks ahead of a waiting one."""
    owner = {track: session for session, track in due}
    turns = in_turns(due)
    assert sorted(turns) == sorted(owner)
    for session in "abc":
        own = [track for mine, track in due if mine == session]
        assert [track for track in turns if owner[track] == session] == own
    for number in range(len(turns)):
        had = {session: sum(owner[track] == session for track in turns[:number]) for session in "abc"}
        waits = {owner[track] for track in turns[number:]}
        assert all(max(had.values()) - had[session] <= 1 for session in waits)
