"""Tracks that were left lying, because an event was lost or its handler died, are taken up again.

The sweeper does nothing itself: it repeats the event that was lost, and the code that would have run then runs now.
"""

from collections import Counter
from collections.abc import Iterable
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


class Tracks(Protocol):
    """The truth about every track."""

    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """Return session and id of tracks that have rested for too long, the longest waiting first."""
        ...

    def advance(self, track: str, decide: Decision) -> Outcome | None:
        """Write what ``decide`` says, once or not at all."""
        ...


class Pictures(Protocol):
    """The topic that has the captioner take a picture up again."""

    def announce(self, message: PictureMessage) -> None:
        """Publish and return when it is confirmed."""
        ...


class Captions(Protocol):
    """The topic that wakes the launcher."""

    def announce(self, message: CaptionMessage, engine: str) -> None:
        """Publish and return when it is confirmed."""
        ...


@dataclass(frozen=True)
class Sweeper:
    """Takes up what was left lying or has to wait, at most fifty tracks a tick and region, session by session."""

    tracks: Tracks
    notifier: Notifier
    pictures: Pictures
    captions: Captions
    default_engine: str

    def sweep(self) -> None:
        """Look once; safe at any time and beside any other sweeper, since each track is claimed first."""
        due = in_turns(self.tracks.due(datetime.now(UTC), LOOKED_AT))
        silent: set[str] = set()
        for track in due[: MAX_TRACKS * len(self.notifier.settings.regions)]:
            # An empty change gives the track its patience anew: of two sweepers only one writes it, and a track
            # that cannot be helped makes room for the next.
            claim = self.tracks.advance(track, lambda current, _: None if current.status.is_final else Change())
            if claim is None or not claim.changed:
                continue
            if claim.track.status is Status.COMPOSING and claim.work.region in silent:
                continue
            logs.warning("taken up again", track=track, status=claim.track.status)
            try:
                self._publish_again(claim.track)
            except LaunchUnavailableError as error:
                # Its patience has begun anew. Those behind it may be in another region, or only wait to be launched.
                silent.add(claim.work.region)
                logs.warning("not taken up now", track=track, region=claim.work.region, reason=str(error))

    def _publish_again(self, track: Track) -> None:
        match track.status:
            case Status.AWAITING_UPLOAD | Status.CAPTIONING:
                self.pictures.announce(PictureMessage(track.track_id))
            case Status.CAPTIONED | Status.LAUNCHING:
                message = CaptionMessage(track.session, track.track_id, track.attempt)
                self.captions.announce(message, track.request.engine or self.default_engine)
            case _:
                job = ids.pipeline_job_id(track.track_id, track.attempt)
                self.notifier.notify(PipelineMessage(job, track.track_id, track.attempt))


def in_turns(due: Iterable[tuple[str, str]]) -> list[str]:
    """Order tracks so that sessions take turns, and keep each session's own order.

    What is taken up goes to the end of what is due, so those who are not looked at yet come nearer with every tick.
    """
    earlier: Counter[str] = Counter()
    turns = []
    for session, track in due:
        turns.append((earlier[session], track))
        earlier[session] += 1
    return [track for _, track in sorted(turns, key=itemgetter(0))]
