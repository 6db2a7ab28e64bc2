"""Settle a track when its pipeline job has ended: write the music, or the error.

The message only names the job. Its state comes from Vertex AI, the music from the results bucket.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, Self

from musicgenerator import ids, logs
from musicgenerator.changes import Change, Decision, Outcome, TrackUpdate
from musicgenerator.errors import (
    BlockedError,
    LaunchBlockedError,
    LaunchUnavailableError,
    MusicgeneratorError,
    MusicMissingError,
    OrderError,
    PermanentError,
    PipelineCancelledError,
    PipelineFailedError,
)
from musicgenerator.exports import ComposerChangedError, main_file
from musicgenerator.jobs import JobFacts, JobState, is_ours
from musicgenerator.marks.signers import SigningKeyRefusedError
from musicgenerator.messages import PipelineMessage
from musicgenerator.order_book import OrderBook
from musicgenerator.orders import order_address
from musicgenerator.redaction import error_for_log
from musicgenerator.results import Music, MusicFacts, ResultsBucket, ResultsFolder
from musicgenerator.settings import regions
from musicgenerator.states import Status
from musicgenerator.tracks import PrivateTrack, Track, earlier_jobs, job_of

# A new grant takes effect within minutes.
_BLOCKED_PAUSE: Final = timedelta(minutes=2)
# Each attempt needs a job, which has itself waited for ten minutes. The attempts last for about a day.
_SIGNER_PAUSE: Final = timedelta(minutes=15)
_MAX_ATTEMPTS: Final = 50


class SignerBlockedError(LaunchBlockedError):
    """The step may not read the key that signs the marks: its grant is missing, or later than the step has waited."""


@dataclass(frozen=True)
class Settings:
    """The results bucket, and the regions that jobs may run in."""

    results: ResultsBucket
    regions: tuple[str, ...]

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the environment; raise SettingMissingError naming a variable that is not set."""
        return cls(ResultsBucket.from_environ(environ), regions(environ))


class Tracks(Protocol):
    def find(self, track: str) -> tuple[Track, PrivateTrack] | None: ...

    def advance(self, track: str, decide: Decision) -> Outcome | None:
        """Write the change that ``decide`` returns, in one commit."""
        ...


class Pipelines(Protocol):
    def facts(self, job: str, region: str) -> JobFacts | None: ...

    def delete(self, job: str, region: str) -> bool:
        """Delete a job's record, if it exists; return False if the job has not ended."""
        ...


class Results(Protocol):
    def failure(self, folder: ResultsFolder, attempt: int) -> str | None:
        """Return the error that the step noted for an attempt whose music it could not make, or None."""
        ...

    def music(self, folder: ResultsFolder, file: str) -> MusicFacts | None:
        """Return the facts of finished music or of an export, whose main file is ``file``, None if it is not finished.

        Raises MusicMissingError if it is damaged.
        """
        ...

    def erase(self, folder: ResultsFolder) -> None: ...

    def erase_sketch(self, folder: ResultsFolder, attempt: int) -> None: ...


class Spans(Protocol):
    def send(self, track: Track, timeline: Mapping[str, datetime], error: str) -> None:
        """Send the durations of the attempt's stages; never raise, since the track has ended."""
        ...


