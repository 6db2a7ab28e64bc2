"""The notifier, while its track is erased, ended or retried by somebody else."""

import json
from collections.abc import Callable

import pytest

from musicgenerator.errors import PermanentError
from musicgenerator.jobs import JobFacts, JobState, job_labels
from musicgenerator.messages import PipelineMessage
from musicgenerator.results import MusicFacts
from musicgenerator.states import FINAL, Status
from tests.contracts.recorded import JOB, SESSION, TRACK, recorded
from tests.functions.test_notifying import DAMAGED, MUSIC, Scene, found
from tests.functions.test_regions import OWN
from tests.functions.test_regions import Scene as Regions
from tests.support.fakes import HOME, MemoryPipelines

# A track as another invocation or a command may have left it: its state and attempt, or None if it was erased.
OVERTAKEN: list[tuple[Status, int] | None] = [
    None,
    *((status, 1) for status in sorted(FINAL)),
    *((status, 2) for status in Status),
]

# What would settle the track: its job's state and its music, or what is wrong with it.
ENDS: dict[str, tuple[JobState, MusicFacts | PermanentError | None]] = {
    "music": (JobState.SUCCEEDED, MUSIC),
    "damaged": (JobState.SUCCEEDED, DAMAGED),
    "failed": (JobState.FAILED, None),
    "cancelled": (JobState.CANCELLED, None),
}


def left(scene: Scene, other: tuple[Status, int] | None) -> Callable[[], None]:
    """Return what the other one does to the track."""
    if other is None:
        return lambda: scene.tracks.erase(SESSION, TRACK)
    status, attempt = other
    return lambda: scene.at(status, attempt=attempt)


@pytest.mark.parametrize("other", OVERTAKEN, ids=str)
@pytest.mark.parametrize("end", ENDS)
def test_an_overtaken_notifier_changes_nothing(end: str, other: tuple[Status, int] | None) -> None:
    """The track was erased, ended or retried between decision and commit: it stays so, and no span is sent."""
    state, music = ENDS[end]
    scene = Scene(results=found(music))
    scene.job_is(state)
    scene.tracks.meanwhile.append(left(scene, other))
    scene.deliver()
    assert scene.tracks.documents.get(TRACK) == (other and recorded(f"track_{other[0]}") | {"attempt": other[1]})
    assert (scene.tracks.steps, scene.spans.sent) == ([], [])


@pytest.mark.parametrize("other", [(Status.READY, 1), (Status.FAILED, 1), *((status, 2) for status in Status)], ids=str)
def test_nobody_asks_about_the_job_of_an_attempt_that_is_over(other: tuple[Status, int]) -> None:
    """A late message needs neither Vertex AI nor the results bucket."""
    scene = Scene(results=found(MUSIC))
    left(scene, other)()
    scene.deliver()
    assert scene.pipelines.asked == []
    assert (scene.tracks.steps, scene.spans.sent) == ([], [])


def test_a_message_about_a_later_attempt_settles_nothing() -> None:
    """It is forged or names an attempt that has not begun, even if a job has that id."""
    job = f"{JOB[:-1]}2"
    scene = Scene(results=found(MUSIC), message=PipelineMessage(job, TRACK, 2))
    scene.pipelines.jobs[job] = JobFacts(JobState.FAILED, job_labels([(TRACK, 2)]))
    scene.deliver()
    assert scene.document == recorded("track_composing")


def test_the_second_attempt_is_settled_by_its_own_job() -> None:
    """The first attempt's job has failed; only the message about the second one ends the track."""
    scene = Scene(results=found(MUSIC))
    scene.at(Status.COMPOSING, attempt=2)
    scene.job_is(JobState.FAILED)
    scene.pipelines.jobs[f"{JOB[:-1]}2"] = JobFacts(JobState.SUCCEEDED, job_labels([(TRACK, 2)]))
    scene.deliver()
    assert scene.document["status"] == "composing"
    scene.message = PipelineMessage(f"{JOB[:-1]}2", TRACK, 2)
    scene.deliver()
    assert (scene.document["status"], scene.document["attempt"]) == ("ready", 2)


def test_the_search_for_an_erased_tracks_job_ends_where_it_is_found() -> None:
    """The other regions are not asked."""
    scene = Regions(pipelines=MemoryPipelines(jobs={JOB: OWN}))
    scene.tracks.erase(SESSION, TRACK)
    scene.notify()
    assert scene.pipelines.asked == [HOME]


@pytest.mark.parametrize(
    ("state", "lines"),
    [
        (JobState.SUCCEEDED, [("WARNING", "track ended"), ("INFO", "settled")]),
        (JobState.FAILED, [("WARNING", "track ended"), ("INFO", "settled")]),
        (JobState.UNDER_WAY, [("INFO", "the job has not ended")]),
    ],
)
def test_the_operator_sees_how_a_track_ended(
    state: JobState, lines: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """The deployment's metrics count `track ended` and `settled`."""
    scene = Scene()
    scene.job_is(state)
    scene.deliver()
    written = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["severity"], line["message"]) for line in written] == lines
