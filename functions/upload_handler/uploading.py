"""Announce a track and sign the upload of its picture."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from admitting import Admission, Particulars, made_track, new_track
from command_requests import CommandRequest, check_engine, picture_type, requested
from ports import Permit, Sessions, Tracks
from problems import UnknownSessionError, UnknownTrackError
from sessions import authorised

from musicgenerator import ids, logs
from musicgenerator.states import Status
from musicgenerator.tracks import MAX_PICTURE_BYTES, PrivateTrack, Track


@dataclass(frozen=True)
class AnnouncedTrack:
    """A track that waits for its picture, and the permission to upload it."""

    session: str
    track: str
    status: Status
    upload: Permit


class Permits(Protocol):
    def permit(self, name: str, content_type: str, max_bytes: int) -> Permit:
        """Return the permission to create this one object."""


class Waker(Protocol):
    def wake(self) -> AbstractContextManager[None]:
        """Start the functions that the picture will need, while the context's body runs; raise nothing."""


@dataclass(frozen=True)
class Uploads:
    """The command that starts a track; a request may name one of ``engines``."""

    sessions: Sessions
    tracks: Tracks
    permits: Permits
    admission: Admission
    engines: frozenset[str]
    waker: Waker

    def announce_track(self, command: CommandRequest) -> AnnouncedTrack:
        """Create a track that waits for its picture, and sign the upload.

        A repeated request returns the track of the first one with a newly signed upload.
        """
        owner = authorised(self.sessions, command.session, command.secret)
        request, content_type = requested(command.body), picture_type(command.body)
        check_engine(request, self.engines)
        admitted = self.admission.admit(
            (command.session, "announce"),
            command.body,
            command.key,
            Particulars(command.session, owner.expires_at, new_track()),
            self.admission.limits.of_announcement(command.session, command.address, request.takes),
        )
        track, token = made_track(admitted)
        # The ledger already has the track's id: a repeated request names the same track, and `create` leaves it.
        self.tracks.create(
            Track(command.session, track, Status.AWAITING_UPLOAD, 1, request),
            PrivateTrack(
                token=token,
                counted=admitted.counted,
                twin_token=ids.new_results_token() if request.takes > 1 else "",
            ),
            owner.expires_at,
        )
        try:
            authorised(self.sessions, command.session, command.secret)
        except UnknownSessionError:
            # The session's deletion has begun and may already have listed the tracks, so delete this one here.
            self.tracks.erase(command.session, track)
            self.admission.forget(command.session)
            raise
        found = self.tracks.find(track)
        if found is None:
            raise UnknownTrackError("The track has just been deleted.")
        logs.info("track announced", track=track)
        with self.waker.wake():
            permit = self.permits.permit(ids.upload_name(track), content_type, MAX_PICTURE_BYTES)
        return AnnouncedTrack(command.session, track, found[0].status, permit)
