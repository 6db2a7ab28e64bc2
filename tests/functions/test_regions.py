"""Several regions: where an attempt is launched, which tracks wait, and where its job is looked up."""

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from calling_off import call_off

from musicgenerator.changes import Change
from musicgenerator.errors import BudgetSpentError, LaunchUnavailableError, RegionBusyError
from musicgenerator.jobs import JobFacts, JobState, job_labels
from musicgenerator.messages import CaptionMessage, GatheredMessage, PipelineMessage
from musicgenerator.order_book import OrderBook
from musicgenerator.states import Status
from musicgenerator.tracks import PrivateTrack, Track
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
    MemoryRegions,
    MemoryResults,
    MemoryTracks,
)
from tests.support.functions import ENVIRON, launcher, notifier

AWAY = "europe-west4"
THERE = f"{AWAY}/{JOB}"
OWN = JobFacts(JobState.UNDER_WAY, job_labels([(TRACK, 1)]), order=ORDER)


def busy() -> RegionBusyError:
    return RegionBusyError("429")


def ahead(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@dataclass
class Limited(MemoryTracks):
    """Tracks with a daily limit; ``counted`` is the number of launches."""

    limit: int = 1000
    counted: int = 0

    def _write(self, current: Track, change: Change) -> None:
        if change.daily_limit is not None:
            if self.counted >= self.limit:
                raise BudgetSpentError("today")
            self.counted += 1
        super()._write(current, change)


@dataclass
class Scene:
    """Launcher and notifier with two regions, and one captioned track."""

    tracks: Limited = field(default_factory=Limited)
    pipelines: MemoryPipelines = field(default_factory=MemoryPipelines)
    regions: MemoryRegions = field(default_factory=MemoryRegions)
    results: MemoryResults = field(default_factory=MemoryResults)
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    environ: dict[str, str] = field(default_factory=lambda: ENVIRON | {"REGIONS": AWAY})

    def __post_init__(self) -> None:
        self.at(Status.CAPTIONED)

    def at(self, status: Status, work: PrivateTrack | None = None, **fields: Any) -> None:
        """Replace the track by the recorded document of this status, with some fields changed."""
        self.tracks.hold(recorded(f"track_{status}") | fields, SESSION, TRACK, work or recorded_work(published=True))

    def launch(self, attempt: int = 1, *, has_waited: bool = False) -> None:
        scene = self.tracks, self.pipelines, self.objects, self.regions
        message = CaptionMessage(SESSION, TRACK, attempt)
        launcher(*scene, environ=self.environ).launch(GatheredMessage((message,)) if has_waited else message)

    def notify(self) -> None:
        message = PipelineMessage(JOB, TRACK, 1)
        regions = (HOME, AWAY)
        notifier(self.tracks, self.pipelines, self.results, self.objects, regions=regions).notify(message)

    @property
    def status(self) -> str:
        return str(self.tracks.documents[TRACK]["status"])

    @property
    def region(self) -> str:
        return self.tracks.works[TRACK].region


def test_every_free_region_gets_its_share() -> None:
    """The choice is random: forty tracks have one job each, in both regions."""
    chosen: Counter[str] = Counter()
    for _ in range(40):
        scene = Scene()
        scene.launch()
        chosen.update(list(scene.pipelines.jobs))
    assert set(chosen) == {JOB, THERE}
    assert chosen.total() == 40


def test_the_region_is_kept_by_the_commit_that_claims() -> None:
    """A track in `launching` always has its region."""
    scene = Scene(regions=MemoryRegions({HOME: ahead(30)}))
    seen: list[tuple[str, str]] = []
    scene.pipelines.meanwhile = lambda: seen.append((scene.status, scene.region))
    scene.launch()
    assert seen == [("launching", AWAY)]
    assert (scene.status, scene.region) == ("composing", AWAY)


@pytest.mark.parametrize(("busy", "free"), [(HOME, THERE), (AWAY, JOB)])
def test_a_busy_region_is_spared(busy: str, free: str) -> None:
    """No launch uses it."""
    for _ in range(20):
        scene = Scene(regions=MemoryRegions({busy: ahead(30)}))
        scene.launch()
        assert list(scene.pipelines.jobs) == [free]


def test_what_was_busy_is_free_again() -> None:
    """It is free after the time without another write: at once for a track that has waited, later for a new one."""
    scene = Scene(regions=MemoryRegions({HOME: ahead(-0.001), AWAY: ahead(30)}))
    scene.launch(has_waited=True)
    assert list(scene.pipelines.jobs) == [JOB]
    scene = Scene(regions=MemoryRegions({HOME: ahead(-301), AWAY: ahead(30)}))
    scene.launch()
    assert list(scene.pipelines.jobs) == [JOB]


def test_a_new_track_waits_for_others_after_every_region_has_refused_a_job() -> None:
    """Jobs of one track would use up the quota; the next sweep announces it with the others."""
    scene = Scene(regions=MemoryRegions({HOME: ahead(-299), AWAY: ahead(-1)}))
    scene.launch()
    assert (scene.status, scene.tracks.counted, scene.pipelines.wanted) == ("captioned", 0, [])
    due = scene.tracks.dues[TRACK]
    assert due
    assert due <= datetime.now(UTC)


def test_a_new_track_is_launched_in_a_region_that_has_refused_nothing() -> None:
    """Also if another region is free and has refused a job before."""
    for _ in range(20):
        scene = Scene(regions=MemoryRegions({HOME: ahead(-1)}))
        scene.launch()
        assert list(scene.pipelines.jobs) == [THERE]


def test_while_all_are_busy_a_track_stays_where_it_is() -> None:
    """It stays `captioned`, without a region, not counted, acknowledged, and is due when the first region is free."""
    scene = Scene(regions=MemoryRegions({HOME: ahead(20), AWAY: ahead(10), "asia-east1": ahead(1)}))
    before = scene.tracks.documents[TRACK]
    for _ in range(3):
        scene.launch()
    assert scene.tracks.documents[TRACK] == before
    assert (scene.region, scene.tracks.counted) == ("", 0)
    assert scene.tracks.dues[TRACK] == scene.regions.busy[AWAY]
    assert not scene.pipelines.wanted
    scene.regions.busy.clear()
    scene.launch()
    assert (scene.status, scene.tracks.counted) == ("composing", 1)


def test_one_region_waits_as_several_do() -> None:
    """With a single region, a track is due when that one is free."""
    scene = Scene(environ=ENVIRON, regions=MemoryRegions({HOME: ahead(20)}))
    scene.launch()
    assert scene.status == "captioned"
    assert scene.tracks.dues[TRACK] == scene.regions.busy[HOME]


def test_a_refusal_marks_the_region_and_no_other() -> None:
    """The track keeps its region, is counted once, and is due after the pause."""
    scene = Scene(regions=MemoryRegions({HOME: ahead(30)}), pipelines=MemoryPipelines(failures=[busy()]))
    home = scene.regions.busy[HOME]
    scene.launch()
    assert (scene.status, scene.region, scene.tracks.counted) == ("launching", AWAY, 1)
    assert scene.regions.busy[HOME] == home
    assert ahead(20) < scene.regions.busy[AWAY] < ahead(40)
    assert scene.tracks.dues[TRACK] == scene.regions.busy[AWAY]


def test_a_failure_has_only_its_own_track_wait() -> None:
    """A server error says nothing about the region's capacity."""
    scene = Scene(pipelines=MemoryPipelines(failures=[LaunchUnavailableError("503")]))
    scene.launch()
    assert scene.regions.busy == {}
    assert scene.status == "launching"
    due = scene.tracks.dues[TRACK]
    assert due
    assert ahead(20) < due < ahead(40)


def test_a_launch_writes_nothing_about_regions() -> None:
    """Only a refusal does."""
    scene = Scene()
    scene.launch()
    assert scene.regions.busy == {}


def test_a_second_delivery_asks_the_first_one_s_region() -> None:
    """After a crash, with only the other region free, there is still one job, counted once."""
    for region in (HOME, AWAY):
        scene = Scene()
        scene.at(Status.LAUNCHING, replace(recorded_work(published=True), region=region))
        for _ in range(5):
            scene.launch()
        assert list(scene.pipelines.jobs) == [JOB if region == HOME else THERE]
        assert (scene.region, scene.tracks.counted) == (region, 0)


def test_a_lost_answer_of_the_store_keeps_the_region_that_was_written() -> None:
    """The commit succeeded: the job is created in the region that it wrote."""
    for _ in range(20):
        scene = Scene()
        scene.tracks.lost_answers = 1
        scene.launch()
        assert list(scene.pipelines.jobs) == [THERE if scene.region == AWAY else JOB]


def test_of_two_deliveries_at_once_both_ask_one_region() -> None:
    """Another delivery claimed the track for the other region between decision and commit."""
    scene = Scene(regions=MemoryRegions({HOME: ahead(30)}))
    claimed = replace(recorded_work(published=True), region=HOME)
    scene.tracks.meanwhile.append(lambda: scene.at(Status.LAUNCHING, claimed))
    scene.launch()
    assert not scene.pipelines.wanted
    scene.regions.busy.clear()
    scene.launch()
    assert list(scene.pipelines.jobs) == [JOB]


def test_an_outage_however_long_ends_nothing() -> None:
    """While its region does not answer, the track waits and messages are acknowledged; then one job is created."""
    scene = Scene(environ=ENVIRON)
    for _ in range(50):
        scene.pipelines.failures.append(busy())
        scene.launch()
        scene.launch()
        assert (scene.status, scene.tracks.counted) == ("launching", 1)
        scene.regions.busy[HOME] = ahead(-1)
        scene.pipelines.failures.clear()
    scene.launch()
    assert (scene.status, len(scene.pipelines.wanted)) == ("composing", 1)


def test_a_launch_from_before_there_were_regions_is_finished_at_home() -> None:
    """Its private track names no region."""
    scene = Scene()
    scene.at(Status.LAUNCHING)
    scene.launch()
    assert list(scene.pipelines.jobs) == [JOB]
    waiting = Scene(regions=MemoryRegions({HOME: ahead(30)}))
    waiting.at(Status.LAUNCHING)
    waiting.launch()
    assert not waiting.pipelines.wanted
    assert waiting.tracks.dues[TRACK] == waiting.regions.busy[HOME]


def test_another_attempt_chooses_again() -> None:
    """The region of the failed attempt does not matter."""
    scene = Scene(regions=MemoryRegions({AWAY: ahead(30)}))
    scene.at(Status.CAPTIONED, replace(recorded_work(published=True), region=AWAY), attempt=2)
    scene.launch(attempt=2)
    assert (scene.status, scene.region) == ("composing", HOME)


def test_a_stranger_s_job_elsewhere_takes_no_id_here() -> None:
    """Job ids are unique within a region, and a taken one is looked up there."""
    for taken, end in ((THERE, "failed"), (JOB, "composing")):
        pipelines = MemoryPipelines(jobs={taken: JobFacts(JobState.UNDER_WAY, {})})
        scene = Scene(regions=MemoryRegions({HOME: ahead(30)}), pipelines=pipelines)
        scene.launch()
        assert scene.status == end


@pytest.mark.parametrize("region", [HOME, AWAY])
@pytest.mark.parametrize("end", ["cancelled", "gone"])
@pytest.mark.parametrize("answered", [True, False])
def test_what_was_called_off_meanwhile_is_cancelled_where_it_was_made(region: str, end: str, *, answered: bool) -> None:
    """The track ended or was erased while its job was created, with or without an answer."""
    scene = Scene(regions=MemoryRegions({AWAY if region == HOME else HOME: ahead(30)}))

    def call_off_meanwhile() -> None:
        if end == "gone":
            scene.tracks.erase(SESSION, TRACK)
        else:
            scene.at(Status.CANCELLED, scene.tracks.works[TRACK])

    scene.pipelines.meanwhile = call_off_meanwhile
    scene.pipelines.failures += [] if answered else [busy()]
    scene.launch()
    assert scene.pipelines.cancelled == [JOB if region == HOME else THERE]
    assert bool(scene.pipelines.jobs) == answered


def test_a_message_for_a_track_that_is_gone_cancels_in_every_region() -> None:
    """The erased track no longer says where its job is."""
    scene = Scene()
    scene.tracks.erase(SESSION, TRACK)
    scene.launch()
    assert scene.pipelines.cancelled == [JOB, THERE]


@pytest.mark.parametrize(("region", "job"), [("", JOB), (HOME, JOB), (AWAY, THERE)])
def test_a_command_cancels_where_the_job_is(region: str, job: str) -> None:
    """So do `:cancel` and every deletion."""
    held, jobs = MemoryTracks(), MemoryPipelines()
    held.hold(recorded("track_composing"), SESSION, TRACK, replace(recorded_work(), region=region))
    call_off(held, jobs, OrderBook(MemoryObjects(), PIPELINE_BUCKET), TRACK, 1)
    assert jobs.cancelled == [job]


@pytest.mark.parametrize(("region", "job"), [("", JOB), (HOME, JOB), (AWAY, THERE)])
def test_the_truth_is_asked_where_the_job_is(region: str, job: str) -> None:
    """A job with this id in another region belongs to somebody else."""
    failed = JobFacts(JobState.FAILED, job_labels([(TRACK, 1)]))
    for there, end in ((job, "failed"), (THERE if job == JOB else JOB, "composing")):
        scene = Scene(pipelines=MemoryPipelines(jobs={there: failed}))
        scene.at(Status.COMPOSING, replace(recorded_work(published=True), region=region))
        scene.notify()
        assert scene.status == end


@pytest.mark.parametrize("job", [JOB, THERE])
def test_the_job_of_a_track_that_is_gone_is_found_in_any_region(job: str) -> None:
    """And its folder emptied, a stranger's job of that name at home or not."""
    stranger = {JOB: JobFacts(JobState.SUCCEEDED, {}, order=ORDER)}
    scene = Scene(pipelines=MemoryPipelines(jobs=stranger | {job: OWN}))
    scene.tracks.erase(SESSION, TRACK)
    scene.objects.objects[PIPELINE_BUCKET, ORDER_NAME] = json.dumps(recorded("order")).encode()
    scene.notify()
    assert scene.results.erased == [TOKEN]


def test_a_region_that_only_an_event_names_is_not_asked() -> None:
    """The log entry's location may be forged."""
    scene = Scene(pipelines=MemoryPipelines(jobs={f"asia-east1/{JOB}": OWN}))
    scene.tracks.erase(SESSION, TRACK)
    scene.objects.objects[PIPELINE_BUCKET, ORDER_NAME] = json.dumps(recorded("order")).encode()
    scene.notify()
    assert not scene.results.erased


def test_only_the_installation_s_region_has_warm_machines() -> None:
    """A persistent resource is in one region."""
    machines = "projects/p/locations/us-central1/persistentResources/musicgenerator"
    for busy, expected in ((AWAY, machines), (HOME, "")):
        scene = Scene(
            environ=ENVIRON | {"REGIONS": AWAY, "PERSISTENT_RESOURCE": machines},
            regions=MemoryRegions({busy: ahead(30)}),
        )
        scene.launch()
        assert [job.machines for job in scene.pipelines.wanted] == [expected]
