import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from notifying import Settings, SignerBlockedError

from musicgenerator.errors import (
    LaunchBlockedError,
    MusicMissingError,
    PermanentError,
    PipelineCancelledError,
    PipelineFailedError,
)
from musicgenerator.ids import pipeline_job_id, run_id
from musicgenerator.jobs import JobFacts, JobState, job_labels
from musicgenerator.messages import PipelineMessage, pipeline_event
from musicgenerator.results import MusicFacts
from musicgenerator.settings import SettingMissingError
from musicgenerator.states import FINAL, Status
from musicgenerator.tracks import PrivateTrack
from tests.contracts.recorded import JOB, SESSION, TOKEN, TRACK, recorded, recorded_work, without_timestamps
from tests.support.fakes import HOME, MemoryObjects, MemoryPipelines, MemoryResults, MemorySpans, MemoryTracks
from tests.support.functions import notifier

ENVIRON = {
    "REGION": HOME,
    "RESULTS_BUCKET": "musicgenerator-results",
    "STORAGE_URL": "https://storage.googleapis.com",
}
MUSIC = MusicFacts.from_json(json.dumps(recorded("track")))
UNDER_WAY = [status for status in Status if status not in FINAL]
DAMAGED = MusicMissingError("another size")

# How a message ends a track, by the job's state and the music in the results bucket.
ENDS: list[tuple[JobState, MusicFacts | PermanentError | None, type[PermanentError] | str | None]] = [
    (JobState.UNDER_WAY, None, None),
    (JobState.UNDER_WAY, MUSIC, "ready"),
    (JobState.UNDER_WAY, DAMAGED, MusicMissingError),
    (JobState.SUCCEEDED, None, MusicMissingError),
    (JobState.SUCCEEDED, MUSIC, "ready"),
    (JobState.SUCCEEDED, DAMAGED, MusicMissingError),
    (JobState.FAILED, None, PipelineFailedError),
    (JobState.FAILED, MUSIC, "ready"),
    (JobState.FAILED, DAMAGED, MusicMissingError),
    (JobState.CANCELLED, None, PipelineCancelledError),
    (JobState.CANCELLED, MUSIC, "ready"),
    (JobState.CANCELLED, DAMAGED, MusicMissingError),
]


@dataclass
class Scene:
    """The notifier with fakes for its ports, and one track whose job is under way."""

    tracks: MemoryTracks = field(default_factory=MemoryTracks)
    pipelines: MemoryPipelines = field(default_factory=MemoryPipelines)
    results: MemoryResults = field(default_factory=MemoryResults)
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    spans: MemorySpans = field(default_factory=MemorySpans)
    is_overdue: bool = False
    message: PipelineMessage = field(default_factory=lambda: PipelineMessage(JOB, TRACK, 1))

    def __post_init__(self) -> None:
        self.at(Status.COMPOSING)
        self.job_is(JobState.UNDER_WAY)

    def at(self, status: Status, **fields: Any) -> None:
        """Replace the track by the recorded document of this status, with some fields changed."""
        self.tracks.hold(recorded(f"track_{status}") | fields, SESSION, TRACK, recorded_work(published=True))

    def job_is(self, state: JobState) -> None:
        self.pipelines.jobs[JOB] = JobFacts(state, job_labels([(TRACK, 1)]), "the step failed")

    def deliver(self) -> None:
        told = notifier(self.tracks, self.pipelines, self.results, self.objects, self.spans)
        told.notify(self.message, is_overdue=self.is_overdue)

    @property
    def document(self) -> dict[str, Any]:
        return self.tracks.documents[TRACK]

    @property
    def work(self) -> PrivateTrack:
        return self.tracks.works[TRACK]


def found(music: MusicFacts | PermanentError | None) -> MemoryResults:
    return MemoryResults({TOKEN: music} if music else {})


def test_finished_music_makes_the_recorded_ready_track() -> None:
    """The step publishes its message while its job still runs: the results decide."""
    scene = Scene(results=found(MUSIC))
    scene.deliver()
    assert without_timestamps(scene.document) == without_timestamps(recorded("track_ready"))


