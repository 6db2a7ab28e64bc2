"""From a captioned track to one pipeline job, however often its message is delivered."""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol, Self

from musicgenerator import ids, logs
from musicgenerator.briefs import ENGINES, Brief
from musicgenerator.errors import (
    BudgetSpentError,
    LaunchRefusedError,
    LaunchUnavailableError,
    PermanentError,
    RegionBusyError,
)
from musicgenerator.jobs import JobFacts, JobRequest, job_labels
from musicgenerator.messages import CaptionMessage
from musicgenerator.orders import ORDER_TYPE, Order, order_address, order_name, orders_to_bytes
from musicgenerator.results import COVER
from musicgenerator.settings import SettingInvalidError, regions, required, whole_number
from musicgenerator.states import Status
from musicgenerator.tracks import Change, Decision, Outcome, PrivateTrack, Track

DAILY_LIMIT: Final = 1000
# How long a region that refused a job is asked for no other: its quota is one of a minute.
PAUSE: Final = timedelta(seconds=30)


@dataclass(frozen=True)
class Settings:
    """Where the pipeline may run and keeps its files, who it runs as, and where its music and its message go.

    The first of ``regions`` is the installation's own.
    """

    regions: tuple[str, ...]
    pipeline_root: str
    pipeline_bucket: str
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
            regions=regions(environ),
            pipeline_root=required(environ, "PIPELINE_ROOT"),
            pipeline_bucket=required(environ, "PIPELINE_BUCKET"),
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

    def find(self, track: str) -> tuple[Track, PrivateTrack] | None:
        """Return a track and its work, or None."""
        ...

    def advance(self, track: str, decide: Decision) -> Outcome | None:
        """Write what ``decide`` says, once or not at all."""
        ...


class Pipelines(Protocol):
    """The pipeline jobs of Vertex AI."""

    def create(self, wanted: JobRequest, region: str) -> bool:
        """Create a job, or return False where its id is taken; raise LaunchUnavailableError where none is taken on."""
        ...

    def facts(self, job: str, region: str) -> JobFacts | None:
        """Return what is true of a job, or None where there is none."""
        ...

    def cancel(self, job: str, region: str) -> bool:
        """Cancel a job, or return False if it does not exist or has ended."""
        ...


class Objects(Protocol):
    def create(self, bucket: str, name: str, data: bytes, content_type: str) -> None:
        """Write an object, or leave the one that exists."""
        ...


class Regions(Protocol):
    """What all instances know of the regions' capacity."""

    def busy_until(self) -> Mapping[str, datetime]:
        """Return the regions that refused a job, and until when each is to be spared."""
        ...

    def spare(self, region: str, until: datetime) -> None:
        """Have a region asked for no job until a moment."""
        ...


class Switch(Protocol):
    """The operator's switch."""

    def is_paused(self) -> bool:
        """Say whether nothing new is to be begun."""
        ...


