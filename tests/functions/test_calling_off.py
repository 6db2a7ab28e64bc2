"""What was called off ends where its job is: in the launcher, in the notifier, and at Vertex AI itself."""

import json

import launching
import notifying
import pytest
from google.auth.credentials import AnonymousCredentials

from musicgenerator.errors import LaunchUnavailableError
from musicgenerator.jobs import JobFacts, JobState, job_labels
from musicgenerator.messages import CaptionMessage, PipelineMessage
from musicgenerator.states import Status
from musicgenerator_google.vertex_pipelines import VertexPipelines
from tests.contracts.recorded import JOB, SESSION, TOKEN, TRACK, recorded, recorded_work
from tests.functions.test_limits import ENVIRON
from tests.support.command_fakes import CommandTracks, MemorySwitch
from tests.support.fakes import HOME, Answer, MemoryPipelines, MemoryRegions, MemoryResults, MemorySpans, ScriptedServer

JOBS = "/v1/projects/musicgenerator-prod/locations/us-central1/pipelineJobs"


def tracks(status: Status, attempt: int = 1) -> CommandTracks:
    held = CommandTracks()
    held.hold(recorded(f"track_{status}") | {"attempt": attempt}, SESSION, TRACK, recorded_work(published=True))
    return held


def launch(held: CommandTracks, pipelines: MemoryPipelines) -> None:
    settings = launching.Settings.from_environ(ENVIRON)
    launcher = launching.Launcher(held, pipelines, MemoryRegions(), {"root": {}}, settings, MemorySwitch())
    launcher.launch(CaptionMessage(SESSION, TRACK, 1))


def notify(pipelines: MemoryPipelines, results: MemoryResults, held: CommandTracks) -> None:
    settings = notifying.Settings("musicgenerator-results", "https://storage.googleapis.com", (HOME,))
    message = PipelineMessage.from_bytes(json.dumps(recorded("pipeline_event_step")).encode())
    notifying.Notifier(held, pipelines, results, MemorySpans(), settings).notify(message)


@pytest.mark.parametrize("end", ["cancelled", "gone"])
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_job_of_a_track_that_was_called_off_is_cancelled(end: str, when: str) -> None:
    """The command came before its job was there, or the launcher died between creating and looking."""
    held, pipelines = tracks(Status.CAPTIONED), MemoryPipelines()

    def call_off() -> None:
        if end == "gone":
            held.erase(SESSION, TRACK)
        else:
            held.hold(recorded("track_cancelled"), SESSION, TRACK, recorded_work())

    if when == "before":
        call_off()
    else:
        pipelines.meanwhile = call_off
    launch(held, pipelines)
    assert pipelines.cancelled == [JOB]
    assert (when == "meanwhile") is bool(pipelines.wanted)


@pytest.mark.parametrize("status", [Status.CAPTIONED, Status.COMPOSING, Status.READY, Status.FAILED, Status.REJECTED])
def test_no_other_track_s_job_is_cancelled(status: Status) -> None:
    """Only a cancelled or erased track has nobody waiting for its music."""
    pipelines = MemoryPipelines()
    launch(tracks(status), pipelines)
    assert not pipelines.cancelled


def test_an_earlier_attempt_s_message_does_not_cancel_the_present_job() -> None:
    """The track was cancelled in its second attempt, whose command saw to its job."""
    pipelines = MemoryPipelines()
    launch(tracks(Status.CANCELLED, attempt=2), pipelines)
    assert not pipelines.cancelled


@pytest.mark.parametrize("state", list(JobState))
def test_what_a_job_wrote_for_a_track_that_is_gone_is_erased(state: JobState) -> None:
    """Whatever became of the job; the folder is the one that the job itself was given."""
    facts = JobFacts(state, job_labels(TRACK, 1), results_token=TOKEN)
    results = MemoryResults()
    notify(MemoryPipelines(jobs={JOB: facts}), results, CommandTracks())
    assert results.erased == [TOKEN]


@pytest.mark.parametrize(
    "facts",
    [
        None,
        JobFacts(JobState.SUCCEEDED, {}, results_token=TOKEN),
        JobFacts(JobState.SUCCEEDED, job_labels(TRACK, 2), results_token=TOKEN),
        JobFacts(JobState.SUCCEEDED, {"app": "another", "track": TRACK, "attempt": "1"}, results_token=TOKEN),
        JobFacts(JobState.SUCCEEDED, job_labels(TRACK, 1)),
    ],
)
def test_a_stranger_s_job_has_nothing_erased(facts: JobFacts | None) -> None:
    """No job, one without our labels, or one that names no folder."""
    results = MemoryResults()
    notify(MemoryPipelines(jobs={JOB: facts} if facts else {}), results, CommandTracks())
    assert not results.erased


@pytest.mark.parametrize("status", list(Status))
def test_what_belongs_to_a_track_is_never_erased_by_an_event(status: Status) -> None:
    """Wherever the track stands."""
    results = MemoryResults()
    facts = JobFacts(JobState.CANCELLED, job_labels(TRACK, 1), results_token=TOKEN)
    notify(MemoryPipelines(jobs={JOB: facts}), results, tracks(status))
    assert not results.erased


@pytest.fixture
def pipelines(server: ScriptedServer) -> VertexPipelines:
    return VertexPipelines(server.url, "musicgenerator-prod", "us-central1", AnonymousCredentials())


@pytest.mark.parametrize("status", [200, 400, 404])
def test_a_job_is_cancelled_if_it_runs(server: ScriptedServer, pipelines: VertexPipelines, status: int) -> None:
    """One that has ended, or that there is not, is as it should be."""
    server.script(f"POST {JOBS}/{JOB}:cancel", Answer({} if status == 200 else {"error": {"code": status}}, status))
    pipelines.cancel(JOB, HOME)
    assert len(server.heard_at(f"{JOBS}/{JOB}:cancel")) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_cancellation_that_was_not_taken_is_told(
    server: ScriptedServer, pipelines: VertexPipelines, status: int
) -> None:
    """So that the event or the request comes again."""
    server.script(f"POST {JOBS}/{JOB}:cancel", Answer({"error": {"code": status, "message": "busy"}}, status))
    with pytest.raises(LaunchUnavailableError):
        pipelines.cancel(JOB, HOME)


def test_a_job_s_facts_name_the_folder_it_was_given(server: ScriptedServer, pipelines: VertexPipelines) -> None:
    """From its own parameters; a job without any names none."""
    job = {"name": f"{JOBS[4:]}/{JOB}", "state": "PIPELINE_STATE_SUCCEEDED", "labels": job_labels(TRACK, 1)}
    given = job | {"runtimeConfig": {"parameterValues": {"results_token": TOKEN, "seconds": 30}}}
    server.script(f"GET {JOBS}/{JOB}", Answer(given), Answer(job))
    assert pipelines.facts(JOB, HOME) == JobFacts(JobState.SUCCEEDED, job_labels(TRACK, 1), "", TOKEN)
    assert pipelines.facts(JOB, HOME) == JobFacts(JobState.SUCCEEDED, job_labels(TRACK, 1), "", "")
