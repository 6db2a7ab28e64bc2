"""From a hint about a pipeline job to the track's end: the music's address, or a reason.

The message says only where to look. What is true is asked of Vertex AI and seen in the results bucket.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, Self

from musicgenerator import logs
from musicgenerator.errors import (
    MusicMissingError,
    PermanentError,
    PipelineCancelledError,
    PipelineFailedError,
)
from musicgenerator.jobs import JobFacts, JobState, job_labels
from musicgenerator.messages import PipelineMessage
from musicgenerator.results import Music, MusicFacts, ResultsBucket, ResultsFolder
from musicgenerator.settings import regions
from musicgenerator.states import Status
from musicgenerator.tracks import Change, Decision, Outcome, PrivateTrack, Track, TrackUpdate


@dataclass(frozen=True)
class Settings:
    """The results bucket, and the regions that jobs may be in."""

    results: ResultsBucket
    regions: tuple[str, ...]

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the environment; raise SettingMissingError naming a variable that is not set."""
        return cls(ResultsBucket.from_environ(environ), regions(environ))


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

    def facts(self, job: str, region: str) -> JobFacts | None:
        """Return what is true of a job, or None where there is none."""
        ...


class Results(Protocol):
    """The results bucket."""

    def music(self, folder: ResultsFolder) -> MusicFacts | None:
        """Return the facts of complete and checked music, or None while it is not complete."""
        ...

    def erase(self, folder: ResultsFolder) -> None:
        """Delete everything in a folder."""
        ...


class Spans(Protocol):
    """Where the stages of ended tracks are shown."""

    def send(self, track: Track, timeline: Mapping[str, datetime], error: str) -> None:
        """Send what the stages of this attempt took; never raise, since the track has ended anyhow."""
        ...


@dataclass(frozen=True)
class Notifier:
    """Ends each track whose pipeline has ended."""

    tracks: Tracks
    pipelines: Pipelines
    results: Results
    spans: Spans
    settings: Settings

    def notify(self, message: PipelineMessage) -> None:
        """Handle one hint, however often and however late it is delivered."""
        found = self.tracks.find(message.track)
        if found is None:
            self._erase(message)
            return
        track, work = found
        if track.status.is_final or track.attempt != message.attempt:
            logs.info("nothing to settle", track=track.track_id, status=track.status, job=message.job)
            return
        facts = self.pipelines.facts(message.job, work.region)
        if facts is None or not job_labels(track.track_id, track.attempt).items() <= facts.labels.items():
            logs.warning("no such job", track=track.track_id, job=message.job)
            return
        code = ""
        try:
            end = self._music(facts, work)
        except PermanentError as error:
            logs.warning("track ended", track=track.track_id, code=error.code, reason=str(error))
            end, code = Change(error.status, TrackUpdate(error=error)), error.code
        if end is None:
            logs.info("the pipeline is still at work", track=track.track_id, job=message.job)
            return

        def decide(current: Track, _: PrivateTrack) -> Change | None:
            # A final state stays: of two hints that settle the same attempt the second changes nothing.
            return None if current.status.is_final or current.attempt != message.attempt else end

        outcome = self.tracks.advance(track.track_id, decide)
        logs.info("settled", track=track.track_id, status=end.status)
        if outcome and outcome.changed:
            ended = outcome.track
            self.spans.send(ended, {**ended.timeline, str(end.status): datetime.now(UTC)}, code)

    def _erase(self, message: PipelineMessage) -> None:
        """Erase what a job wrote after its track had been erased; a job that is not ours says nothing."""
        labels = job_labels(message.track, message.attempt)
        # Where its job ran went with the track. Not even the log entry's own region is believed: a forged one would
        # be asked with this function's token.
        for region in self.settings.regions:
            facts = self.pipelines.facts(message.job, region)
            if facts and facts.results_token and labels.items() <= facts.labels.items():
                self.results.erase(self.settings.results.folder(facts.results_token))
                logs.info("erased what was written for a track that is gone", track=message.track, job=message.job)
                return
        logs.warning("no such track", track=message.track, job=message.job)

    def _music(self, facts: JobFacts, work: PrivateTrack) -> Change | None:
        folder = self.settings.results.folder(work.token)
        # The step's own message comes while its job still runs, so the objects decide before the job's state does.
        music = self.results.music(folder)
        if music is not None:
            return Change(Status.READY, TrackUpdate(music=Music(folder, music)))
        match facts.state:
            case JobState.FAILED:
                raise PipelineFailedError(facts.reason)
            case JobState.CANCELLED:
                raise PipelineCancelledError(facts.reason)
            case JobState.SUCCEEDED:
                raise MusicMissingError("the job succeeded, but its objects are not there")
            case JobState.UNDER_WAY:
                return None
