"""Settle a track when its pipeline job has ended: write the music, or the error.

The message only names the job. Its state comes from Vertex AI, the music from the results bucket.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, Self

from musicgenerator import ids, logs
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
from musicgenerator.jobs import JobFacts, JobState, job_labels
from musicgenerator.messages import PipelineMessage
from musicgenerator.orders import order_address, order_from_bytes, order_name
from musicgenerator.redaction import error_for_log
from musicgenerator.results import Music, MusicFacts, ResultsBucket, ResultsFolder
from musicgenerator.settings import regions, required
from musicgenerator.states import Status
from musicgenerator.tracks import Change, Decision, Outcome, PrivateTrack, Track, TrackUpdate

# A new grant takes effect within minutes.
_BLOCKED_PAUSE: Final = timedelta(minutes=2)


@dataclass(frozen=True)
class Settings:
    """The results bucket, the regions that jobs may run in, and the bucket of the orders."""

    results: ResultsBucket
    regions: tuple[str, ...]
    pipeline_bucket: str

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the environment; raise SettingMissingError naming a variable that is not set."""
        return cls(ResultsBucket.from_environ(environ), regions(environ), required(environ, "PIPELINE_BUCKET"))


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
    def music(self, folder: ResultsFolder) -> MusicFacts | None:
        """Return the facts of finished music, None if it is not finished; raise MusicMissingError if it is damaged."""
        ...

    def erase(self, folder: ResultsFolder) -> None: ...


