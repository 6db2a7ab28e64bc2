"""A cancelled or erased track ends its job in the launcher, in the notifier and at Vertex AI."""

import json

import pytest
from google.auth.credentials import AnonymousCredentials

from musicgenerator.errors import LaunchUnavailableError
from musicgenerator.jobs import JobFacts, JobState, job_labels
from musicgenerator.messages import CaptionMessage, PipelineMessage
from musicgenerator.states import FINAL, Status
from musicgenerator_google.vertex_pipelines import VertexPipelines
from tests.contracts.recorded import (
    JOB,
    ORDER,
    ORDER_NAME,
    PIPELINE_BUCKET,
    SESSION,
    TOKEN,
    TRACK,
    recorded,
    recorded_work,
)
from tests.support.fakes import (
    HOME,
    MemoryObjects,
    MemoryPipelines,
    MemoryResults,
    MemoryTracks,
)
from tests.support.functions import launcher, notifier
from tests.support.scripted_http import Answer, ScriptedServer

WRITTEN = (PIPELINE_BUCKET, ORDER_NAME)
JOBS = "/v1/projects/musicgenerator-prod/locations/us-central1/pipelineJobs"


def tracks(status: Status, attempt: int = 1) -> MemoryTracks:
    held = MemoryTracks()
    held.hold(recorded(f"track_{status}") | {"attempt": attempt}, SESSION, TRACK, recorded_work(published=True))
    return held


def launch(held: MemoryTracks, pipelines: MemoryPipelines) -> None:
    launcher(held, pipelines).launch(CaptionMessage(SESSION, TRACK, 1))


def ordered() -> MemoryObjects:
    """Return the pipeline's bucket with the order of the recorded track's job."""
    return MemoryObjects({WRITTEN: json.dumps(recorded("order")).encode()})


def notify(pipelines: MemoryPipelines, results: MemoryResults, held: MemoryTracks, objects: MemoryObjects) -> None:
    message = PipelineMessage(JOB, TRACK, 1)
    notifier(held, pipelines, results, objects).notify(message)


@pytest.mark.parametrize("end", ["cancelled", "gone"])
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_job_of_a_track_that_was_called_off_is_cancelled(end: str, when: str) -> None:
    """The command ran before the job existed, or the launcher crashed after creating it."""
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
    """Only the jobs of cancelled and erased tracks are."""
    pipelines = MemoryPipelines()
    launch(tracks(status), pipelines)
    assert not pipelines.cancelled


def test_an_earlier_attempt_s_message_does_not_cancel_the_present_job() -> None:
    """The track was cancelled in its second attempt, whose command cancelled its job."""
    pipelines = MemoryPipelines()
    launch(tracks(Status.CANCELLED, attempt=2), pipelines)
    assert not pipelines.cancelled


@pytest.mark.parametrize("state", list(JobState))
def test_what_a_job_wrote_for_a_track_that_is_gone_is_erased(state: JobState) -> None:
    """The folder is the one that the job's own order names; the order stays as long as the job may write."""
    facts = JobFacts(state, job_labels([(TRACK, 1)]), order=ORDER)
    results, objects = MemoryResults(), ordered()
    notify(MemoryPipelines(jobs={JOB: facts}), results, MemoryTracks(), objects)
    assert results.erased == [TOKEN]
    assert (WRITTEN in objects.objects) is (state is JobState.UNDER_WAY)


def test_results_that_a_job_wrote_after_its_first_message_are_erased_at_its_end() -> None:
    """The step's message comes before the job's end: what is written in between goes with the second event."""
    results, objects = MemoryResults(), ordered()
    for state in (JobState.UNDER_WAY, JobState.CANCELLED):
        pipelines = MemoryPipelines(jobs={JOB: JobFacts(state, job_labels([(TRACK, 1)]), order=ORDER)})
        notify(pipelines, results, MemoryTracks(), objects)
    assert results.erased == [TOKEN, TOKEN]
    assert not objects.objects


@pytest.mark.parametrize(
    "facts",
    [
        None,
        JobFacts(JobState.SUCCEEDED, {}, order=ORDER),
        JobFacts(JobState.SUCCEEDED, job_labels([(TRACK, 2)]), order=ORDER),
        JobFacts(JobState.SUCCEEDED, {"app": "another", "track": TRACK, "attempt": "1"}, order=ORDER),
        JobFacts(JobState.SUCCEEDED, job_labels([(TRACK, 1)])),
        JobFacts(JobState.SUCCEEDED, job_labels([(TRACK, 1)]), order=ORDER.replace("pipeline", "another")),
        JobFacts(JobState.SUCCEEDED, job_labels([(TRACK, 1)]), order=ORDER.replace("-1.json", "-2.json")),
        JobFacts(JobState.SUCCEEDED, job_labels([(TRACK, 1)]), order=f"gs://{PIPELINE_BUCKET}/templates/x.yaml"),
    ],
)
def test_a_stranger_s_job_has_nothing_erased(facts: JobFacts | None) -> None:
    """No job, one without this project's labels, or one that names no order or another one than its own."""
    results, objects = MemoryResults(), ordered()
    notify(MemoryPipelines(jobs={JOB: facts} if facts else {}), results, MemoryTracks(), objects)
    assert not results.erased
    assert list(objects.objects) == [WRITTEN]
    assert not objects.read_names


@pytest.mark.parametrize("data", [None, b"", b"[]", b"[{}]", json.dumps([{"resultsToken": ""}]).encode()])
def test_without_an_order_that_can_be_read_nothing_is_erased(data: bytes | None) -> None:
    """The event is acknowledged: a repetition would find no more."""
    facts = JobFacts(JobState.SUCCEEDED, job_labels([(TRACK, 1)]), order=ORDER)
    results, objects = MemoryResults(), MemoryObjects({} if data is None else {WRITTEN: data})
    notify(MemoryPipelines(jobs={JOB: facts}), results, MemoryTracks(), objects)
    assert not results.erased
    assert objects.objects.get(WRITTEN) == data


