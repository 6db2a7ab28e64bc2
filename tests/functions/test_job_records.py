"""The records of jobs whose attempts are over are deleted, and no job is launched again after that."""

import json
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from notifying import Notifier
from sweeping import AT_ONCE, MAX_WAIT, RETRY_AFTER

from localcloud.addresses import REPOSITORY
from musicgenerator.jobs import JobFacts, JobState, job_labels
from musicgenerator.messages import CaptionMessage, PipelineMessage
from musicgenerator.patience import Patience
from musicgenerator.results import MusicFacts
from musicgenerator.states import FINAL, Status
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
    MemoryResults,
    MemoryTracks,
)
from tests.support.functions import launcher, notifier, sweeper

OTHER = "europe-west4"
SECOND = JOB.removesuffix("1") + "2"
MUSIC = MusicFacts.from_json(json.dumps(recorded("track")))
PAST = datetime.now(UTC) - timedelta(seconds=1)


@dataclass
class SweptTracks(MemoryTracks):
    """Tracks of which none is overdue."""

    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        del now, limit
        return []


class KilledError(BaseException):
    """The process ends, whatever is being done."""


@dataclass
class KilledTracks(SweptTracks):
    """Tracks of which one ends the process."""

    deadly: str = ""

    def find(self, track: str) -> tuple[Track, PrivateTrack] | None:
        if track == self.deadly:
            raise KilledError
        return super().find(track)


@dataclass
class Scene:
    """Launcher, notifier and sweeper with fakes for their ports, and one track whose job runs."""

    tracks: SweptTracks = field(default_factory=SweptTracks)
    pipelines: MemoryPipelines = field(default_factory=MemoryPipelines)
    results: MemoryResults = field(default_factory=lambda: MemoryResults({TOKEN: MUSIC}))
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    regions: tuple[str, ...] = (HOME, OTHER)

    def __post_init__(self) -> None:
        self.at(Status.COMPOSING)
        self.job_is(JobState.SUCCEEDED)

    def at(self, status: Status, **fields: Any) -> None:
        self.tracks.hold(recorded(f"track_{status}") | fields, SESSION, TRACK, recorded_work(published=True))

    def job_is(self, state: JobState, job: str = JOB) -> None:
        attempt = int(job.rpartition("-")[2])
        self.pipelines.jobs[job] = JobFacts(state, job_labels([(TRACK, attempt)]), order=ORDER)

    @property
    def notifier(self) -> Notifier:
        return notifier(self.tracks, self.pipelines, self.results, self.objects, regions=self.regions)

    def notify(self) -> None:
        self.notifier.notify(PipelineMessage(JOB, TRACK, 1))

    def sweep(self) -> None:
        sweeper(self.notifier, self.tracks).sweep()

    def launch(self) -> None:
        launcher(self.tracks, self.pipelines, self.objects).launch(CaptionMessage(SESSION, TRACK, 1))

    def waited(self) -> None:
        """Let the record's time pass."""
        self.tracks.forgets[TRACK] = PAST


def test_a_settled_track_s_record_is_deleted_after_its_time() -> None:
    """A sweep before that deletes nothing; afterwards the track is not looked at again."""
    scene = Scene()
    scene.notify()
    scene.sweep()
    assert list(scene.pipelines.jobs) == [JOB]
    scene.waited()
    scene.sweep()
    scene.sweep()
    assert scene.pipelines.jobs == {}
    assert scene.pipelines.deleted == [JOB]
    assert scene.tracks.forgets == {TRACK: None}


@pytest.mark.parametrize("status", sorted(FINAL))
def test_a_late_message_about_a_deleted_job_changes_nothing(status: Status, capsys: pytest.CaptureFixture[str]) -> None:
    """`get_pipeline_job` would answer 404: the track is settled, so that is no failure."""
    scene = Scene()
    scene.at(status)
    scene.waited()
    scene.sweep()
    capsys.readouterr()
    scene.notify()
    assert scene.tracks.documents[TRACK] == recorded(f"track_{status}")
    assert not re.search("WARNING|ERROR", capsys.readouterr().out)


