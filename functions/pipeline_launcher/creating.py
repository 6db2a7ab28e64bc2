"""Write a job's orders and create the job, once, however many launches do so at the same time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol, Self

from musicgenerator import logs
from musicgenerator.briefs import ENGINES
from musicgenerator.errors import (
    LaunchBlockedError,
    LaunchRefusedError,
    LaunchUnavailableError,
    OrderError,
)
from musicgenerator.ids import is_shared_job
from musicgenerator.jobs import JobFacts, JobRequest, has_read, is_ours, job_labels
from musicgenerator.order_book import OrderBook
from musicgenerator.orders import CalledOff, Order, order_address
from musicgenerator.results import COVER
from musicgenerator.settings import SettingInvalidError, required
from musicgenerator.states import Status
from musicgenerator.tracks import PrivateTrack, Track

# How long Vertex AI may not show a job whose id is taken.
INVISIBLE: Final = timedelta(minutes=10)


@dataclass(frozen=True)
class JobSettings:
    """The files and account of pipeline jobs, and the destinations and engines of orders.

    ``machines`` is the full name of the persistent resource whose machines run the steps of jobs in ``home``, the
    installation's region; empty if there is none. ``signer`` is the version of the secret whose key marks the music,
    empty if the operator has set none.
    """

    home: str
    pipeline_root: str
    pipeline_bucket: str
    pipeline_account: str
    results_bucket: str
    events_topic: str
    default_engine: str
    fallback_engine: str
    model_endpoint: str
    machines: str = ""
    signer: str = ""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the environment; raise SettingMissingError naming a variable that is not set."""
        project = required(environ, "GOOGLE_CLOUD_PROJECT")
        return cls(
            home=required(environ, "REGION"),
            pipeline_root=required(environ, "PIPELINE_ROOT"),
            pipeline_bucket=required(environ, "PIPELINE_BUCKET"),
            pipeline_account=required(environ, "PIPELINE_ACCOUNT"),
            results_bucket=required(environ, "RESULTS_BUCKET"),
            events_topic=f"projects/{project}/topics/{required(environ, 'PIPELINE_EVENTS_TOPIC')}",
            default_engine=_engine(environ, "DEFAULT_ENGINE") or required(environ, "DEFAULT_ENGINE"),
            fallback_engine=_engine(environ, "FALLBACK_ENGINE"),
            model_endpoint=environ.get("MODEL_ENDPOINT", "").strip(),
            machines=environ.get("PERSISTENT_RESOURCE", "").strip(),
            signer=environ.get("MARK_SIGNER", "").strip(),
        )


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


@dataclass(frozen=True)
class Creator:
    """Creates the job of one or several tracks, which are claimed for it in its region."""

    pipelines: Pipelines
    book: OrderBook
    template: Mapping[str, Any]
    settings: JobSettings

    def create(
        self, job: str, region: str, members: Sequence[tuple[Track, PrivateTrack]]
    ) -> Sequence[Order | CalledOff]:
        """Write the orders of the members, create the job, and return the orders that it has read or will read.

        If another launch has written the orders, they stay as they are: they may lack a member, and they may have
        tracks that are no members. A job that has already ended may have read none of them.
        Raises the errors of ``Pipelines.create``, and LaunchRefusedError for a track or an order that allows no job.
        """
        # The orders are written once, before their job is created. Later ones could differ if a setting has changed,
        # or if a launch was interrupted before it had claimed all its tracks, and the job may already have read these.
        own = [self._order(track, work) for track, work in members]
        is_written = self.book.write(job, own)
        orders = own if is_written or not is_shared_job(job) else self._written(job)
        settings = self.settings
        wanted = JobRequest(
            job=job,
            spec=self.template,
            parameters={"job": job, "order": order_address(settings.pipeline_bucket, job)},
            labels=job_labels([(order.track, order.attempt) for order in orders]),
            root=settings.pipeline_root,
            account=settings.pipeline_account,
            machines=settings.machines if region == settings.home else "",
        )
        created = self._create_job(wanted, region)
        if not created:
            orders = self._read_by_job(job, region, [track for track, _ in members], orders)
        for order in orders:
            logs.info("launched" if created else "already launched", track=order.track, job=job, region=region)
        return orders

    def _written(self, job: str) -> Sequence[Order | CalledOff]:
        try:
            orders = self.book.read(job)
        except OrderError as error:
            raise LaunchRefusedError(f"the orders of {job} cannot be read: {error}") from error
        if orders is None:
            # The notifier has deleted them after the job's end. A later launch writes those of the tracks that remain.
            raise LaunchUnavailableError(f"the orders of {job} are gone")
        return orders

    def _create_job(self, wanted: JobRequest, region: str) -> bool:
        try:
            return self.pipelines.create(wanted, region)
        except (LaunchRefusedError, LaunchBlockedError) as error:
            if not wanted.machines:
                raise
            # The machines may have been deleted or may have failed; the music does not depend on them.
            logs.error("warm machines refused", job=wanted.job, reason=str(error))
            return self.pipelines.create(replace(wanted, machines=""), region)

    def _order(self, track: Track, work: PrivateTrack) -> Order:
        if track.brief is None:
            raise LaunchRefusedError("the track has no brief")
        settings, export = self.settings, track.request.export
        return Order(
            track=track.track_id,
            attempt=track.attempt,
            brief=track.brief,
            engine=track.request.engine or settings.default_engine,
            seconds=track.request.duration_seconds,
            seed=track.seed,
            results_bucket=settings.results_bucket,
            results_token=work.token,
            events_topic=settings.events_topic,
            cover=f"gs://{settings.results_bucket}/{work.token}/{COVER}",
            # No other engine can make the notes of the composer again.
            fallback_engine="" if export or track.request.keep else settings.fallback_engine,
            model_endpoint=settings.model_endpoint,
            prompt_version=track.prompt_version,
            expires_at=track.expires_at.isoformat() if track.expires_at else "",
            keep=track.request.keep,
            export=export.kind if export else "",
            model=track.request.model,
            signer=settings.signer,
        )

    def _read_by_job(
        self, job: str, region: str, tracks: Sequence[Track], orders: Sequence[Order | CalledOff]
    ) -> Sequence[Order | CalledOff]:
        """Return the orders that the job with a taken id has read, none if it has read others.

        Raises LaunchRefusedError if the id is another project's, LaunchUnavailableError if that is unknown.
        """
        facts = self.pipelines.facts(job, region)
        if facts is None:
            now = datetime.now(UTC)
            if all(now - track.timeline.get(Status.LAUNCHING, now) <= INVISIBLE for track in tracks):
                # Another launch may create it at this moment. A later launch asks again.
                raise LaunchUnavailableError(f"the job id {job} is taken, but its job is not visible")
            if is_shared_job(job):
                logs.error("the job was deleted", job=job)
                # No track will name this job any more. If it is only invisible, it begins no track without orders.
                self.book.delete(job)
                return ()
            raise LaunchRefusedError(f"the job id {job} is taken, and its job was deleted")
        if not is_ours(facts, job):
            raise LaunchRefusedError(f"the job id {job} is taken by another job")
        if not is_shared_job(job):
            return orders
        # Read them again: another launch may have written others after this one's were deleted.
        orders = self._written(job)
        if has_read(facts, [(order.track, order.attempt) for order in orders]):
            return orders
        # The job had ended, and its orders were deleted, before these were written. It never reads them.
        self.book.delete(job)
        return ()


def _engine(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "").strip()
    if value and value not in ENGINES:
        raise SettingInvalidError(f"{name} must be one of {', '.join(ENGINES)}, not {value!r}")
    return value