def test_a_failed_pipeline_makes_the_recorded_failed_track() -> None:
    """The log sink's entry triggers it; the error comes from Vertex AI."""
    message = pipeline_event(json.dumps(recorded("pipeline_event_log_failed")).encode())
    assert isinstance(message, PipelineMessage)
    scene = Scene(message=message)
    scene.job_is(JobState.FAILED)
    scene.deliver()
    assert without_timestamps(scene.document) == without_timestamps(recorded("track_failed"))


@pytest.mark.parametrize("results", [found(MUSIC), found(None)], ids=["music", "failure"])
def test_the_end_leaves_the_sketch(results: MemoryResults) -> None:
    """The page plays it until the music takes over, and if there is no music, it stays playable."""
    scene = Scene(results=results)
    scene.tracks.hold(recorded("track_sketched"), SESSION, TRACK, recorded_work(published=True))
    scene.job_is(JobState.FAILED)
    scene.deliver()
    assert Status(scene.document["status"]).is_final
    assert scene.document["sketch"] == recorded("track_sketched")["sketch"]


@pytest.mark.parametrize("status", UNDER_WAY)
@pytest.mark.parametrize(("state", "music", "end"), ENDS)
def test_objects_and_job_decide_the_end(
    state: JobState,
    music: MusicFacts | PermanentError | None,
    end: type[PermanentError] | str | None,
    status: Status,
) -> None:
    """Existing music makes the track ready in any state of the job; without music the job's state decides."""
    scene = Scene(results=found(music))
    scene.at(status)
    scene.job_is(state)
    scene.deliver()
    if end is None:
        assert scene.document == recorded(f"track_{status}")
    elif isinstance(end, str):
        assert (scene.document["status"], scene.document["error"]) == (end, None)
        assert scene.document["music"] == recorded("track_ready")["music"]
    else:
        expected = {"code": end.code, "message": end.words["ko"], "retryable": True}
        assert (scene.document["status"], scene.document["error"]) == ("failed", expected)


@pytest.mark.parametrize("status", sorted(FINAL))
@pytest.mark.parametrize(("state", "music", "_end"), ENDS)
def test_a_final_state_stays(
    state: JobState, music: MusicFacts | PermanentError | None, _end: object, status: Status
) -> None:
    """A late or repeated message changes nothing."""
    scene = Scene(results=found(music))
    scene.at(status)
    scene.job_is(state)
    scene.deliver()
    assert scene.document == recorded(f"track_{status}")


def test_the_words_are_in_the_person_s_language() -> None:
    """The error is English for a request in English."""
    scene = Scene()
    scene.at(Status.COMPOSING, request=recorded("track_composing")["request"] | {"language": "en"})
    scene.job_is(JobState.FAILED)
    scene.deliver()
    assert PipelineFailedError("").to_mapping("en") == scene.document["error"]


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED])
def test_music_that_is_finished_while_vertex_ai_is_asked_counts(state: JobState) -> None:
    """The results are looked for before the job's state is asked, and again if the job has ended."""
    scene = Scene()
    scene.job_is(state)
    facts = scene.pipelines.facts

    def facts_after_music(job: str, region: str) -> JobFacts | None:
        scene.results.found[TOKEN] = MUSIC
        return facts(job, region)

    scene.pipelines.facts = facts_after_music  # type: ignore[method-assign]
    scene.deliver()
    assert scene.document["status"] == "ready"


def test_a_job_that_does_not_exist_changes_nothing() -> None:
    """The message is forged: only the launcher creates the job that it names."""
    scene = Scene()
    scene.pipelines.jobs.clear()
    scene.deliver()
    assert scene.document == recorded("track_composing")


def test_a_stranger_s_job_changes_nothing() -> None:
    """A job with this id but other labels does not belong to the track."""
    for labels in ({}, {"app": "another"}, job_labels([(TRACK, 2)]), job_labels([("t" + "a" * 26, 1)])):
        scene = Scene()
        scene.pipelines.jobs[JOB] = JobFacts(JobState.FAILED, labels)
        scene.deliver()
        assert scene.document == recorded("track_composing")


def test_a_hint_of_another_attempt_changes_nothing() -> None:
    """The job of an earlier attempt ended: the current attempt continues."""
    scene = Scene()
    scene.at(Status.COMPOSING, attempt=2)
    scene.job_is(JobState.FAILED)
    scene.deliver()
    assert scene.document == recorded("track_composing") | {"attempt": 2}


