import json
from dataclasses import dataclass

import pytest

from musicgenerator.errors import LaunchUnavailableError
from musicgenerator.jobs import JobFacts
from tests.contracts.recorded import ORDER_NAME, PIPELINE_BUCKET, SESSION, TOKEN, TRACK, recorded
from tests.functions.test_regions import OWN, THERE, Scene
from tests.support.fakes import HOME, MemoryPipelines


@dataclass
class HomeIsDown(MemoryPipelines):
    """Vertex AI answers in every region but the installation's."""

    def facts(self, job: str, region: str) -> JobFacts | None:
        if region == HOME:
            raise LaunchUnavailableError("down")
        return super().facts(job, region)


def test_a_region_that_is_down_does_not_hide_the_job_in_another() -> None:
    """Its results are erased; without a job in any other region the message is delivered again."""
    scene = Scene(pipelines=HomeIsDown(jobs={THERE: OWN}))
    scene.tracks.erase(SESSION, TRACK)
    scene.objects.objects[PIPELINE_BUCKET, ORDER_NAME] = json.dumps(recorded("order")).encode()
    scene.notify()
    assert scene.results.erased == [TOKEN]
    scene.pipelines.jobs.clear()
    with pytest.raises(LaunchUnavailableError):
        scene.notify()


@dataclass
class NoCancelAtHome(MemoryPipelines):
    """Vertex AI takes no cancellation in the installation's own region."""

    def cancel(self, job: str, region: str) -> bool:
        if region == HOME:
            raise LaunchUnavailableError("down")
        return super().cancel(job, region)


def test_a_region_that_is_down_keeps_no_other_job_from_its_cancellation() -> None:
    """The job of an erased track is cancelled where Vertex AI answers; then the message is delivered again."""
    scene = Scene(pipelines=NoCancelAtHome())
    scene.tracks.erase(SESSION, TRACK)
    with pytest.raises(LaunchUnavailableError):
        scene.launch()
    assert scene.pipelines.cancelled == [THERE]