@dataclass(frozen=True)
class Launcher:
    """Launches each track's attempt exactly once, in one region."""

    tracks: Tracks
    pipelines: Pipelines
    objects: Objects
    regions: Regions
    template: Mapping[str, Any]
    settings: Settings
    switch: Switch

    def launch(self, message: CaptionMessage) -> None:
        """Handle one message, however often and however late it is delivered.

        While no region takes the job the track waits where it is, and the sweeper announces it again.
        """
        if self.switch.is_paused():
            # Acknowledged: the track stays as it is, and the sweeper announces it again until it may go on.
            logs.warning("paused", track=message.track)
            return
        now = datetime.now(UTC)
        busy = {region: until for region, until in self.regions.busy_until().items() if until > now}
        chosen = self._choose(busy)

        def claim(now: Track, _: PrivateTrack) -> Change | None:
            # Its region chosen and the day's launch counted in the very commit that claims the track: launched once,
            # in one place, counted once. Where even the chosen region is busy nothing is claimed.
            due = now.status is Status.CAPTIONED and now.attempt == message.attempt and chosen not in busy
            return Change(Status.LAUNCHING, {}, {"region": chosen}, self.settings.daily_limit) if due else None

        try:
            outcome = self.tracks.advance(message.track, claim)
        except BudgetSpentError as error:
            self._end(message, Status.CAPTIONED, error)
            return
        if outcome is None:
            # Which region it was in went with it.
            self._cancel(message, self.settings.regions)
            return
        track, work = outcome.track, outcome.work
        region = (work.region or self.settings.regions[0]) if track.status is Status.LAUNCHING else chosen
        if _is_called_off(track, message):
            self._cancel(message, [work.region])
        elif track.attempt != message.attempt or track.status not in {Status.CAPTIONED, Status.LAUNCHING}:
            logs.info("nothing to launch", track=track.track_id, status=track.status)
        elif region in busy:
            self._wait(message, track.status, busy[region])
        else:
            # `launching` found here is a launch that crashed half-way, was refused or runs beside this one:
            # all ask the same region for the same job id, and Vertex AI grants it once.
            self._launch(message, track, work, region)

    def _launch(self, message: CaptionMessage, track: Track, work: PrivateTrack, region: str) -> None:
        try:
            self._create(track, work, region)
            settled = self._settle(message, Status.LAUNCHING, Change(Status.COMPOSING))
        except LaunchUnavailableError as error:
            logs.warning("no job taken on", track=track.track_id, region=region, reason=str(error))
            until = datetime.now(UTC) + PAUSE
            # A failure is this track's alone to wait for; where there is no room there is none for anybody.
            if isinstance(error, RegionBusyError):
                self.regions.spare(region, until)
            settled = self._wait(message, Status.LAUNCHING, until)
        except PermanentError as error:
            self._end(message, Status.LAUNCHING, error)
            return
        # Even where no answer came the job may have been made, and nobody announces a track that is at its end.
        if settled is None or _is_called_off(settled.track, message):
            self._cancel(message, [region])

    def _choose(self, busy: Mapping[str, datetime]) -> str:
        """Return any of the regions that are free; where none is, the one that will be first."""
        free = [region for region in self.settings.regions if region not in busy]
        return secrets.choice(free) if free else min(self.settings.regions, key=lambda region: busy[region])

    def _wait(self, message: CaptionMessage, state: Status, until: datetime) -> Outcome | None:
        # Acknowledged: a message that came again for as long as an outage lasts would end as a dead letter, beside
        # those that the sweeper sends meanwhile. Due later, the track has its session's turn among all that wait.
        logs.info("waits for a region", track=message.track, status=state, until=until)
        return self._settle(message, state, Change(due_at=until))

    def _cancel(self, message: CaptionMessage, regions: Iterable[str]) -> None:
        # The command that cancelled or erased the track may have come before its job was there to be cancelled.
        logs.warning("the track was cancelled or is gone", track=message.track)
        for region in regions:
            self.pipelines.cancel(ids.pipeline_job_id(message.track, message.attempt), region)

    def _create(self, track: Track, work: PrivateTrack, region: str) -> None:
        if track.brief is None:
            raise LaunchRefusedError("the track has no brief")
        job = ids.pipeline_job_id(track.track_id, track.attempt)
        labels = job_labels(track.track_id, track.attempt)
        self._write_order(job, track, track.brief, work.token)
        parameters = {"job": job, "order": order_address(self.settings.pipeline_bucket, job)}
        wanted = JobRequest(
            job, self.template, parameters, labels, self.settings.pipeline_root, self.settings.pipeline_account
        )
        created = self.pipelines.create(wanted, region)
        if not created:
            self._check_ours(job, labels, region)
        logs.info("launched" if created else "already launched", track=track.track_id, job=job, region=region)

    def _write_order(self, job: str, track: Track, brief: Brief, token: str) -> None:
        settings, seed = self.settings, track.request.seed
        order = Order(
            brief=brief,
            engine=track.request.engine or settings.default_engine,
            seconds=track.request.durationSeconds,
            seed=_derived_seed(job) if seed is None else seed,
            results_bucket=settings.results_bucket,
            results_token=token,
            events_topic=settings.events_topic,
            cover=f"gs://{settings.results_bucket}/{token}/{COVER}",
            fallback_engine=settings.fallback_engine,
            model_endpoint=settings.model_endpoint,
            prompt_version=track.prompt_version,
        )
        # Written once, before the job that reads it: a second delivery finds the first one's order and leaves it.
        # Both are the same, since an attempt does not change, unless a setting has; then the first one stays, because
        # its job may have read it already.
        self.objects.create(settings.pipeline_bucket, order_name(job), orders_to_bytes([order]), ORDER_TYPE)

    def _check_ours(self, job: str, labels: Mapping[str, str], region: str) -> None:
        facts = self.pipelines.facts(job, region)
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
        def decide(now: Track, _: PrivateTrack) -> Change | None:
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
