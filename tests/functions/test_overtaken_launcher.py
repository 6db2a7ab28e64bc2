"""The launcher, while its track is erased, cancelled or retried by somebody else."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from creating import INVISIBLE

from musicgenerator.errors import BudgetSpentError, LaunchRefusedError, LaunchUnavailableError, RegionBusyError
from musicgenerator.jobs import JobRequest
from musicgenerator.states import FINAL, Status
from tests.contracts.recorded import JOB, SESSION, TRACK, recorded, recorded_work
from tests.functions.test_launching import Scene
from tests.functions.test_regions import AWAY, THERE, Limited, ahead
from tests.functions.test_regions import Scene as Regions
from tests.support.fakes import MemoryPipelines, MemoryRegions

# What Vertex AI answers to the creation of the job.
ANSWERS: dict[str, list[Exception]] = {
    "created": [],
    "busy": [RegionBusyError("429")],
    "unavailable": [LaunchUnavailableError("503")],
    "refused": [LaunchRefusedError("no such account")],
}
# The states that another invocation or a command may have left, with the attempt.
OVERTAKEN = [
    *((status, 1) for status in [Status.COMPOSING, *sorted(FINAL)]),
    *((status, 2) for status in Status if status.rank >= Status.CAPTIONED.rank),
]


@dataclass
class ForgetfulPipelines(MemoryPipelines):
    """Vertex AI refuses every job id as taken, and knows no job."""

    def create(self, wanted: JobRequest, region: str) -> bool:
        self.wanted.append(wanted)
        del region
        return False


def at(scene: Scene, status: Status, attempt: int) -> Callable[[], None]:
    """Return what the other one does to the track."""
    return lambda: scene.at(status, attempt=attempt)


@pytest.mark.parametrize(("status", "attempt"), OVERTAKEN)
@pytest.mark.parametrize("answer", ANSWERS)
def test_an_overtaken_launcher_changes_nothing(answer: str, status: Status, attempt: int) -> None:
    """The attempt ended or the next one began while the job was created: the track stays as it is."""
    scene = Scene()
    scene.pipelines.failures += ANSWERS[answer]
    scene.pipelines.meanwhile = at(scene, status, attempt)
    scene.deliver()
    assert scene.document == recorded(f"track_{status}") | {"attempt": attempt}
    assert scene.tracks.steps == [(TRACK, Status.LAUNCHING)]
    assert scene.tracks.dues == {TRACK: None}
    called_off = (status, attempt) == (Status.CANCELLED, 1) and answer != "refused"
    assert scene.pipelines.cancelled == ([JOB] if called_off else [])


@pytest.mark.parametrize("answer", ["created", "busy", "unavailable"])
def test_the_job_of_a_track_erased_meanwhile_is_cancelled(answer: str) -> None:
    """Without an answer the job may exist all the same."""
    scene = Scene()
    scene.pipelines.failures += ANSWERS[answer]
    scene.pipelines.meanwhile = lambda: scene.tracks.erase(SESSION, TRACK)
    scene.deliver()
    assert scene.pipelines.cancelled == [JOB]


@pytest.mark.parametrize(("status", "attempt"), [case for case in OVERTAKEN if case != (Status.LAUNCHING, 1)])
def test_a_claim_that_comes_too_late_launches_nothing(status: Status, attempt: int) -> None:
    """The track changed between decision and commit of the claim."""
    scene = Scene()
    scene.tracks.meanwhile.append(at(scene, status, attempt))
    scene.deliver()
    assert scene.document == recorded(f"track_{status}") | {"attempt": attempt}
    assert (scene.pipelines.wanted, scene.tracks.steps) == ([], [])
    assert scene.pipelines.cancelled == ([JOB] if (status, attempt) == (Status.CANCELLED, 1) else [])


def test_a_track_over_the_days_limit_ends_in_the_persons_language() -> None:
    """Nothing is launched, and the message is acknowledged."""
    scene = Regions(tracks=Limited(limit=0))
    scene.launch()
    assert scene.status == "failed"
    assert scene.tracks.documents[TRACK]["error"] == BudgetSpentError("").to_mapping("ko")
    assert (scene.pipelines.wanted, scene.pipelines.cancelled) == ([], [])


@pytest.mark.parametrize(("status", "attempt"), [(Status.CANCELLED, 1), (Status.CAPTIONED, 2)])
def test_a_spent_limit_ends_only_the_attempt_that_was_to_be_launched(status: Status, attempt: int) -> None:
    """The track was cancelled or is in its next attempt when the error is written."""
    scene = Regions(tracks=Limited(limit=0))
    scene.tracks.meanwhile += [lambda: None, lambda: scene.at(status, attempt=attempt)]
    scene.launch()
    assert scene.tracks.documents[TRACK] == recorded(f"track_{status}") | {"attempt": attempt}


@pytest.mark.parametrize(("status", "attempt"), [(Status.CANCELLED, 1), (Status.LAUNCHING, 1), (Status.CAPTIONED, 2)])
def test_a_wait_for_a_region_is_written_only_in_the_state_that_waits(status: Status, attempt: int) -> None:
    """All regions are busy, and somebody else changes the track before the wait is written."""
    scene = Regions(regions=MemoryRegions({"us-central1": ahead(20), AWAY: ahead(10)}))
    scene.tracks.meanwhile.append(lambda: scene.at(status, attempt=attempt))
    scene.launch()
    assert scene.tracks.documents[TRACK] == recorded(f"track_{status}") | {"attempt": attempt}
    assert scene.tracks.dues == {}


def test_a_called_off_tracks_job_is_cancelled_in_the_region_of_its_claim() -> None:
    """The private track says where, whichever region this delivery chose."""
    scene = Regions(regions=MemoryRegions({AWAY: ahead(30)}))
    scene.at(Status.CANCELLED, replace(recorded_work(published=True), region=AWAY))
    scene.launch()
    assert scene.pipelines.cancelled == [THERE]


def test_the_operator_sees_a_refused_launch(capsys: pytest.CaptureFixture[str]) -> None:
    """The deployment's metric counts `track ended` by its code."""
    scene = Scene()
    scene.pipelines.failures.append(LaunchRefusedError("no such account"))
    scene.deliver()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    ended = [(line["severity"], line["code"]) for line in lines if line["message"] == "track ended"]
    assert ended == [("ERROR", "launch_refused")]


def test_a_taken_job_id_without_a_job_fails_the_track() -> None:
    """It was not visible for ten minutes, so it was deleted: the attempt's music will never come."""
    scene = Scene(pipelines=ForgetfulPipelines())
    scene.deliver()
    assert (scene.document["status"], scene.document["error"]) == ("launching", None)
    entered = scene.document["timeline"]["launching"]
    for age, status in ((INVISIBLE - timedelta(seconds=30), "launching"), (INVISIBLE, "failed")):
        scene.document["timeline"]["launching"] = entered - age
        scene.deliver()
        assert scene.document["status"] == status
    assert scene.document["status"] == "failed"
    assert scene.document["error"] == LaunchRefusedError("").to_mapping("ko")