def test_a_late_message_about_an_erased_track_without_a_record_changes_nothing() -> None:
    """The API deleted both."""
    scene = Scene()
    scene.tracks.erase(SESSION, TRACK)
    scene.pipelines.jobs.clear()
    scene.notify()
    assert scene.results.erased == []


@pytest.mark.parametrize("status", [*sorted(FINAL), None], ids=str)
def test_a_repeated_message_launches_no_job_whose_record_is_deleted(status: Status | None) -> None:
    """Vertex AI would accept the id again; the launcher sees that the track has ended, or is gone."""
    scene = Scene()
    if status:
        scene.at(status)
    else:
        scene.tracks.erase(SESSION, TRACK)
    scene.pipelines.jobs.clear()
    scene.launch()
    assert scene.pipelines.wanted == []
    assert scene.objects.objects == {}


@pytest.mark.parametrize(("kept", "launches"), [(Patience().job_record, 0), (timedelta(seconds=-1), 1)])
def test_the_record_s_time_keeps_a_stalled_launcher_from_launching_again(kept: timedelta, launches: int) -> None:
    """It read the track as `launching`, and sends its request after the track is settled and swept.

    As long as the record exists the id is taken. Without that time the job would be created a second time.
    """
    scene = Scene(tracks=SweptTracks(job_record=kept))
    scene.at(Status.LAUNCHING)

    def meanwhile() -> None:
        scene.notify()
        scene.sweep()

    scene.pipelines.meanwhile = meanwhile
    scene.launch()
    assert len(scene.pipelines.wanted) == launches
    assert scene.tracks.documents[TRACK]["status"] == "ready"


def test_a_stalled_launcher_cancels_what_it_creates_for_an_erased_track() -> None:
    """The record goes with the track, so the id may be free; the job is cancelled, and its end erases the rest."""
    scene = Scene()
    scene.at(Status.LAUNCHING)

    def meanwhile() -> None:
        scene.tracks.erase(SESSION, TRACK)
        scene.pipelines.jobs.clear()

    scene.pipelines.meanwhile = meanwhile
    scene.launch()
    assert scene.pipelines.cancelled == [JOB, f"{OTHER}/{JOB}"][:1]
    scene.job_is(JobState.CANCELLED)
    scene.notify()
    assert (scene.pipelines.jobs, scene.objects.objects) == ({}, {})


def test_a_launcher_runs_much_shorter_than_a_record_is_kept() -> None:
    """A launcher that has timed out may run a little longer, so the record is kept ten times as long."""
    flags = yaml.safe_load((REPOSITORY / "infra" / "functions" / "pipeline_launcher.yaml").read_text())
    assert Patience().job_record >= 10 * timedelta(seconds=int(flags["--timeout"].removesuffix("s")))


def test_a_crash_between_the_deletions_is_made_up_for() -> None:
    """The record is gone and the order is not: the next sweep deletes it."""
    scene = Scene()
    scene.at(Status.CANCELLED)
    scene.objects.create(PIPELINE_BUCKET, ORDER_NAME, b"order", "application/json")
    scene.pipelines.jobs.clear()
    scene.waited()
    scene.sweep()
    assert scene.objects.objects == {}
    assert scene.tracks.forgets == {TRACK: None}


def test_a_sweep_that_crashes_has_forgotten_what_was_due_longest() -> None:
    """Otherwise sweeps that crash, or are ended for their time, would never get through many records."""
    tracks = KilledTracks()
    scene = Scene(tracks)
    names = [TRACK[:-2] + first + second for first in "abcde" for second in "abcde"]
    for place, name in enumerate(names):
        tracks.hold(recorded("track_ready"), SESSION, name, recorded_work())
        tracks.forgets[name] = PAST - timedelta(minutes=len(names) - place)
    tracks.deadly = names[-1]
    with pytest.raises(KilledError):
        scene.sweep()
    assert [tracks.forgets[name] for name in names[:AT_ONCE]] == [None] * AT_ONCE
    assert tracks.forgets[names[-1]] is not None