def test_a_hint_for_no_track_is_acknowledged() -> None:
    """The track was erased or never existed."""
    scene = Scene(message=replace(Scene().message, track="t" + "a" * 26))
    scene.deliver()
    assert scene.document == recorded("track_composing")


@pytest.mark.parametrize("end", sorted(FINAL))
def test_of_two_hints_at_once_the_first_one_counts(end: Status) -> None:
    """Another writer ended the track between decision and commit."""
    scene = Scene(results=found(MUSIC))
    scene.tracks.meanwhile.append(lambda: scene.at(end))
    scene.deliver()
    assert scene.document == recorded(f"track_{end}")


def test_an_attempt_that_began_meanwhile_is_not_ended() -> None:
    """A retry began between decision and commit."""
    scene = Scene(results=found(MUSIC))
    scene.tracks.meanwhile.append(lambda: scene.at(Status.CAPTIONED, attempt=2))
    scene.deliver()
    assert scene.document == recorded("track_captioned") | {"attempt": 2}


def test_a_lost_answer_of_the_store_changes_nothing_more() -> None:
    """The commit succeeded: the second decision finds a final track."""
    scene = Scene(results=found(MUSIC))
    scene.tracks.lost_answers = 1
    scene.deliver()
    assert scene.tracks.steps == [(TRACK, Status.READY)]


def test_the_music_may_overtake_the_launcher() -> None:
    """The step was faster than the launcher's write of `composing`."""
    scene = Scene(results=found(MUSIC))
    scene.at(Status.LAUNCHING)
    scene.deliver()
    assert scene.document["status"] == "ready"


@pytest.mark.parametrize(
    ("music", "end", "code"), [(MUSIC, Status.READY, ""), (DAMAGED, Status.FAILED, "music_missing")]
)
def test_an_end_is_shown_once_with_all_its_stages(music: MusicFacts | PermanentError, end: Status, code: str) -> None:
    """Only the invocation that ended the track sends its spans."""
    scene = Scene(results=found(music))
    for _ in range(2):
        scene.deliver()
    [(track, timeline, error)] = scene.spans.sent
    assert (track.track_id, error) == (TRACK, code)
    assert set(timeline) == set(recorded("track_composing")["timeline"]) | {end}


@pytest.mark.parametrize("name", sorted(ENVIRON))
def test_a_missing_setting_is_named(name: str) -> None:
    """The function does not start without it."""
    with pytest.raises(SettingMissingError, match=name):
        Settings.from_environ(ENVIRON | {name: ""})


@pytest.mark.parametrize(("music", "end"), [(None, "failed"), (MUSIC, "ready")])
def test_an_overdue_track_whose_job_was_deleted_ends(music: MusicFacts | None, end: str) -> None:
    """The music decides, as after every end of a job."""
    scene = Scene(results=found(music), is_overdue=True)
    scene.pipelines.jobs.clear()
    scene.deliver()
    error = None if music else PipelineFailedError("").to_mapping("ko")
    assert (scene.document["status"], scene.document["error"]) == (end, error)


def test_an_overdue_track_is_not_ended_by_a_stranger_s_job() -> None:
    """A job exists, so the track's job cannot have been deleted."""
    scene = Scene(is_overdue=True)
    scene.pipelines.jobs[JOB] = JobFacts(JobState.FAILED, {})
    scene.deliver()
    assert scene.document == recorded("track_composing")


@dataclass
class ClosedPipelines(MemoryPipelines):
    """Vertex AI, which refuses the project until ``is_open``."""

    is_open: bool = False

    def facts(self, job: str, region: str) -> JobFacts | None:
        if not self.is_open:
            raise BLOCKED
        return super().facts(job, region)


BLOCKED = LaunchBlockedError("403 the caller does not have permission")


@pytest.mark.parametrize("end", [MUSIC, DAMAGED], ids=["ready", "failed"])
def test_a_project_that_vertex_refuses_parks_the_track_until_its_job_can_be_read(
    end: MusicFacts | PermanentError,
) -> None:
    """The message is acknowledged, and the sweeper asks again."""
    pipelines = ClosedPipelines()
    scene = Scene(pipelines=pipelines)
    scene.deliver()
    assert (scene.document["status"], scene.document["error"]) == ("composing", BLOCKED.to_mapping("ko"))
    assert (scene.tracks.works[TRACK].parked, scene.tracks.dues[TRACK] is None) == (True, False)
    pipelines.is_open = True
    scene.results.found[TOKEN] = end
    scene.deliver()
    assert scene.document["status"] == ("ready" if end is MUSIC else "failed")
    assert scene.document["error"] == (None if isinstance(end, MusicFacts) else end.to_mapping("ko"))
    assert not scene.tracks.works[TRACK].parked


