"""Find the overdue tracks, whose event was lost or whose handler crashed, and resume them.

A sweep publishes a track's message again, and the function that receives it does the work. For a track in the state
`composing` the sweep calls the notifier, which is in the same function.
A sweep also deletes the records of jobs whose attempts are over (docs/decisions/0030-records-of-jobs.md).
"""

import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Final, Protocol

from notifying import Notifier

from musicgenerator import ids, logs
from musicgenerator.errors import LaunchUnavailableError
from musicgenerator.messages import CaptionMessage, PictureMessage, PipelineMessage
from musicgenerator.states import Status
from musicgenerator.tracks import Change, Decision, Outcome, PrivateTrack, Track

MAX_TRACKS: Final = 50
LOOKED_AT: Final = 1000
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
    def announce(self, message: CaptionMessage, engine: str) -> None: ...


@dataclass(frozen=True)
class Sweeper:
    """Resumes overdue tracks: up to fifty times the number of regions in a sweep, with sessions taking turns."""

    tracks: Tracks
    notifier: Notifier
    pictures: Pictures
    captions: Captions
    default_engine: str
    clock: Callable[[], float] = time.monotonic

    def sweep(self) -> None:
        """Resume the overdue tracks once; concurrent sweeps are harmless, since each claims its tracks first.

        An error of one track is logged, and the sweep goes on with the next track.
        """
        until, left = self.clock() + SWEEP_SECONDS, MAX_TRACKS * len(self.notifier.settings.regions)
        unreachable: set[str] = set()
        for track in in_turns(self.tracks.due(datetime.now(UTC), LOOKED_AT)):
            if not left or self.clock() > until:
                # The tracks that remain are still overdue, so the next sweeps resume them.
                break
            try:
                left -= self._resume(track, unreachable)
            except Exception as error:  # noqa: BLE001  a damaged document must not keep the others waiting
                logs.error("not resumed", track=track, reason=repr(error), stack=traceback.format_exc())
        self._forget_jobs()

    def _forget_jobs(self) -> None:
        """Delete the records of jobs whose attempts have been over for long enough."""
        now = datetime.now(UTC)
        until = self.clock() + FORGETTING_SECONDS
        unreachable: set[str] = set()
        for track in self.tracks.to_forget(now, MAX_TRACKS * len(self.notifier.settings.regions)):
            if self.clock() > until:
                return
            try:
                self._forget(track, now, unreachable)
            except Exception as error:  # noqa: BLE001  as above
                logs.error("job not forgotten", track=track, reason=repr(error), stack=traceback.format_exc())

    def _forget(self, track: str, now: datetime, unreachable: set[str]) -> None:
        found = self.tracks.find(track)
        if found is None or found[1].region in unreachable:
            return
        seen, work = found
        try:
            left = None if self.notifier.forget(seen, work) else now + RETRY_AFTER
        except LaunchUnavailableError as error:
            # Other tracks come first in the next sweeps.
            unreachable.add(work.region)
            left = now + RETRY_AFTER
            logs.warning("job not forgotten", track=track, reason=str(error))
        if left and seen.timeline and now - max(seen.timeline.values()) > MAX_WAIT:
            logs.error("job record kept", track=track, region=work.region)
            left = None
        self.tracks.advance(track, _forgotten(seen, left))

    def _resume(self, track: str, unreachable: set[str]) -> bool:
        """Resume a track and return True, or return False if it is not overdue any more."""
        # An empty change restarts the track's patience. So only one of two concurrent sweeps resumes the track,
        # and the next sweep starts with other tracks.
        claim = self.tracks.advance(track, lambda current, _: None if current.status.is_final else Change())
        if claim is None or not claim.changed:
            return False
        if claim.track.status is Status.COMPOSING and claim.work.region in unreachable:
            return True
        logs.warning("resumed", track=track, status=claim.track.status)
        try:
            self._publish_again(claim.track)
        except LaunchUnavailableError as error:
            # The track becomes overdue again. Go on with tracks in other regions, or without a job yet.
            unreachable.add(claim.work.region)
            logs.warning("not resumed", track=track, region=claim.work.region, reason=str(error))
        return True

    def _publish_again(self, track: Track) -> None:
        match track.status:
            case Status.AWAITING_UPLOAD | Status.CAPTIONING:
                self.pictures.announce(PictureMessage(track.track_id))
            case Status.CAPTIONED | Status.LAUNCHING:
                message = CaptionMessage(track.session, track.track_id, track.attempt)
                self.captions.announce(message, track.request.engine or self.default_engine)
            case _:
                job = ids.pipeline_job_id(track.track_id, track.attempt)
                self.notifier.notify(PipelineMessage(job, track.track_id, track.attempt), is_overdue=True)


@dataclass(frozen=True)
class Handlers:
    """The notifier, which handles messages about jobs, and the sweeper, which handles ticks."""

    notifier: Notifier
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
