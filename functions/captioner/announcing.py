"""Announce described tracks on `captions`."""

from dataclasses import dataclass
from typing import Protocol

from musicgenerator import ids
from musicgenerator.changes import Decision, Outcome, mark_published
from musicgenerator.messages import CaptionMessage
from musicgenerator.states import Status
from musicgenerator.tracks import PrivateTrack, Track


class Tracks(Protocol):
    def find(self, track: str) -> tuple[Track, PrivateTrack] | None: ...

    def advance(self, track: str, decide: Decision) -> Outcome | None: ...


class Captions(Protocol):
    def announce(self, message: CaptionMessage, engine: str) -> None: ...


@dataclass(frozen=True)
class Announcements:
    """Announces a track, and before it the second of its two takes; ``default_engine`` makes what names no engine."""

    tracks: Tracks
    captions: Captions
    default_engine: str

    def announce(self, track: Track) -> None:
        """Announce a track; a repetition announces what an interrupted call has not."""
        if track.request.takes > 1:
            # First, because a delivery that finds the track announced does nothing more.
            found = self.tracks.find(ids.twin_of(track.track_id))
            if found and found[0].status is Status.CAPTIONED and not found[1].published:
                self._announce(found[0])
        self._announce(track)

    def _announce(self, track: Track) -> None:
        # Publish, then mark: after a crash in between, the message is published again and launches nothing twice.
        engine = track.request.engine or self.default_engine
        self.captions.announce(CaptionMessage(track.session, track.track_id, track.attempt), engine)
        self.tracks.advance(track.track_id, lambda current, work: mark_published(current, work, track.attempt))