def test_a_job_that_has_not_ended_keeps_its_record_and_its_order() -> None:
    """A cancelled job may still write, and only the order says where; an hour later it is tried again."""
    scene = Scene()
    scene.at(Status.CANCELLED, timeline={"cancelled": datetime.now(UTC).isoformat()})
    scene.job_is(JobState.UNDER_WAY)
    scene.objects.create(PIPELINE_BUCKET, ORDER_NAME, b"order", "application/json")
    scene.waited()
    before = datetime.now(UTC)
    scene.sweep()
    assert list(scene.pipelines.jobs) == [JOB]
    assert len(scene.objects.objects) == 1
    later = scene.tracks.forgets[TRACK]
    assert later
    assert before + RETRY_AFTER <= later <= datetime.now(UTC) + RETRY_AFTER
    scene.job_is(JobState.CANCELLED)
    scene.waited()
    scene.sweep()
    assert (scene.pipelines.jobs, scene.objects.objects) == ({}, {})


def test_a_record_that_cannot_be_deleted_for_a_day_is_logged_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """Otherwise each sweep would ask for it until the track expires."""
    scene = Scene()
    long_ago = datetime.now(UTC) - MAX_WAIT - timedelta(minutes=1)
    scene.at(Status.READY, timeline={"ready": long_ago.isoformat()})
    scene.job_is(JobState.UNDER_WAY)
    scene.waited()
    scene.sweep()
    assert scene.tracks.forgets == {TRACK: None}
    assert "job record kept" in capsys.readouterr().out


def test_a_silent_region_delays_only_its_own_records() -> None:
    """Its tracks are tried again later; the others' records are deleted."""
    scene = Scene()
    scene.at(Status.READY, timeline={"ready": datetime.now(UTC).isoformat()})
    track = "t" + "b" * 26
    scene.tracks.hold(recorded("track_ready"), SESSION, track, replace(recorded_work(), region=OTHER))
    scene.pipelines.silent.add(HOME)
    scene.tracks.works[TRACK] = replace(recorded_work(), region=HOME)
    scene.tracks.forgets = {TRACK: PAST - timedelta(seconds=1), track: PAST}
    scene.sweep()
    assert scene.pipelines.deleted == [f"{OTHER}/mg-{track}-1"]
    later = scene.tracks.forgets[TRACK]
    assert later
    assert later > datetime.now(UTC)
    assert scene.tracks.forgets[track] is None


def test_earlier_attempts_are_looked_for_in_every_region() -> None:
    """Only the current attempt's region is stored; its job still runs and keeps its record."""
    scene = Scene()
    scene.at(Status.COMPOSING, attempt=2)
    scene.job_is(JobState.UNDER_WAY, SECOND)
    scene.waited()
    scene.sweep()
    assert scene.pipelines.deleted == [JOB, f"{OTHER}/{JOB}"]
    assert list(scene.pipelines.jobs) == [SECOND]
    assert scene.tracks.forgets == {TRACK: None}


@pytest.mark.parametrize("end", [Status.COMPOSING, Status.READY])
def test_an_attempt_that_starts_or_ends_meanwhile_keeps_its_time(end: Status) -> None:
    """The sweep has deleted an earlier attempt's record, and must not forget the later attempt's."""
    scene = Scene()
    scene.at(Status.FAILED)
    scene.waited()
    soon = datetime.now(UTC) + timedelta(minutes=1)

    def meanwhile() -> None:
        scene.at(end, attempt=2)
        scene.tracks.forgets[TRACK] = soon

    scene.tracks.meanwhile.append(meanwhile)
    scene.sweep()
    assert scene.tracks.forgets == {TRACK: soon}


def test_a_track_that_is_erased_while_its_job_runs_is_forgotten_at_the_job_s_end() -> None:
    """The message about the end deletes results, order and record; one that comes before deletes no record."""
    scene = Scene()
    scene.tracks.erase(SESSION, TRACK)
    scene.objects.create(PIPELINE_BUCKET, ORDER_NAME, json.dumps(recorded("order")).encode(), "application/json")
    scene.job_is(JobState.UNDER_WAY)
    scene.notify()
    assert list(scene.pipelines.jobs) == [JOB]
    scene.job_is(JobState.SUCCEEDED)
    scene.notify()
    assert (scene.pipelines.jobs, scene.objects.objects) == ({}, {})
    assert set(scene.results.erased) == {TOKEN}
