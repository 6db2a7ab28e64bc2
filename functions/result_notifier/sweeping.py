"""Find the overdue tracks, whose event was lost or whose handler crashed, and resume them.

A sweep publishes a track's message again, and the function that receives it does the work. For a track in the state
`composing` the sweep calls the notifier, which is in the same function.
A sweep also deletes the records of jobs whose attempts are over (docs/decisions/0030-records-of-jobs.md).
"""

import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Final, Protocol

from closing import Closer
from gathering import Gathering, Groups
from notifying import Notifier

from musicgenerator import ids, logs
from musicgenerator.changes import Change, Decision, Outcome
from musicgenerator.errors import LaunchUnavailableError
from musicgenerator.messages import CaptionMessage, GatheredMessage, PictureMessage, PipelineMessage
from musicgenerator.states import Status
from musicgenerator.tracks import PrivateTrack, Track, job_of

# How many messages a sweep publishes for each region. A message names one track, or all tracks of one job.
MAX_MESSAGES: Final = 50
LOOKED_AT: Final = 5000
# How many tracks a sweep claims before it publishes, and how many at once.
CLAIMED: Final = 64
AT_ONCE: Final = 16
# How long a sweep deletes records, when a record that could not be deleted is tried again, and for how long.
FORGETTING_SECONDS: Final = 60.0
RETRY_AFTER: Final = timedelta(hours=1)
MAX_WAIT: Final = timedelta(days=1)
# How long a track may be `composing`: a run may take 30 minutes, and its machine needs some to start.
STALLED_AFTER: Final = timedelta(minutes=45)
# The function has 300 s. When a service does not answer, a track can take 30 s.
SWEEP_SECONDS: Final = 180.0


class Tracks(Protocol):
    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """Return session and id of the overdue tracks, the longest overdue first."""

    def to_forget(self, now: datetime, limit: int) -> list[str]:
        """Return the tracks whose jobs' records are to be deleted, the longest overdue first."""

    def find(self, track: str) -> tuple[Track, PrivateTrack] | None: ...

    def advance(self, track: str, decide: Decision) -> Outcome | None: ...

    def of_job(self, job: str) -> Sequence[str]:
        """Return the tracks that are claimed for a job."""


class Pictures(Protocol):
    def announce(self, message: PictureMessage) -> None: ...


class Captions(Protocol):
    def announce(self, message: CaptionMessage | GatheredMessage, engine: str) -> None: ...


