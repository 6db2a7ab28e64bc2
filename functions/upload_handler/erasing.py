"""Leaving nothing behind: a track or a session with its objects and documents, looked at again after deleting."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

import commanding
from admitting import Ledger
from commanding import Jobs, Places, call_off
from problems import UnknownTrackError
from uploading import Session, authorised

from musicgenerator import ids, logs
from musicgenerator.errors import ContentionError
from musicgenerator.tracks import Image, Track, Work


class Sessions(Protocol):
    """Where sessions are kept."""

    def create(self, session: Session) -> None:
        """Write a new session, or leave the one that is there."""
        ...

    def find(self, session: str) -> Session | None:
        """Return a session, or None."""
        ...

    def end(self, session: str, moment: datetime) -> None:
        """Let a session expire at a moment, so that it takes no further command."""
        ...

    def erase(self, session: str) -> None:
        """Delete a session, if it is there."""
        ...


class Tracks(commanding.Tracks, Protocol):
    """The truth about every track."""

    def of_session(self, session: str) -> Sequence[str]:
        """Return all tracks of a session."""
        ...

    def erase(self, session: str, track: str) -> None:
        """Delete a track and its work, if they are there."""
        ...


class Objects(Protocol):
    """The objects in the images and results buckets."""

    def delete(self, bucket: str, name: str, generation: int) -> None:
        """Delete just this generation of an object, if it is there."""
        ...

    def erase(self, bucket: str, prefix: str) -> None:
        """Delete everything whose name starts so and look again until nothing is left."""
        ...


_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Erasures:
    """Deletes tracks and sessions; every deletion can be repeated until it has gone through."""

    sessions: Sessions
    tracks: Tracks
    objects: Objects
    jobs: Jobs
    ledger: Ledger
    places: Places

    def erase_track(self, session: str, secret: str, track: str) -> None:
        """Delete a track of this session; one that is gone already is as it should be."""
        authorised(self.sessions, session, secret, even_expired=True)
        found = self.tracks.find(track)
        if found is None:
            return
        if found[0].session != session:
            raise UnknownTrackError("Name a track of this session.")
        self._erase(*found)
        if self.tracks.find(track):
            raise ContentionError(f"track {track} came back")

    def erase_session(self, session: str, secret: str) -> None:
        """Delete a session and everything in it; one that is gone already is as it should be."""
        found = self.sessions.find(session)
        if found is None:
            return
        authorised(self.sessions, session, secret, even_expired=True)
        # From here on it takes no command but deletions, and nobody reads it.
        self.sessions.end(session, _LONG_AGO)
        for track in self.tracks.of_session(session):
            known = self.tracks.find(track)
            if known:
                self._erase(*known)
            else:
                self.tracks.erase(session, track)
        for entry in self.ledger.of_session(session):
            # A request that crashed half-way may have written into a folder that no track knows.
            if "token" in entry.details:
                self.objects.erase(self.places.results_bucket, self.places.folder(entry.details["token"]).name(""))
            self.ledger.erase(entry.name)
        if self.tracks.of_session(session) or self.ledger.of_session(session):
            raise ContentionError(f"session {session} kept changing")
        self.sessions.erase(session)
        logs.info("session erased")

    def _erase(self, track: Track, work: Work) -> None:
        # Ended first, so that nothing that still works on it writes a document; what its job may still write
        # goes when the job's end is heard of.
        call_off(self.tracks, self.jobs, track.track, track.attempt)
        self._erase_original(track.track, track.image)
        self.objects.erase(self.places.results_bucket, self.places.folder(work.token).name(""))
        self.ledger.close(track.track)
        # The documents last: they are what a repeated deletion finds the rest by.
        self.tracks.erase(track.session, track.track)
        logs.info("track erased", track=track.track)

    def _erase_original(self, track: str, image: Image | None) -> None:
        announced = ids.upload_name(track)
        self.objects.erase(self.places.images_bucket, announced)
        if image is not None and image.object != announced:
            # A dropped picture's name is the person's: what was dropped there later is another track's.
            self.objects.delete(image.bucket, image.object, image.generation)
