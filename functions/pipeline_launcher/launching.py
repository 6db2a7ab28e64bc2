"""Launch one pipeline job for each attempt, however often its message is delivered."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol, Self

from musicgenerator import ids, logs
from musicgenerator.briefs import ENGINES, Brief
from musicgenerator.errors import (
    BlockedError,
    BudgetSpentError,
    LaunchBlockedError,
    LaunchRefusedError,
    LaunchUnavailableError,
    PermanentError,
    RegionBusyError,
)
from musicgenerator.jobs import JobFacts, JobRequest, job_labels
from musicgenerator.messages import CaptionMessage
from musicgenerator.orders import ORDER_TYPE, Order, order_address, order_name, orders_to_bytes
from musicgenerator.redaction import error_for_log
from musicgenerator.results import COVER
from musicgenerator.settings import DAILY_LIMIT, SettingInvalidError, regions, required, seconds, whole_number
from musicgenerator.states import Status
from musicgenerator.tracks import Change, Decision, Outcome, PrivateTrack, Track, TrackUpdate

BLOCKED_PAUSE: Final = timedelta(minutes=2)
# How long Vertex AI may not show a job whose id is taken.
INVISIBLE: Final = timedelta(minutes=10)


@dataclass(frozen=True)
class Settings:
    """The regions, files and account of pipeline jobs, the destinations and engines of orders, and the daily limit.

    The first of ``regions`` is the installation's. After a region has refused a job, the launcher creates no job there
    for ``pause``, because the region's quota counts jobs per minute. ``machines`` is the full name of the persistent
    resource in the installation's region whose machines run the steps, empty if there is none.
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
    machines: str = ""
    pause: timedelta = timedelta(seconds=30)

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
            model_endpoint=environ.get("MODEL_ENDPOINT", "").strip(),
            daily_limit=whole_number(environ, "DAILY_LIMIT", DAILY_LIMIT),
            machines=environ.get("PERSISTENT_RESOURCE", "").strip(),
            pause=seconds(environ, "REGION_PAUSE_SECONDS", cls.pause),
        )


class Tracks(Protocol):
    def advance(self, track: str, decide: Decision) -> Outcome | None:
        """Write the change that ``decide`` returns, in one commit."""
        ...


class Pipelines(Protocol):
    """The pipeline jobs of Vertex AI."""

    def create(self, wanted: JobRequest, region: str) -> bool:
        """Create a job, or return False if its id is taken; LaunchUnavailableError means that a retry may succeed."""
        ...

    def facts(self, job: str, region: str) -> JobFacts | None:
        """Return a job's state and labels, or None if it does not exist."""
        ...

    def cancel(self, job: str, region: str) -> bool:
        """Cancel a job, or return False if it does not exist or has ended."""
        ...


class Objects(Protocol):
    def create(self, bucket: str, name: str, data: bytes, content_type: str) -> None:
        """Write an object, or leave the one that exists."""
        ...


class Regions(Protocol):
    """The regions that refused a job, shared by all instances."""

    def busy_until(self) -> Mapping[str, datetime]: ...

    def spare(self, region: str, until: datetime) -> None:
        """Launch no job in a region until a moment."""
        ...


