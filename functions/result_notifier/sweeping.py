"""Find the overdue tracks, whose event was lost or whose handler crashed, and resume them.

A sweep publishes a track's message again, and the function that receives it does the work. For a track in the state
`composing` the sweep calls the notifier, which is in the same function.
"""

import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Final, Protocol

from notifying import Notifier

from musicgenerator import ids, logs
from musicgenerator.errors import LaunchUnavailableError
from musicgenerator.messages import CaptionMessage, PictureMessage, PipelineMessage
from musicgenerator.states import Status
from musicgenerator.tracks import Change, Decision, Outcome, Track

MAX_TRACKS: Final = 50
LOOKED_AT: Final = 1000
# The function has 300 s. When a service does not answer, a track can take 30 s.
SWEEP_SECONDS: Final = 180.0


class Tracks(Protocol):
    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """Return session and id of the overdue tracks, the longest overdue first."""

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