@pytest.mark.parametrize("status", list(Status))
def test_what_belongs_to_a_track_is_never_erased_by_an_event(status: Status) -> None:
    """Nothing is erased in any state of the track."""
    results = MemoryResults()
    facts = JobFacts(JobState.CANCELLED, job_labels([(TRACK, 1)]), order=ORDER)
    notify(MemoryPipelines(jobs={JOB: facts}), results, tracks(status), ordered())
    assert not results.erased


@pytest.mark.parametrize("state", list(JobState))
@pytest.mark.parametrize("status", list(Status))
def test_an_order_is_deleted_when_its_job_can_write_no_more(status: Status, state: JobState) -> None:
    """A job that ended settles its track; a settled one's job has written all; a cancelled track's job may still."""
    objects = ordered()
    facts = JobFacts(state, job_labels([(TRACK, 1)]), order=ORDER)
    notify(MemoryPipelines(jobs={JOB: facts}), MemoryResults(), tracks(status), objects)
    settled = status in FINAL - {Status.CANCELLED}
    assert (WRITTEN in objects.objects) is (state is JobState.UNDER_WAY and not settled)


def test_the_order_of_a_cancelled_track_without_a_job_stays() -> None:
    """The launcher may be about to create it, and then its end deletes the order."""
    objects = ordered()
    notify(MemoryPipelines(), MemoryResults(), tracks(Status.CANCELLED), objects)
    assert list(objects.objects) == [WRITTEN]


def test_an_earlier_attempt_s_order_goes_with_a_late_event() -> None:
    """The notifier died between its final write and the deletion, and the person retried before it was repeated."""
    objects = ordered()
    later = WRITTEN[0], ORDER_NAME.replace("-1.json", "-2.json")
    objects.objects[later] = b"of the present attempt"
    notify(MemoryPipelines(), MemoryResults(), tracks(Status.COMPOSING, attempt=2), objects)
    assert list(objects.objects) == [later]


def test_the_order_of_a_later_attempt_is_not_deleted() -> None:
    """A hint about an attempt that the track has not reached is forged."""
    objects, held = ordered(), tracks(Status.FAILED, attempt=0)
    notify(MemoryPipelines(), MemoryResults(), held, objects)
    assert list(objects.objects) == [WRITTEN]


def test_a_track_that_is_erased_while_it_is_settled_leaves_nothing() -> None:
    """The deletion came between the notifier's look and its write."""
    held, results, objects = tracks(Status.COMPOSING), MemoryResults(), ordered()
    held.meanwhile.append(lambda: held.erase(SESSION, TRACK))
    facts = JobFacts(JobState.FAILED, job_labels([(TRACK, 1)]), order=ORDER)
    notify(MemoryPipelines(jobs={JOB: facts}), results, held, objects)
    assert results.erased == [TOKEN]
    assert not objects.objects


@pytest.fixture
def pipelines(server: ScriptedServer) -> VertexPipelines:
    return VertexPipelines(server.url, "musicgenerator-prod", "us-central1", AnonymousCredentials())


@pytest.mark.parametrize("status", [200, 400, 404])
def test_a_job_is_cancelled_if_it_runs(server: ScriptedServer, pipelines: VertexPipelines, status: int) -> None:
    """One that has ended or does not exist is as it should be, and the caller hears that it writes nothing more."""
    server.script(f"POST {JOBS}/{JOB}:cancel", Answer({} if status == 200 else {"error": {"code": status}}, status))
    server.script(f"GET {JOBS}/{JOB}", Answer({"state": "PIPELINE_STATE_CANCELLED"}))
    assert pipelines.cancel(JOB, HOME) is (status == 200)
    assert len(server.heard_at(f"{JOBS}/{JOB}:cancel")) == 1


def test_a_job_that_is_being_cancelled_may_still_write(server: ScriptedServer, pipelines: VertexPipelines) -> None:
    """Vertex AI may refuse a second cancellation, but the job has not ended."""
    server.script(f"POST {JOBS}/{JOB}:cancel", Answer({"error": {"code": 400}}, 400))
    server.script(f"GET {JOBS}/{JOB}", Answer({"state": "PIPELINE_STATE_CANCELLING"}))
    assert pipelines.cancel(JOB, HOME) is True


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_cancellation_that_was_not_taken_is_told(
    server: ScriptedServer, pipelines: VertexPipelines, status: int
) -> None:
    """The event or request is repeated."""
    server.script(f"POST {JOBS}/{JOB}:cancel", Answer({"error": {"code": status, "message": "busy"}}, status))
    with pytest.raises(LaunchUnavailableError):
        pipelines.cancel(JOB, HOME)


def test_a_job_s_facts_name_its_order(server: ScriptedServer, pipelines: VertexPipelines) -> None:
    """From its own parameters; a job without any names none."""
    job = {"name": f"{JOBS[4:]}/{JOB}", "state": "PIPELINE_STATE_SUCCEEDED", "labels": job_labels([(TRACK, 1)])}
    given = job | {"runtimeConfig": {"parameterValues": {"job": JOB, "order": ORDER}}}
    server.script(f"GET {JOBS}/{JOB}", Answer(given), Answer(job))
    assert pipelines.facts(JOB, HOME) == JobFacts(JobState.SUCCEEDED, job_labels([(TRACK, 1)]), "", ORDER)
    assert pipelines.facts(JOB, HOME) == JobFacts(JobState.SUCCEEDED, job_labels([(TRACK, 1)]), "", "")
