"""What an earlier release has written, and what its functions still read while they are updated one by one."""

import json
from dataclasses import replace

import pytest

from musicgenerator.jobs import JobFacts, JobState, job_labels
from musicgenerator.messages import CaptionMessage, PipelineMessage, pipeline_event
from musicgenerator.order_book import OrderBook
from musicgenerator.orders import CalledOff
from musicgenerator.states import Status
from musicgenerator.tracks import job_of
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
from tests.functions.runs_scene import A, B, gathered
from tests.support.fakes import MemoryObjects, MemoryPipelines, MemoryResults, MemoryTracks
from tests.support.functions import launcher, notifier

WRITTEN = (PIPELINE_BUCKET, ORDER_NAME)


def old_orders() -> MemoryObjects:
    """Return the pipeline's bucket with an order that names neither its track nor its attempt."""
    (order,) = recorded("order")
    old = {name: value for name, value in order.items() if name not in {"track", "attempt"}}
    return MemoryObjects({WRITTEN: json.dumps([old]).encode()})


def old_tracks(status: Status) -> MemoryTracks:
    """Return a track whose private document names a region and no job."""
    held = MemoryTracks()
    work = replace(recorded_work(published=True), region="us-central1")
    assert not work.job
    held.hold(recorded(f"track_{status}"), SESSION, TRACK, work)
    return held


def test_an_old_order_is_called_off() -> None:
    """The command that cancels or erases the track then cancels the job, which makes no other one."""
    book = OrderBook(old_orders(), PIPELINE_BUCKET)
    assert book.call_off(JOB, TRACK) == 0
    assert book.read(JOB) == (CalledOff(TRACK, 1, TOKEN),)


def test_an_old_order_names_the_folder_of_an_erased_track() -> None:
    """The track was erased while its job ran, and the notifier was updated before the job ended."""
    results, objects = MemoryResults(), old_orders()
    facts = JobFacts(JobState.SUCCEEDED, job_labels([(TRACK, 1)]), order=ORDER)
    told = notifier(MemoryTracks(), MemoryPipelines(jobs={JOB: facts}), results, objects)
    told.notify(PipelineMessage(JOB, TRACK, 1))
    assert results.erased == [TOKEN]
    assert not objects.objects


def test_a_launch_that_wrote_an_old_order_is_continued() -> None:
    """The launcher stopped between the order and the job. The new one creates the job, whose step reads the order."""
    held, pipelines, objects = old_tracks(Status.LAUNCHING), MemoryPipelines(), old_orders()
    launcher(held, pipelines, objects).launch(CaptionMessage(SESSION, TRACK, 1))
    assert [wanted.job for wanted in pipelines.wanted] == [JOB]
    assert held.documents[TRACK]["status"] == "composing"


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
def test_a_job_of_a_track_that_names_none_is_settled(state: JobState) -> None:
    """Its id follows from the track and the attempt; the step's message of the earlier release has only the id."""
    held, objects = old_tracks(Status.COMPOSING), old_orders()
    found = held.find(TRACK)
    assert found
    assert job_of(*found) == JOB
    message = pipeline_event(json.dumps({"pipelineJobId": JOB}).encode())
    assert isinstance(message, PipelineMessage)
    pipelines = MemoryPipelines(jobs={JOB: JobFacts(state, job_labels([(TRACK, 1)]))})
    notifier(held, pipelines, MemoryResults(), objects).notify(message)
    assert Status(held.documents[TRACK]["status"]).is_final
    assert not objects.objects


def test_an_earlier_launcher_launches_the_first_track_of_a_group() -> None:
    """It reads the fields that it knows. The other tracks become overdue and are announced again."""
    assert CaptionMessage.from_bytes(gathered(A, B).to_bytes()) == CaptionMessage(SESSION, A, 1)