class Switch(Protocol):
    def is_paused(self) -> bool: ...


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
        """Handle one message.

        While no region accepts the job, the track keeps its state and the sweeper announces it again.
        """
        if self.switch.is_paused():
            # Acknowledge the message. The track does not change, so the sweeper announces it again later.
            logs.warning("paused", track=message.track)
            return
        now = datetime.now(UTC)
        busy = {region: until for region, until in self.regions.busy_until().items() if until > now}
        chosen = self._choose(busy)

        def claim(current: Track, work: PrivateTrack) -> Change | None:
            # The commit that claims the track also stores its region and counts the day's launch, so it is launched
            # in one region and counted once. While all regions are busy nothing is claimed.
            due = current.status is Status.CAPTIONED and current.attempt == message.attempt and chosen not in busy
            claimed = replace(work, region=chosen)
            return Change(Status.LAUNCHING, work=claimed, daily_limit=self.settings.daily_limit) if due else None

        try:
            outcome = self.tracks.advance(message.track, claim)
        except BudgetSpentError as error:
            self._end(message, Status.CAPTIONED, error)
            return
        if outcome is None:
            # The deleted track no longer says which region its job is in.
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
            # If the track is already `launching`, another launch has crashed, was refused, or runs at the same time.
            # All of them create a job with the same id in the same region, and Vertex AI accepts one.
            self._launch(message, track, work, region)

    def _launch(self, message: CaptionMessage, track: Track, work: PrivateTrack, region: str) -> None:
        try:
            self._create(track, work, region)
            # A parked track has an error, which is over.
            settled = self._settle(message, Status.LAUNCHING, Change(Status.COMPOSING, TrackUpdate(error=None)))
        except LaunchUnavailableError as error:
            logs.warning("job refused", track=track.track_id, region=region, reason=str(error))
            until = datetime.now(UTC) + self.settings.pause
            # After an outage only this track waits. If the region has no capacity, all its tracks wait.
            if isinstance(error, RegionBusyError):
                self.regions.spare(region, until)
            settled = self._wait(message, Status.LAUNCHING, until)
        except BlockedError as error:
            settled = self._park(message, error)
        except PermanentError as error:
            self._end(message, Status.LAUNCHING, error)
            return
        # The job may exist even if its creation raised an error. If the track is cancelled or gone, only this call
        # cancels the job.
        if settled is None or _is_called_off(settled.track, message):
            self._cancel(message, [region])

    def _choose(self, busy: Mapping[str, datetime]) -> str:
        """Return a random free region; if none is free, the one that becomes free first."""
        free = [region for region in self.settings.regions if region not in busy]
        return secrets.choice(free) if free else min(self.settings.regions, key=lambda region: busy[region])

    def _wait(self, message: CaptionMessage, state: Status, until: datetime) -> Outcome | None:
        # Acknowledge the message, because redeliveries during an outage would exhaust its attempts. When the track is
        # due and its session has its turn, the sweeper publishes the message again.
        logs.info("waits for a region", track=message.track, status=state, until=until)
        return self._settle(message, state, Change(due_at=until))

    def _park(self, message: CaptionMessage, error: BlockedError) -> Outcome | None:
        # Acknowledge the message, because redeliveries would exhaust its attempts. The sweeper publishes it again soon,
        # since a new grant takes effect within minutes, and a replay does so at once.
        logs.error("track parked", track=message.track, reason=str(error))

        def decide(current: Track, work: PrivateTrack) -> Change | None:
            # A track that was cancelled or has ended since keeps its state.
            if current.status is not Status.LAUNCHING or current.attempt != message.attempt:
                return None
            until = datetime.now(UTC) + BLOCKED_PAUSE
            return Change(update=TrackUpdate(error=error), work=replace(work, parked=True), due_at=until)

        return self.tracks.advance(message.track, decide)

    def _cancel(self, message: CaptionMessage, regions: Iterable[str]) -> None:
        # The command that cancelled or erased the track may have run before its job existed.
        logs.warning("the track was cancelled or is gone", track=message.track)
        outage = None
        for region in regions:
            try:
                self.pipelines.cancel(ids.pipeline_job_id(message.track, message.attempt), region)
            except LaunchUnavailableError as error:
                # The job may run in a region that answers.
                outage = error
        if outage:
            raise outage

    def _create(self, track: Track, work: PrivateTrack, region: str) -> None:
        if track.brief is None:
            raise LaunchRefusedError("the track has no brief")
        job = ids.pipeline_job_id(track.track_id, track.attempt)
        labels = job_labels(track.track_id, track.attempt)
        self._write_order(job, track, track.brief, work.token)
        parameters = {"job": job, "order": order_address(self.settings.pipeline_bucket, job)}
        settings = self.settings
        machines = settings.machines if region == settings.regions[0] else ""
        wanted = JobRequest(
            job, self.template, parameters, labels, settings.pipeline_root, settings.pipeline_account, machines
        )
        created = self._create_job(wanted, region)
        if not created:
            self._check_labels(track, job, labels, region)
        logs.info("launched" if created else "already launched", track=track.track_id, job=job, region=region)

    def _create_job(self, wanted: JobRequest, region: str) -> bool:
        try:
            return self.pipelines.create(wanted, region)
        except (LaunchRefusedError, LaunchBlockedError) as error:
            if not wanted.machines:
                raise
            # The machines may have been deleted or may have failed; the music does not depend on them.
            logs.error("warm machines refused", job=wanted.job, reason=str(error))
            return self.pipelines.create(replace(wanted, machines=""), region)

    def _write_order(self, job: str, track: Track, brief: Brief, token: str) -> None:
        settings = self.settings
        order = Order(
            brief=brief,
            engine=track.request.engine or settings.default_engine,
            seconds=track.request.duration_seconds,
            seed=track.seed,
            results_bucket=settings.results_bucket,
            results_token=token,
            events_topic=settings.events_topic,
            cover=f"gs://{settings.results_bucket}/{token}/{COVER}",
            fallback_engine=settings.fallback_engine,
            model_endpoint=settings.model_endpoint,
            prompt_version=track.prompt_version,
            expires_at=track.expires_at.isoformat() if track.expires_at else "",
        )
        # The order is written once, before its job is created; a second delivery leaves it as it is. The second order
        # could differ only if a setting has changed, and the job may already have read the first one.
        self.objects.create(settings.pipeline_bucket, order_name(job), orders_to_bytes([order]), ORDER_TYPE)

    def _check_labels(self, track: Track, job: str, labels: Mapping[str, str], region: str) -> None:
        facts = self.pipelines.facts(job, region)
        if facts is None:
            now = datetime.now(UTC)
            if now - track.timeline.get(Status.LAUNCHING, now) > INVISIBLE:
                raise LaunchRefusedError(f"the job id {job} is taken, and its job was deleted")
            # Another launch may create it at this moment. A later launch asks again.
            raise LaunchUnavailableError(f"the job id {job} is taken, but its job is not visible")
        # A taken id means success only if its job has this attempt's labels.
        if not labels.items() <= facts.labels.items():
            raise LaunchRefusedError(f"the job id {job} is taken by another job")

    def _end(self, message: CaptionMessage, state: Status, error: PermanentError) -> None:
        logs.error("track ended", track=message.track, code=error.code, reason=error_for_log(error))
        self._settle(message, state, Change(error.status, TrackUpdate(error=error)))

    def _settle(self, message: CaptionMessage, state: Status, change: Change) -> Outcome | None:
        def decide(current: Track, work: PrivateTrack) -> Change | None:
            # The music may be ready before this write: then the track has a later state and keeps it.
            if current.status is not state or current.attempt != message.attempt:
                return None
            return replace(change, work=replace(work, parked=False)) if change.status and work.parked else change

        return self.tracks.advance(message.track, decide)


def _is_called_off(track: Track, message: CaptionMessage) -> bool:
    return track.status is Status.CANCELLED and track.attempt == message.attempt


def _engine(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "").strip()
    if value and value not in ENGINES:
        raise SettingInvalidError(f"{name} must be one of {', '.join(ENGINES)}, not {value!r}")
    return value