@dataclass(frozen=True)
class Notifier:
    """Settles each track once, however often its messages are delivered."""

    tracks: Tracks
    pipelines: Pipelines
    results: Results
    book: OrderBook
    spans: Spans
    settings: Settings

    def notify(self, message: PipelineMessage, *, is_overdue: bool = False, ended: JobFacts | None = None) -> None:
        """Handle one message about a pipeline job.

        ``is_overdue`` says that the sweeper asks, because nothing was heard of the job for a long time: then a job
        that does not exist was deleted, and the track ends. ``ended`` has the facts of a job that has ended and made
        this track, so that Vertex AI is not asked for each track of a job.
        """
        found = self.tracks.find(message.track)
        if found is None:
            self._erase(message)
            return
        track, work = found
        if track.status.is_final or track.attempt != message.attempt or job_of(track, work) != message.job:
            logs.info("nothing to settle", track=track.track_id, status=track.status, job=message.job)
            self._delete_settled_order(message, track, work)
            return
        code = ""
        try:
            end = self._made(track, work) or self._ended(message, track, work, is_overdue=is_overdue, ended=ended)
        except SignerBlockedError as error:
            self._await_signer(message, error)
            return
        except BlockedError as error:
            self.park(message, error)
            return
        except PermanentError as error:
            logs.warning("track ended", track=track.track_id, code=error.code, reason=error_for_log(error))
            end, code = Change(error.status, TrackUpdate(error=error)), error.code
        if end is None:
            logs.info("the job has not ended", track=track.track_id, job=message.job)
            return

        outcome = self.tracks.advance(track.track_id, _unless_ended(message, end))
        if outcome is None:
            self._erase(message)
            return
        logs.info("settled", track=track.track_id, status=end.status)
        if outcome.changed:
            settled = outcome.track
            self.spans.send(settled, {**settled.timeline, str(end.status): datetime.now(UTC)}, code)
        if not ids.is_shared_job(message.job):
            # Delete the order after the final write; after a crash in between, the next delivery deletes it. The job
            # has ended or has written everything, so it does not need the order any more.
            self.book.delete(message.job)

    def _made(self, track: Track, work: PrivateTrack) -> Change | None:
        """Return the end that the step has written, or None; raise the error of music that it could not make.

        The step publishes its message while its job still runs, so the objects are checked before the job's state.
        """
        folder = self.settings.results.folder(work.token)
        file = main_file(track.request.export)
        music = self.results.music(folder, file)
        if music is not None:
            return Change(Status.READY, TrackUpdate(music=Music(folder, music, file), error=None))
        failure = self.results.failure(folder, track.attempt)
        if failure == ComposerChangedError.__name__:
            raise ComposerChangedError("the step's composer is another one")
        if failure == SigningKeyRefusedError.__name__ and track.attempt < _MAX_ATTEMPTS:
            raise SignerBlockedError(
                "Secret Manager refuses the pipeline's account the key that signs marks: run `make deploy`, which"
                " grants it. The music is made after that, by another attempt"
            )
        if failure is not None:
            raise PipelineFailedError(f"the step: {failure}")
        return None

    def _ended(
        self, message: PipelineMessage, track: Track, work: PrivateTrack, *, is_overdue: bool, ended: JobFacts | None
    ) -> Change | None:
        """Return None if the job runs or is unknown; raise the error of an attempt whose job has ended."""
        if ended is None and ids.is_shared_job(message.job) and track.status is Status.LAUNCHING:
            # The job may not make this track. Only its orders say so.
            return None
        facts = ended or self.pipelines.facts(message.job, work.region)
        if facts is None and is_overdue and track.status is Status.COMPOSING:
            raise PipelineFailedError("the job does not exist any more")
        if facts is None or not is_ours(facts, message.job):
            logs.warning("no such job", track=track.track_id, job=message.job)
            return None
        if facts.state is JobState.UNDER_WAY:
            return None
        # The step may have written the results after they were looked for.
        made = self._made(track, work)
        if made is not None:
            return made
        match facts.state:
            case JobState.FAILED:
                raise PipelineFailedError(facts.reason)
            case JobState.CANCELLED:
                raise PipelineCancelledError(facts.reason)
            case _:
                raise MusicMissingError("the job succeeded, but its results are missing")

    def _await_signer(self, message: PipelineMessage, error: SignerBlockedError) -> None:
        """Park a track whose job could not sign it; after a pause, start its next attempt, which the sweeper launches.

        No engine was paid, and the attempt counts for nobody but in the launches of the day.
        """
        now = datetime.now(UTC)

        def decide(current: Track, work: PrivateTrack) -> Change | None:
            if not work.parked or current.status is not Status.COMPOSING:
                parked = replace(work, parked=True, lease_until=now + _SIGNER_PAUSE)
                return Change(update=TrackUpdate(error=error), work=parked, due_at=parked.lease_until)
            if (work.lease_until or now) > now:
                # Another message about the same job.
                return None
            # A second message finds the next attempt, and changes nothing.
            jobs = (*earlier_jobs(current, work), message.job)
            fresh = replace(work, published=False, parked=False, lease_until=None, region="", job="", earlier_jobs=jobs)
            # Another attempt has another sketch, as its music has another seed.
            update = TrackUpdate(sketch=None, error=None)
            return Change(Status.CAPTIONED, update, fresh, attempt=current.attempt + 1, due_at=now)

        outcome = self.tracks.advance(message.track, _while_under_way(message, decide))
        if outcome is None:
            return
        was_parked = outcome.work.parked and outcome.track.status is Status.COMPOSING
        if outcome.track.attempt > message.attempt or (outcome.changed and was_parked):
            # Also if the answer to the commit was lost. No later attempt uses this name.
            self.results.erase_sketch(self.settings.results.folder(outcome.work.token), message.attempt)
            logs.warning("next attempt", track=message.track, attempt=message.attempt + 1)
        elif outcome.changed:
            logs.error("track parked", track=message.track, reason=str(error))

    def park(self, message: PipelineMessage, error: BlockedError) -> None:
        """Let a track wait for a replay or the next sweep, because Vertex AI refuses this project's requests."""
        # Acknowledge the message, because redeliveries would exhaust its attempts. The sweeper asks again.
        logs.error("track parked", track=message.track, reason=str(error))

        until = datetime.now(UTC) + _BLOCKED_PAUSE
        parked = Change(update=TrackUpdate(error=error), due_at=until)
        self.tracks.advance(message.track, _unless_ended(message, parked))

    def _delete_settled_order(self, message: PipelineMessage, track: Track, work: PrivateTrack) -> None:
        if ids.is_shared_job(message.job) or message.attempt > track.attempt:
            # Other tracks need the order. Or the attempt has not started, so the message is forged, and its order may
            # be written at any moment.
            return
        if track.status is Status.CANCELLED and track.attempt == message.attempt:
            # A cancelled job may still write. If the track is erased before it ends, only the order names the folder.
            facts = self.pipelines.facts(message.job, work.region)
            if facts is None or facts.state is JobState.UNDER_WAY:
                return
        # The name contains the attempt, which is over, so a repeated deletion deletes nothing else.
        self.book.delete(message.job)

    def _erase(self, message: PipelineMessage) -> None:
        """Erase what a job wrote for a track that is gone; ignore a job that is not this project's."""
        if ids.is_shared_job(message.job):
            # Its end deletes the orders.
            self._erase_ordered(message)
            return
        # The job's region was deleted with the track, so look in all regions. The region in a log entry is not used:
        # a forged one could send this function's token to another host.
        outage: MusicgeneratorError | None = None
        for region in self.settings.regions:
            try:
                facts = self.pipelines.facts(message.job, region)
            except (LaunchUnavailableError, LaunchBlockedError) as error:
                # The job may be in a region that answers.
                outage = error
                continue
            # The address must be the one that is derived from the job's id; no other object is read.
            if facts and facts.order == order_address(self.book.bucket, message.job) and is_ours(facts, message.job):
                if self._erase_ordered(message) and facts.state is not JobState.UNDER_WAY:
                    # Delete the order and then the record, and only if the job has ended. Otherwise the message about
                    # the job's end needs the order to find the results, and the record to find the order.
                    self.book.delete(message.job)
                if facts.state is not JobState.UNDER_WAY:
                    self.pipelines.delete(message.job, region)
                return
        if outage:
            raise outage
        logs.warning("no such track", track=message.track, job=message.job)

    def erase_results(self, token: str) -> None:
        """Erase a folder of the results bucket."""
        self.results.erase(self.settings.results.folder(token))

    def _erase_ordered(self, message: PipelineMessage) -> bool:
        """Erase the folder that an order names for a track; return False if the order is missing or unreadable."""
        try:
            orders = self.book.read(message.job)
        except OrderError as error:
            # Only the order names the folder, so the lifecycle rules of the two buckets delete both.
            logs.error("an order cannot be read", track=message.track, job=message.job, reason=str(error))
            return False
        tokens = {order.results_token for order in orders or () if order.track == message.track}
        if not tokens:
            logs.info("no order of a track that is gone", track=message.track, job=message.job)
            return False
        for token in tokens:
            self.erase_results(token)
        logs.info("erased what was written for a track that is gone", track=message.track, job=message.job)
        return True


def _unless_ended(message: PipelineMessage, change: Change) -> Decision:
    """Return the decision to make a change that ends or parks the message's attempt."""
    return _while_under_way(message, lambda _, work: replace(change, work=replace(work, parked=change.status is None)))


def _while_under_way(message: PipelineMessage, then: Decision) -> Decision:
    """Return a decision about the message's attempt that changes nothing after its end."""

    def decide(current: Track, work: PrivateTrack) -> Change | None:
        # A final state stays: of two messages that settle the same attempt, the second changes nothing.
        # A job settles only the tracks that are claimed for it.
        if current.status.is_final or current.attempt != message.attempt or job_of(current, work) != message.job:
            return None
        return then(current, work)

    return decide
