"""From a captioned track to one pipeline job, however often its message is delivered."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

from musicgenerator import ids, logs
from musicgenerator.briefs import ENGINES
from musicgenerator.errors import BudgetSpentError, LaunchRefusedError, PermanentError
from musicgenerator.jobs import JobFacts, JobRequest, job_labels
from musicgenerator.messages import CaptionMessage
from musicgenerator.settings import SettingInvalidError, required, whole_number
from musicgenerator.states import Status
from musicgenerator.tracks import Change, Decision, Outcome, Track, Work

DAILY_LIMIT: Final = 1000


@dataclass(frozen=True)
class Places:
    """Where the pipeline keeps its files, who it runs as, and where its music and its message go."""

    pipeline_root: str
    pipeline_account: str
    results_bucket: str
    events_topic: str
    default_engine: str
    fallback_engine: str
    model_endpoint: str
    daily_limit: int

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the environment; raise SettingMissingError naming a variable that is not set."""
        project = required(environ, "GOOGLE_CLOUD_PROJECT")
        return cls(
            pipeline_root=required(environ, "PIPELINE_ROOT"),
            pipeline_account=required(environ, "PIPELINE_ACCOUNT"),
            results_bucket=required(environ, "RESULTS_BUCKET"),
            events_topic=f"projects/{project}/topics/{required(environ, 'PIPELINE_EVENTS_TOPIC')}",
            default_engine=_engine(environ, "DEFAULT_ENGINE") or required(environ, "DEFAULT_ENGINE"),
            fallback_engine=_engine(environ, "FALLBACK_ENGINE"),
            model_endpoint=environ.get("MODEL_ENDPOINT", ""),
            daily_limit=whole_number(environ, "DAILY_LIMIT", DAILY_LIMIT),
        )


class Tracks(Protocol):
    """The truth about every track."""

    def find(self, track: str) -> tuple[Track, Work] | None:
        """Return a track and its work, or None."""
        ...

    def advance(self, track: str, decide: Decision) -> Outcome | None:
        """Write what ``decide`` says, once or not at all."""
        ...


class Pipelines(Protocol):
    """The pipeline jobs of Vertex AI."""

    def create(self, wanted: JobRequest) -> bool:
        """Create a job, or return False where its id is taken."""
        ...

    def facts(self, job: str) -> JobFacts | None:
        """Return what is true of a job, or None where there is none."""
        ...

    def cancel(self, job: str) -> None:
        """Cancel a job, if it is there and has not ended."""
        ...


class Switch(Protocol):
    """The operator's switch."""

    def is_paused(self) -> bool:
        """Say whether nothing new is to be begun."""
        ...


@dataclass(frozen=True)
class Launcher:
    """Launches each track's attempt exactly once."""

    tracks: Tracks
    pipelines: Pipelines
    template: Mapping[str, Any]
    places: Places
    switch: Switch

    def launch(self, message: CaptionMessage) -> None:
        """Handle one message, however often and however late it is delivered.

        Raises LaunchUnavailableError while Vertex AI is busy, so that the message comes again.
        """
        if self.switch.is_paused():
            # Acknowledged: the track stays as it is, and the sweeper announces it again until it may go on.
            logs.warning("paused", track=message.track)
            return

        def claim(now: Track, _: Work) -> Change | None:
            # Counted against the day in the very commit that claims the track: launched once, counted once.
            due = now.status is Status.CAPTIONED and now.attempt == message.attempt
            return Change(Status.LAUNCHING, daily_limit=self.places.daily_limit) if due else None

        try:
            outcome = self.tracks.advance(message.track, claim)
        except BudgetSpentError as error:
            self._end(message, Status.CAPTIONED, error)
            return
        if outcome is None or _is_called_off(outcome.track, message):
            self._cancel(message)
            return
        track = outcome.track
        # `launching` found here is a launch that crashed half-way or runs beside this one:
        # both ask for the same job id, and Vertex AI grants it once.
        under_way = track.status is Status.LAUNCHING and track.attempt == message.attempt
        if not (outcome.changed or under_way):
            logs.info("nothing to launch", track=track.track, status=track.status)
            return
        try:
            self._create(track, outcome.work)
        except PermanentError as error:
            self._end(message, Status.LAUNCHING, error)
        else:
            settled = self._settle(message, Status.LAUNCHING, Change(Status.COMPOSING))
            if settled is None or _is_called_off(settled.track, message):
                self._cancel(message)

    def _cancel(self, message: CaptionMessage) -> None:
        # The command that cancelled or erased the track may have come before its job was there to be cancelled.
        logs.warning("the track was cancelled or is gone", track=message.track)
        self.pipelines.cancel(ids.pipeline_job_id(message.track, message.attempt))

    def _create(self, track: Track, work: Work) -> None:
        if track.brief is None:
            raise LaunchRefusedError("the track has no brief")
        job = ids.pipeline_job_id(track.track, track.attempt)
        labels = job_labels(track.track, track.attempt)
        seed = track.request.seed
        parameters = {
            "job": job,
            "brief": track.brief.to_mapping(),
            "engine": track.request.engine or self.places.default_engine,
            "seconds": track.request.durationSeconds,
            "seed": _derived_seed(job) if seed is None else seed,
            "results_bucket": self.places.results_bucket,
            "results_token": work.token,
            "events_topic": self.places.events_topic,
            "fallback_engine": self.places.fallback_engine,
            "model_endpoint": self.places.model_endpoint,
            "prompt_version": track.prompt_version,
        }
        wanted = JobRequest(
            job, self.template, parameters, labels, self.places.pipeline_root, self.places.pipeline_account
        )
        created = self.pipelines.create(wanted)
        if not created:
            self._check_ours(job, labels)
        logs.info("launched" if created else "already launched", track=track.track, job=job)

    def _check_ours(self, job: str, labels: Mapping[str, str]) -> None:
        facts = self.pipelines.facts(job)
        # A taken id is a success only if the job behind it is this very launch.
        if facts is None or not labels.items() <= facts.labels.items():
            raise LaunchRefusedError(f"the job id {job} is taken by another job")

    def _end(self, message: CaptionMessage, state: Status, error: PermanentError) -> None:
        logs.error("track ended", track=message.track, code=error.code, reason=str(error))
        found = self.tracks.find(message.track)
        if found:
            change = Change(error.status, {"error": error.to_mapping(found[0].request.language)})
            self._settle(message, state, change)

    def _settle(self, message: CaptionMessage, state: Status, change: Change) -> Outcome | None:
        def decide(now: Track, _: Work) -> Change | None:
            # The music may be ready before this write: then the track is past this state and stays there.
            return change if now.status is state and now.attempt == message.attempt else None

        return self.tracks.advance(message.track, decide)


def _is_called_off(track: Track, message: CaptionMessage) -> bool:
    return track.status is Status.CANCELLED and track.attempt == message.attempt


def _engine(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "").strip()
    if value and value not in ENGINES:
        raise SettingInvalidError(f"{name} must be one of {', '.join(ENGINES)}, not {value!r}")
    return value


def _derived_seed(job: str) -> int:
    return int.from_bytes(hashlib.sha256(job.encode()).digest()[:4])
