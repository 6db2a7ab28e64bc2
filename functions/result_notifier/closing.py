"""Close pipeline jobs: settle what is left after the end of a job of several tracks, and delete records and orders."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from notifying import Notifier

from musicgenerator import ids, logs
from musicgenerator.errors import BlockedError, LaunchUnavailableError, OrderError
from musicgenerator.jobs import JobFacts, JobState, is_ours
from musicgenerator.messages import PipelineMessage
from musicgenerator.states import Status
from musicgenerator.tracks import Change, Decision, Outcome, PrivateTrack, Track, earlier_jobs, job_of


class Tracks(Protocol):
    def find(self, track: str) -> tuple[Track, PrivateTrack] | None: ...

    def advance(self, track: str, decide: Decision) -> Outcome | None: ...

    def of_job(self, job: str) -> Sequence[str]:
        """Return the tracks that are claimed for a job."""
        ...


@dataclass(frozen=True)
class Closer:
    """Closes jobs; closing one again changes nothing."""

    tracks: Tracks
    notifier: Notifier

    def close(self, job: str) -> None:
        """After the end of a job of several tracks, settle those that are left and delete its orders."""
        claimed = {name: found for name in self.tracks.of_job(job) if (found := self.tracks.find(name))}
        regions = {work.region for _, work in claimed.values()} or self.notifier.settings.regions
        try:
            region, facts = self._find(job, regions)
            orders = self.notifier.book.read(job)
        except BlockedError as error:
            # The sweeper asks again for each of the tracks.
            logs.error("a job's end is unknown", job=job, reason=str(error))
            return
        except OrderError as error:
            logs.error("an order cannot be read", job=job, reason=str(error))
            return
        if facts is None or facts.state is JobState.UNDER_WAY:
            logs.info("the job has not ended", job=job)
            return
        if orders is None:
            logs.info("nothing to close", job=job)
            return
        for order in orders:
            self.notifier.notify(PipelineMessage(job, order.track, order.attempt))
        for name in claimed.keys() - {order.track for order in orders}:
            self._launch_alone(name, job)
        # Last, because only the orders say where the job wrote, and which tracks it made.
        self.notifier.book.delete(job)
        if not any(self.tracks.find(order.track) for order in orders):
            # No track is left whose end would make the sweeper delete the record.
            self.notifier.pipelines.delete(job, region)
        logs.info("closed", job=job, tracks=len(orders), state=facts.state)

    def forget(self, track: Track, work: PrivateTrack, forgotten: set[str]) -> bool:
        """Delete records and orders of jobs whose attempts are over; return False if a job has not ended.

        A message about such a job changes nothing afterwards. The job is not launched again: each launch of an attempt
        begins with a track that is not final. ``forgotten`` has the jobs of several tracks that are forgotten already;
        this call adds to it.
        """
        ended = True
        for job, regions in self._jobs(track, work).items():
            if job in forgotten:
                continue
            if ids.is_shared_job(job):
                self.close(job)
            # A list, so that every region is asked.
            left = [region for region in regions if not self.notifier.pipelines.delete(job, region)]
            if left:
                ended = False
                continue
            self.notifier.book.delete(job)
            if ids.is_shared_job(job):
                forgotten.add(job)
        return ended

    def _jobs(self, track: Track, work: PrivateTrack) -> dict[str, Sequence[str]]:
        """Return the jobs of the attempts that are over, and the regions in which each may be."""
        earlier: dict[str, Sequence[str]] = dict.fromkeys(earlier_jobs(track, work), self.notifier.settings.regions)
        return earlier | ({job_of(track, work): [work.region]} if track.status.is_final else {})

    def _find(self, job: str, regions: Iterable[str]) -> tuple[str, JobFacts | None]:
        outage: LaunchUnavailableError | None = None
        for region in regions:
            try:
                facts = self.notifier.pipelines.facts(job, region)
            except LaunchUnavailableError as error:
                # The job may be in a region that answers.
                outage = error
                continue
            if facts and is_ours(facts, job):
                return region, facts
        if outage:
            raise outage
        return "", None

    def _launch_alone(self, name: str, job: str) -> None:
        """Let the next sweep launch a track in a job of its own, because the job it is claimed for did not make it."""

        def move(current: Track, work: PrivateTrack) -> Change | None:
            if current.status is not Status.LAUNCHING or job_of(current, work) != job:
                return None
            own = ids.pipeline_job_id(current.track_id, current.attempt)
            return Change(work=replace(work, job=own), due_at=datetime.now(UTC))

        outcome = self.tracks.advance(name, move)
        if outcome and outcome.changed:
            logs.warning("launched alone", track=name, job=job)
