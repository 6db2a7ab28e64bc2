"""Close pipeline jobs: settle what is left after the end of a job of several tracks, and delete records and orders."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from notifying import Notifier

from musicgenerator import ids, logs
from musicgenerator.changes import Change, Decision, Outcome
from musicgenerator.errors import BlockedError, LaunchUnavailableError, OrderError
from musicgenerator.jobs import JobFacts, JobState, has_read, is_ours
from musicgenerator.messages import PipelineMessage
from musicgenerator.orders import CalledOff, Order
from musicgenerator.states import Status
from musicgenerator.tracks import PrivateTrack, Track, earlier_jobs, job_of


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

    def close(self, job: str, *, is_overdue: bool = False) -> None:
        """After the end of a job of several tracks, settle those that are left and delete its orders.

        ``is_overdue`` says that the sweeper asks: then a job that does not exist was deleted, and its tracks end.
        """
        orders = self._orders(job)
        names = dict.fromkeys([*self.tracks.of_job(job), *(order.track for order in orders)])
        seen = {name: found for name in names if (found := self.tracks.find(name))}
        claimed = [found for found in seen.values() if job_of(*found) == job]
        try:
            region, facts = self._find(job, {work.region for _, work in claimed} or self.notifier.settings.regions)
        except BlockedError as error:
            self._park(job, claimed, error)
            if len(seen) < len(names):
                # No sweep finds the tracks that are gone.
                raise
            return
        if facts is None and is_overdue:
            self._settle(job, claimed, None)
        if facts is None or facts.state is JobState.UNDER_WAY:
            logs.info("the job has not ended", job=job)
            return
        if not has_read(facts, [(order.track, order.attempt) for order in orders]):
            # They were written after the job's end, or are missing.
            orders = ()
        left_out = [track.track_id for track, work in claimed if _is_left_out(track, work, orders)]
        self._settle(job, [found for found in claimed if found[0].track_id not in left_out], facts)
        for name in left_out:
            self._launch_alone(name, job)
        # The job may have been writing while a track was erased.
        kept = {work.token for _, work in seen.values()}
        self._erase({order.results_token for order in orders} - kept)
        # Last, because only the orders say where the job wrote, and which tracks it made.
        self.notifier.book.delete(job)
        # An erasure that ends now either finds no orders and erases again, or has deleted the track's documents.
        self._erase({work.token for name, (_, work) in seen.items() if self.tracks.find(name) is None})
        if not seen:
            # No track is left whose end would make the sweeper delete the record.
            self.notifier.pipelines.delete(job, region)
        logs.info("closed", job=job, tracks=len(orders), state=facts.state)

    def forget(self, job: str, regions: Iterable[str]) -> bool:
        """Delete the record and the orders of a job whose attempt is over; return False if the job has not ended.

        A message about such a job changes nothing afterwards. The job is not launched again: each launch of an attempt
        begins with a track that is not final.
        """
        book, is_shared = self.notifier.book, ids.is_shared_job(job)
        is_written = book.is_written(job) if is_shared else True
        if is_shared and is_written:
            # The message about its end was lost, or it was never created.
            self.close(job)
            if book.is_written(job) and self._is_waited_for(job):
                return False
        deleted = [self.notifier.pipelines.delete(job, region) for region in regions]
        if not all(deleted):
            return False
        if is_written:
            # Orders that were written since then are those of a launch that is under way.
            book.delete(job)
        return True

    def jobs(self, track: Track, work: PrivateTrack) -> dict[str, tuple[str, ...]]:
        """Return the jobs of the attempts that are over, and the regions in which each may be."""
        earlier = dict.fromkeys(earlier_jobs(track, work), self.notifier.settings.regions)
        return earlier | ({job_of(track, work): (work.region,)} if track.status.is_final else {})

    def _erase(self, tokens: Iterable[str]) -> None:
        for token in tokens:
            self.notifier.erase_results(token)

    def _is_waited_for(self, job: str) -> bool:
        """Say whether a track that is claimed for a job has not ended."""
        found = (self.tracks.find(name) for name in self.tracks.of_job(job))
        return any(each is not None and not each[0].status.is_final for each in found)

    def _settle(self, job: str, claimed: Iterable[tuple[Track, PrivateTrack]], ended: JobFacts | None) -> None:
        for track, _ in claimed:
            if not track.status.is_final:
                message = PipelineMessage(job, track.track_id, track.attempt)
                self.notifier.notify(message, is_overdue=ended is None, ended=ended)

    def _park(self, job: str, claimed: Iterable[tuple[Track, PrivateTrack]], error: BlockedError) -> None:
        for track, _ in claimed:
            if track.status is Status.COMPOSING:
                self.notifier.park(PipelineMessage(job, track.track_id, track.attempt), error)

    def _orders(self, job: str) -> Sequence[Order | CalledOff]:
        try:
            return self.notifier.book.read(job) or ()
        except OrderError as error:
            # They name no folder, so the lifecycle rules of the two buckets delete what is left.
            logs.error("an order cannot be read", job=job, reason=str(error))
            return ()

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


def _is_left_out(track: Track, work: PrivateTrack, orders: Sequence[Order | CalledOff]) -> bool:
    """Say whether a track is claimed for a job that does not make it."""
    made = {order.results_token for order in orders if isinstance(order, Order)}
    return track.status is Status.LAUNCHING and work.token not in made
