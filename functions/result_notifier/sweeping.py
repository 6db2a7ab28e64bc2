"""Find the overdue tracks, whose event was lost or whose handler crashed, and resume them.

A sweep publishes a track's message again, and the function that receives it does the work. For a track in the state
`composing` the sweep calls the notifier, which is in the same function.
A sweep also deletes the records of jobs whose attempts are over (docs/decisions/0030-records-of-jobs.md).
"""

import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Final, Protocol

from closing import Closer
from gathering import Gathering, Groups
from notifying import Notifier

from musicgenerator import logs
from musicgenerator.errors import LaunchUnavailableError
from musicgenerator.messages import CaptionMessage, GatheredMessage, PictureMessage, PipelineMessage
from musicgenerator.states import Status
from musicgenerator.tracks import Change, Decision, Outcome, PrivateTrack, Track, job_of

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
# The function has 300 s. When a service does not answer, a track can take 30 s.
SWEEP_SECONDS: Final = 180.0


class Tracks(Protocol):
    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """Return session and id of the overdue tracks, the longest overdue first."""

    def to_forget(self, now: datetime, limit: int) -> list[str]:
        """Return the tracks whose jobs' records are to be deleted, the longest overdue first."""

    def find(self, track: str) -> tuple[Track, PrivateTrack] | None: ...

    def advance(self, track: str, decide: Decision) -> Outcome | None: ...


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
                    if claim:
                        self._resume(claim, round_)
        for message, engine in round_.groups.rest():
            self.captions.announce(message, engine)
        self._forget_jobs()

    def _forget_jobs(self) -> None:
        """Delete the records of jobs whose attempts have been over for long enough."""
        now = datetime.now(UTC)
        until = self.clock() + FORGETTING_SECONDS
        unreachable: set[str] = set()
        forgotten: set[str] = set()
        for track in self.tracks.to_forget(now, LOOKED_AT):
            if self.clock() > until:
                return
            try:
                self._forget(track, now, unreachable, forgotten)
            except Exception as error:  # noqa: BLE001  as above
                logs.error("job not forgotten", track=track, reason=repr(error), stack=traceback.format_exc())

    def _forget(self, track: str, now: datetime, unreachable: set[str], forgotten: set[str]) -> None:
        found = self.tracks.find(track)
        if found is None or found[1].region in unreachable:
            return
        seen, work = found
        try:
            left = None if self.closer.forget(seen, work, forgotten) else now + RETRY_AFTER
        except LaunchUnavailableError as error:
            # Other tracks come first in the next sweeps.
            unreachable.add(work.region)
            left = now + RETRY_AFTER
            logs.warning("job not forgotten", track=track, reason=str(error))
        if left and seen.timeline and now - max(seen.timeline.values()) > MAX_WAIT:
            logs.error("job record kept", track=track, region=work.region)
            left = None
        self.tracks.advance(track, _forgotten(seen, left))

    def _claim(self, track: str) -> Outcome | None:
        """Claim a track for this sweep, or return None if it is not overdue any more."""
        # An empty change restarts the track's patience. So only one of two concurrent sweeps resumes the track,
        # and the next sweep starts with other tracks.
        try:
            claim = self.tracks.advance(track, lambda current, _: None if current.status.is_final else Change())
        except Exception as error:  # noqa: BLE001  a damaged document must not keep the others waiting
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
                    round_.left -= 1
                    self._ask(track, work, round_.unreachable)
        except Exception as error:  # noqa: BLE001  as above
            logs.error("not resumed", track=track.track_id, reason=repr(error), stack=traceback.format_exc())

    def _ask(self, track: Track, work: PrivateTrack, unreachable: set[str]) -> None:
        """Settle a track whose job has ended."""
        if work.region in unreachable:
            return
        message = PipelineMessage(job_of(track, work), track.track_id, track.attempt)
        try:
            self.closer.notifier.notify(message, is_overdue=True)
        except LaunchUnavailableError as error:
            # The track becomes overdue again. Go on with tracks in other regions, or without a job yet.
            unreachable.add(work.region)
            logs.warning("not resumed", track=track.track_id, region=work.region, reason=str(error))


@dataclass
class _Round:
    """What one sweep has done: the groups, how many messages are left, jobs announced, regions without an answer."""

    groups: Groups
    left: int
    announced: set[str] = field(default_factory=set)
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