@dataclass(frozen=True)
class Sweeper:
    """Resumes overdue tracks with up to fifty messages for each region, with sessions taking turns.

    Tracks that wait for a job share one: they are announced in groups, in the order of their turns.
    """

    tracks: Tracks
    closer: Closer
    pictures: Pictures
    captions: Captions
    gathering: Gathering
    clock: Callable[[], float] = time.monotonic

    def sweep(self) -> None:
        """Resume the overdue tracks once; concurrent sweeps are harmless, since each claims its tracks first.

        An error of one track is logged, and the sweep goes on with the next track.
        """
        until = self.clock() + SWEEP_SECONDS
        round_ = _Round(Groups(self.gathering), MAX_MESSAGES * len(self.closer.notifier.settings.regions))
        due = in_turns(self.tracks.due(datetime.now(UTC), LOOKED_AT))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            while due and round_.left > 0 and self.clock() <= until:
                # The tracks that remain are still overdue, so the next sweeps resume them.
                size = min(CLAIMED, round_.left)
                claimed, due = pool.map(self._claim, due[:size]), due[size:]
                for claim in claimed:
                    # One that is claimed and not resumed becomes overdue again.
                    if claim and self.clock() <= until:
                        self._resume(claim, round_)
        for message, engine in round_.groups.rest():
            try:
                self.captions.announce(message, engine)
            except Exception as error:  # noqa: BLE001  one failure must not keep the other tracks waiting
                logs.error("not resumed", tracks=len(message.attempts), reason=repr(error))
        self._forget_jobs()

    def _forget_jobs(self) -> None:
        """Delete the records of jobs whose attempts have been over for long enough, each once, several at a time."""
        now, until = datetime.now(UTC), self.clock() + FORGETTING_SECONDS
        due = self.tracks.to_forget(now, LOOKED_AT)
        unreachable: set[str] = set()
        ended: dict[str, bool | None] = {}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            while due and self.clock() <= until:
                # Each part is marked before the next one begins, so that a sweep that crashes has made progress.
                part, due = due[:AT_ONCE], due[AT_ONCE:]
                found = [each for each in pool.map(self._find, part) if each]
                jobs: dict[str, tuple[str, ...]] = {}
                for each in found:
                    jobs |= {job: places for job, places in self.closer.jobs(*each).items() if job not in ended}
                answers = pool.map(lambda job, jobs=jobs: self._forget(job, jobs[job], until, unreachable), jobs)
                new = dict(zip(jobs, answers, strict=True))
                ended.update(new)
                # The other tracks of a shared job become due within minutes, so the next sweeps need not ask for it
                # again.
                shared = [job for job, has_ended in new.items() if has_ended and ids.is_shared_job(job)]
                others = {name for names in pool.map(self.tracks.of_job, shared) for name in names} - {*part, *due}
                found += [each for each in pool.map(self._find, sorted(others)) if each and each[0].status.is_final]
                list(pool.map(lambda each: self._mark_forgotten(each, now, ended), found))

    def _find(self, track: str) -> tuple[Track, PrivateTrack] | None:
        try:
            return self.tracks.find(track)
        except Exception as error:  # noqa: BLE001  as above
            logs.error("job not forgotten", track=track, reason=repr(error), stack=traceback.format_exc())
            return None

    def _forget(self, job: str, regions: Sequence[str], until: float, unreachable: set[str]) -> bool | None:
        """Delete a job's record; return False if that must be tried again later, None if the next sweep can try."""
        if self.clock() > until or not unreachable.isdisjoint(regions):
            return None
        try:
            return self.closer.forget(job, regions)
        except LaunchUnavailableError as error:
            # Other jobs come first in the next sweeps.
            unreachable.update(regions)
            logs.warning("job not forgotten", job=job, reason=str(error))
            return False
        except Exception as error:  # noqa: BLE001  as above
            logs.error("job not forgotten", job=job, reason=repr(error), stack=traceback.format_exc())
            return None

    def _mark_forgotten(
        self, found: tuple[Track, PrivateTrack], now: datetime, ended: Mapping[str, bool | None]
    ) -> None:
        """Write when a track's jobs are to be forgotten next: never if all are, later if one has not ended."""
        track, work = found
        ends = [ended.get(job) for job in self.closer.jobs(track, work)]
        if False not in ends and None in ends:
            return
        left = None if all(ends) else now + RETRY_AFTER
        if left and track.timeline and now - max(track.timeline.values()) > MAX_WAIT:
            logs.error("job record kept", track=track.track_id, region=work.region)
            left = None
        try:
            self.tracks.advance(track.track_id, _forgotten(track, left))
        except Exception as error:  # noqa: BLE001  as above
            logs.error("job not forgotten", track=track.track_id, reason=repr(error), stack=traceback.format_exc())

    def _claim(self, track: str) -> Outcome | None:
        """Claim a track for this sweep, or return None if it is not overdue any more."""
        # An empty change restarts the track's patience. So only one of two concurrent sweeps resumes the track,
        # and the next sweep starts with other tracks.
        try:
            claim = self.tracks.advance(track, lambda current, _: None if current.status.is_final else Change())
        except Exception as error:  # noqa: BLE001  as above
            logs.error("not resumed", track=track, reason=repr(error), stack=traceback.format_exc())
            return None
        return claim if claim and claim.changed else None

    def _resume(self, claim: Outcome, round_: "_Round") -> None:
        track, work = claim.track, claim.work
        logs.warning("resumed", track=track.track_id, status=track.status)
        try:
            match track.status:
                case Status.AWAITING_UPLOAD | Status.CAPTIONING:
                    self.pictures.announce(PictureMessage(track.track_id))
                    round_.left -= 1
                case Status.CAPTIONED:
                    full = round_.groups.add(track)
                    if full:
                        self.captions.announce(*full)
                        round_.left -= 1
                case Status.LAUNCHING:
                    # One message is enough for all tracks of a job.
                    if job_of(track, work) not in round_.announced:
                        round_.announced.add(job_of(track, work))
                        attempt = CaptionMessage(track.session, track.track_id, track.attempt)
                        self.captions.announce(attempt, self.gathering.engine(track))
                        round_.left -= 1
                case _:
                    self._ask(track, work, round_)
        except Exception as error:  # noqa: BLE001  as above
            logs.error("not resumed", track=track.track_id, reason=repr(error), stack=traceback.format_exc())

    def _ask(self, track: Track, work: PrivateTrack, round_: "_Round") -> None:
        """Settle a track whose job has ended, and with it the other tracks of that job."""
        job = job_of(track, work)
        if work.region in round_.unreachable or job in round_.asked:
            return
        round_.asked.add(job)
        round_.left -= 1
        try:
            if ids.is_shared_job(job):
                self.closer.close(job, is_overdue=True)
            else:
                message = PipelineMessage(job, track.track_id, track.attempt)
                self.closer.notifier.notify(message, is_overdue=True)
        except LaunchUnavailableError as error:
            # The track becomes overdue again. Go on with tracks in other regions, or without a job yet.
            round_.unreachable.add(work.region)
            logs.warning("not resumed", track=track.track_id, region=work.region, reason=str(error))
        self._warn_if_stalled(track, job)

    def _warn_if_stalled(self, track: Track, job: str) -> None:
        """Log a run that has made no end of a track for too long, which an alert policy counts."""
        since = track.timeline.get(Status.COMPOSING)
        if since is None or datetime.now(UTC) - since < STALLED_AFTER:
            return
        found = self.tracks.find(track.track_id)
        # A parked track has its own log line, which the same alert policy counts.
        if found and found[0].status is Status.COMPOSING and not found[1].parked:
            logs.error("run stalls", track=track.track_id, job=job, region=found[1].region, since=since)


@dataclass
class _Round:
    """What one sweep has done: groups, messages left, jobs announced, jobs asked about, regions without an answer."""

    groups: Groups
    left: int
    announced: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    unreachable: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Handlers:
    """The notifier and the closer, which handle messages about jobs, and the sweeper, which handles ticks."""

    notifier: Notifier
    closer: Closer
    sweeper: Sweeper


def _forgotten(seen: Track, left: datetime | None) -> Decision:
    def decide(current: Track, _: PrivateTrack) -> Change | None:
        # If an attempt has started or ended since the deletion, its end has set or sets a later time: keep that.
        same = (current.attempt, current.status.is_final) == (seen.attempt, seen.status.is_final)
        return Change(forget_at=left) if same else None

    return decide


def in_turns(due: Iterable[tuple[str, str]]) -> list[str]:
    """Order tracks so that sessions take turns, and keep the order within each session.

    A resumed track goes to the end of the due tracks, so the others advance with every sweep.
    """
    earlier: Counter[str] = Counter()
    turns = []
    for session, track in due:
        turns.append((earlier[session], track))
        earlier[session] += 1
    return [track for _, track in sorted(turns, key=itemgetter(0))]