REFUSED_KEY = {(TOKEN, 1): "SigningKeyRefusedError"}


@pytest.mark.parametrize("job", [JOB, run_id(HOME, [(TRACK, 1), (f"t{'b' * 26}", 1)])], ids=["alone", "shared"])
def test_a_track_that_could_not_be_signed_is_parked_and_made_by_another_attempt(job: str) -> None:
    """The step was refused the key. No message starts the next attempt before the pause is over, and only one does."""
    scene = Scene(results=MemoryResults(failures=dict(REFUSED_KEY)), message=PipelineMessage(job, TRACK, 1))
    scene.tracks.works[TRACK] = replace(scene.work, job=job, region="us-east1", counted_for_all="everybody")
    scene.document["sketch"] = recorded("track_sketched")["sketch"]
    counted = scene.work.counted_for_all
    for _ in range(3):
        scene.deliver()
        assert (scene.document["status"], scene.document["attempt"]) == ("composing", 1)
        assert scene.document["error"] == SignerBlockedError("").to_mapping("ko")
    due = scene.tracks.dues[TRACK]
    assert due is not None
    assert timedelta(minutes=14) < due - datetime.now(UTC) < timedelta(minutes=16)
    # The pause is over, and the answer to the commit is lost.
    scene.tracks.works[TRACK] = replace(scene.work, lease_until=datetime.now(UTC))
    scene.tracks.lost_answers = 1
    for _ in range(2):
        scene.deliver()
        assert (scene.document["status"], scene.document["attempt"], scene.document["error"]) == ("captioned", 2, None)
    work = scene.work
    assert (scene.document["sketch"], scene.results.erased) == (None, [f"{TOKEN}/sketch.mp3"])
    assert (work.published, work.parked, work.job, work.region, work.earlier_jobs) == (False, False, "", "", (job,))
    due = scene.tracks.dues[TRACK]
    assert due is not None
    assert (work.counted_for_all, due <= datetime.now(UTC)) == (counted, True)
    # The next attempt has a failure of its own, or music.
    scene.results.found[TOKEN] = MUSIC
    scene.at(Status.COMPOSING, attempt=2)
    scene.message = PipelineMessage(f"{JOB[:-1]}2", TRACK, 2)
    scene.deliver()
    assert scene.document["status"] == "ready"


@pytest.mark.parametrize("end", [Status.CANCELLED, None], ids=["cancelled", "erased"])
def test_a_parked_track_that_is_ended_gets_no_other_attempt(end: Status | None) -> None:
    """The person has cancelled or erased it while it waited."""
    scene = Scene(results=MemoryResults(failures=dict(REFUSED_KEY)))
    scene.deliver()
    scene.tracks.works[TRACK] = replace(scene.work, lease_until=datetime.now(UTC))
    if end:
        scene.tracks.meanwhile.append(lambda: scene.at(end))
        scene.deliver()
        assert (scene.document["status"], scene.document["attempt"]) == (end, 1)
    else:
        scene.tracks.meanwhile.append(lambda: scene.tracks.erase(SESSION, TRACK))
        scene.deliver()
        assert not scene.tracks.documents


def test_a_key_that_is_refused_for_a_day_fails_the_track() -> None:
    """The person can retry it; until then each attempt has cost a job."""
    scene = Scene(results=MemoryResults(failures={(TOKEN, 50): "SigningKeyRefusedError"}))
    scene.at(Status.COMPOSING, attempt=50)
    scene.message = PipelineMessage(pipeline_job_id(TRACK, 50), TRACK, 50)
    scene.deliver()
    assert scene.document["error"] == PipelineFailedError("").to_mapping("ko")


def test_a_track_that_is_gone_is_asked_for_again_while_vertex_refuses_the_project() -> None:
    """Nothing can be parked, so the message is delivered again."""
    scene = Scene(pipelines=ClosedPipelines())
    scene.tracks.erase(SESSION, TRACK)
    with pytest.raises(LaunchBlockedError):
        scene.deliver()
