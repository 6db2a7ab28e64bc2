"""What a sweep does with each overdue track, and with one that somebody else changes meanwhile."""

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sweeping import MAX_MESSAGES, SWEEP_SECONDS

from musicgenerator.jobs import JobFacts, JobState, job_labels
from musicgenerator.messages import CaptionMessage, GatheredMessage, PictureMessage
from musicgenerator.states import FINAL, Status
from tests.contracts.recorded import recorded, recorded_work
from tests.functions.test_turns import MANY, ONE, Scene


@pytest.mark.parametrize("status", [status for status in Status if status not in FINAL])
def test_an_overdue_track_is_resumed_by_the_message_of_its_state(status: Status) -> None:
    """One message for the captioner or the launcher; a composing track's job is asked instead."""
    scene = Scene()
    track = scene.tracks.wait(ONE, status)
    scene.tick()
    pictures = [PictureMessage(track)] if status in {Status.AWAITING_UPLOAD, Status.CAPTIONING} else []
    attempt = CaptionMessage(ONE, track, 1)
    captions = {Status.CAPTIONED: [GatheredMessage((attempt,))], Status.LAUNCHING: [attempt]}
    assert scene.pictures.heard == pictures
    assert [message for message, _ in scene.captions.heard] == captions.get(status, [])
    assert len(scene.pipelines.asked) == (status is Status.COMPOSING)


@pytest.mark.parametrize(("engine", "announced"), [(None, "composer"), ("lyria-002", "lyria-002")])
def test_a_brief_is_announced_again_for_its_engine(engine: str | None, announced: str) -> None:
    """Subscriptions filter by it."""
    scene = Scene()
    track = scene.tracks.wait(ONE)
    request = recorded("track_captioned")["request"] | {"engine": engine}
    document = recorded("track_captioned") | {"request": request, "attempt": 3}
    scene.tracks.hold(document, ONE, track, recorded_work(published=True))
    scene.tick()
    assert scene.captions.heard == [(GatheredMessage((CaptionMessage(ONE, track, 3),)), announced)]


def test_a_lost_message_of_the_step_is_made_up_for() -> None:
    """The job of the track's attempt has failed, and nobody heard of it."""
    scene = Scene()
    track = scene.tracks.wait(ONE, Status.COMPOSING)
    scene.tracks.documents[track] |= {"attempt": 2}
    scene.pipelines.jobs[f"mg-{track}-2"] = JobFacts(JobState.FAILED, job_labels([(track, 2)]))
    scene.tick()
    assert scene.tracks.documents[track]["status"] == "failed"