class Objects(Protocol):
    def read(self, bucket: str, name: str) -> bytes | None:
        """Return an object's bytes, or None if it is missing."""
        ...

    def delete(self, bucket: str, name: str) -> None:
        """Delete an object, if it exists."""
        ...


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
    objects: Objects
    spans: Spans
    settings: Settings

    def notify(self, message: PipelineMessage, *, is_overdue: bool = False) -> None:
        """Handle one message about a pipeline job.

        ``is_overdue`` says that the sweeper asks, because nothing was heard of the job for a long time: then a job
        that does not exist was deleted, and the track ends.
        """
        found = self.tracks.find(message.track)
        if found is None:
            self._erase(message)
            return
        track, work = found
        if track.status.is_final or track.attempt != message.attempt:
            logs.info("nothing to settle", track=track.track_id, status=track.status, job=message.job)
            self._delete_settled_order(message, track, work)
            return
        try:
            facts = self._facts(message, track, work, is_overdue=is_overdue)
        except BlockedError as error:
            self._park(message, error)
            return
        if facts is None:
            logs.warning("no such job", track=track.track_id, job=message.job)
            return
        code = ""
        try:
            end = self._music(facts, work)
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
            ended = outcome.track
            self.spans.send(ended, {**ended.timeline, str(end.status): datetime.now(UTC)}, code)
        # Delete the order after the final write; after a crash in between, the next delivery deletes it. The job has
        # ended or has written everything, so it does not need the order any more.
        self._delete_order(message.job)

    def forget(self, track: Track, work: PrivateTrack) -> bool:
        """Delete records and orders of jobs whose attempts are over; return False if a job has not ended.

        A message about such a job changes nothing afterwards. The job is not launched again: each launch of an attempt
        begins with a track that is not final.
        """
        ended = True
        for attempt in range(1, track.attempt + track.status.is_final):
            job = ids.pipeline_job_id(track.track_id, attempt)
            # Only the current attempt's region is stored.
            regions = [work.region] if attempt == track.attempt else self.settings.regions
            # A list, so that every region is asked.
            left = [region for region in regions if not self.pipelines.delete(job, region)]
            if left:
                ended = False
            else:
                self._delete_order(job)
        return ended

    def _facts(
        self, message: PipelineMessage, track: Track, work: PrivateTrack, *, is_overdue: bool
    ) -> JobFacts | None:
        labels = job_labels(track.track_id, track.attempt)
        facts = self.pipelines.facts(message.job, work.region)
        if facts is None and is_overdue and track.status is Status.COMPOSING:
            return JobFacts(JobState.FAILED, labels, "the job does not exist any more")
        return facts if facts and labels.items() <= facts.labels.items() else None

    def _park(self, message: PipelineMessage, error: BlockedError) -> None:
        # Acknowledge the message, because redeliveries would exhaust its attempts. The sweeper asks again.
        logs.error("track parked", track=message.track, reason=str(error))

        until = datetime.now(UTC) + _BLOCKED_PAUSE
        parked = Change(update=TrackUpdate(error=error), due_at=until)
        self.tracks.advance(message.track, _unless_ended(message, parked))

    def _delete_settled_order(self, message: PipelineMessage, track: Track, work: PrivateTrack) -> None:
        if message.attempt > track.attempt:
            # The attempt has not started, so the message is forged. Its order may be written at any moment: keep it.
            return
        if track.status is Status.CANCELLED and track.attempt == message.attempt:
            # A cancelled job may still write. If the track is erased before it ends, only the order names the folder.
            facts = self.pipelines.facts(message.job, work.region)
            if facts is None or facts.state is JobState.UNDER_WAY:
                return
        self._delete_order(message.job)

    def _delete_order(self, job: str) -> None:
        # The name contains the attempt, which is over, so a repeated deletion deletes nothing else.
        self.objects.delete(self.settings.pipeline_bucket, order_name(job))

    def _erase(self, message: PipelineMessage) -> None:
        """Erase what a job wrote for a track that is gone; ignore a job without this project's labels."""
        order = order_address(self.settings.pipeline_bucket, message.job)
        labels = job_labels(message.track, message.attempt)
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
            if facts and facts.order == order and labels.items() <= facts.labels.items():
                self._erase_results(message, facts)
                if facts.state is not JobState.UNDER_WAY:
                    # The record last: only with it can a repeated message find the order. If the track was erased
                    # while its job ran, this message is the first that can delete the record.
                    self.pipelines.delete(message.job, region)
                return
        if outage:
            raise outage
        logs.warning("no such track", track=message.track, job=message.job)

    def _erase_results(self, message: PipelineMessage, facts: JobFacts) -> None:
        data = self.objects.read(self.settings.pipeline_bucket, order_name(message.job))
        if data is None:
            logs.info("no order of a track that is gone", track=message.track, job=message.job)
            return
        try:
            token = order_from_bytes(data).results_token
        except OrderError as error:
            # Only the order names the folder, so the lifecycle rules of the two buckets delete both.
            logs.error("an order cannot be read", track=message.track, job=message.job, reason=str(error))
            return
        self.results.erase(self.settings.results.folder(token))
        logs.info("erased what was written for a track that is gone", track=message.track, job=message.job)
        if facts.state is not JobState.UNDER_WAY:
            # Delete the order last, and only if the job has ended. Otherwise the message about the job's end needs
            # the order to find the results.
            self._delete_order(message.job)

    def _music(self, facts: JobFacts, work: PrivateTrack) -> Change | None:
        folder = self.settings.results.folder(work.token)
        # The step publishes its message while its job still runs, so the objects are checked before the job's state.
        music = self.results.music(folder)
        if music is not None:
            return Change(Status.READY, TrackUpdate(music=Music(folder, music), error=None))
        match facts.state:
            case JobState.FAILED:
                raise PipelineFailedError(facts.reason)
            case JobState.CANCELLED:
                raise PipelineCancelledError(facts.reason)
            case JobState.SUCCEEDED:
                raise MusicMissingError("the job succeeded, but its results are missing")
            case JobState.UNDER_WAY:
                return None


def _unless_ended(message: PipelineMessage, change: Change) -> Decision:
    """Return the decision to make a change that ends or parks the message's attempt."""

    def decide(current: Track, work: PrivateTrack) -> Change | None:
        # A final state stays: of two messages that settle the same attempt, the second changes nothing.
        if current.status.is_final or current.attempt != message.attempt:
            return None
        return replace(change, work=replace(work, parked=change.status is None))

    return decide