@pytest.mark.parametrize("end", [*sorted(FINAL), None], ids=str)
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_track_that_has_ended_or_is_gone_is_not_resumed(
    when: str, end: Status | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ended or was erased after the sweep had listed it; the next track has its turn."""
    scene = Scene()
    track, after = scene.tracks.wait(MANY), scene.tracks.wait(ONE)
    document = recorded(f"track_{end}") if end else None

    def other() -> None:
        if document:
            scene.tracks.hold(document, MANY, track, recorded_work())
        else:
            scene.tracks.erase(MANY, track)

    if when == "before":
        other()
    else:
        scene.tracks.meanwhile.append(other)
    assert scene.tick() == [after]
    assert scene.tracks.documents.get(track) == document
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["message"], line["track"]) for line in lines] == [("resumed", after)]


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_track_that_goes_on_is_resumed_in_its_new_state(when: str) -> None:
    """The sweep publishes for the state that its claim has seen."""
    scene = Scene()
    track = scene.tracks.wait(ONE, Status.CAPTIONING)

    def other() -> None:
        scene.tracks.hold(recorded("track_captioned"), ONE, track, recorded_work(published=True))

    if when == "before":
        other()
    else:
        scene.tracks.meanwhile.append(other)
    assert scene.tick() == [track]
    assert scene.pictures.heard == []


def test_a_claim_changes_nothing_that_a_client_reads() -> None:
    """It only restarts the track's patience."""
    scene = Scene()
    track = scene.tracks.wait(ONE)
    before, version = scene.tracks.documents[track], scene.tracks.versions[track]
    scene.tick()
    assert scene.tracks.documents[track] == before
    assert scene.tracks.versions[track] == version + 1


def test_only_tracks_whose_job_must_be_asked_wait_for_a_silent_region() -> None:
    """A track that is to be launched there is announced: the launcher knows whether the region is busy."""
    scene = Scene()
    scene.pipelines.silent.add("silent-1")
    composing = [scene.tracks.wait(ONE, Status.COMPOSING) for _ in range(2)]
    launching = scene.tracks.wait(ONE, Status.LAUNCHING)
    for track in (*composing, launching):
        scene.tracks.works[track] = replace(recorded_work(published=True), region="silent-1")
    assert scene.tick() == [launching]
    assert scene.pipelines.asked == ["silent-1"]


DAMAGES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "no status": lambda document: {name: value for name, value in document.items() if name != "status"},
    "an unknown status": lambda document: document | {"status": "dreaming"},
    "no request": lambda document: document | {"request": None},
    "a brief that is none": lambda document: document | {"brief": {"title": 1}},
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_track_keeps_nobody_waiting(damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    """However many there are: they are logged, the others are resumed, and the tick is acknowledged."""
    scene = Scene()
    damaged = [scene.tracks.wait(MANY) for _ in range(MAX_MESSAGES + 1)]
    after = [scene.tracks.wait(MANY), scene.tracks.wait(ONE)]
    for track in damaged:
        scene.tracks.documents[track] = DAMAGES[damage](scene.tracks.documents[track])
    assert sorted(scene.tick()) == sorted(after)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    errors = [line["track"] for line in lines if (line["severity"], line["message"]) == ("ERROR", "not resumed")]
    assert sorted(errors) == sorted(damaged)


@pytest.mark.parametrize("failure", [TimeoutError("no answer"), ValueError("unforeseen"), KeyError("name")], ids=repr)
def test_a_track_that_cannot_be_announced_keeps_nobody_waiting(failure: Exception) -> None:
    """Its claim has restarted its patience, so it becomes overdue again."""
    scene = Scene()
    first, second = scene.tracks.wait(MANY), scene.tracks.wait(MANY)
    scene.captions.failures.append(failure)
    assert scene.tick() == [second]
    assert scene.tick() == [first, second]


def test_a_sweep_ends_before_its_function_does() -> None:
    """While a service does not answer, each track takes long; the next sweeps resume the tracks that remain."""
    seconds = itertools.count(step=SWEEP_SECONDS / 3.5)
    scene = Scene(clock=lambda: next(seconds))
    many = [scene.tracks.wait(MANY) for _ in range(5)]
    assert scene.tick() == many[:2]
    scene.clock = time.monotonic
    assert sorted(scene.tick()) == sorted(many)


def test_a_composing_track_whose_job_was_deleted_ends() -> None:
    """Nothing else would end it: no job can send a message."""
    scene = Scene()
    track = scene.tracks.wait(ONE, Status.COMPOSING)
    scene.tick()
    assert scene.tracks.documents[track]["error"]["code"] == "pipeline_failed"


def test_a_track_that_the_launcher_is_still_launching_is_not_ended() -> None:
    """Its job does not exist yet."""
    scene = Scene()
    track = scene.tracks.wait(ONE, Status.LAUNCHING)
    scene.tick()
    assert scene.tracks.documents[track] == recorded("track_launching")


@pytest.mark.parametrize(
    ("minutes", "state", "parked", "stalls"),
    [
        (44, JobState.UNDER_WAY, False, False),
        (46, JobState.UNDER_WAY, False, True),
        (46, JobState.FAILED, False, False),
        (46, JobState.UNDER_WAY, True, False),
    ],
)
def test_a_run_that_stalls_is_logged(
    minutes: int, state: JobState, parked: bool, stalls: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """An alert counts the line. A track that ends at this sweep, and a parked one, do not count."""
    scene = Scene()
    track = scene.tracks.wait(ONE, Status.COMPOSING)
    since = datetime.now(UTC) - timedelta(minutes=minutes)
    document = scene.tracks.documents[track]
    document["timeline"] = document["timeline"] | {"composing": since}
    scene.tracks.works[track] = replace(scene.tracks.works[track], parked=parked)
    scene.pipelines.jobs[f"mg-{track}-1"] = JobFacts(state, job_labels([(track, 1)]))
    scene.tick()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = [(line["severity"], line["track"], line["job"]) for line in lines if line["message"] == "run stalls"]
    assert found == ([("ERROR", track, f"mg-{track}-1")] if stalls else [])
