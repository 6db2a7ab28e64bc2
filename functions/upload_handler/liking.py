"""Set whether the person likes a track."""

from dataclasses import dataclass
from datetime import UTC, datetime

from admitting import Admission, Particulars
from command_requests import CommandRequest
from ports import Sessions, Tracks
from problems import InvalidRequestError, UnknownTrackError
from sessions import authorised

from musicgenerator.changes import KEEP, Change, TrackUpdate
from musicgenerator.tracks import PrivateTrack, Track


@dataclass(frozen=True)
class LikedTrack:
    """A track, and whether the person likes it."""

    session: str
    track: str
    liked: bool


@dataclass(frozen=True)
class Likes:
    sessions: Sessions
    tracks: Tracks
    admission: Admission

    def like(self, command: CommandRequest) -> LikedTrack:
        """Set the track's ``liked`` to the body's, in any state; another attempt keeps it.

        A request that changes nothing writes nothing and does not count; an idempotency key makes no difference.
        """
        authorised(self.sessions, command.session, command.secret)
        found = self.tracks.find(command.track)
        if found is None or found[0].session != command.session:
            raise UnknownTrackError("Name a track of this session.")
        liked = command.body.get("liked")
        if not isinstance(liked, bool):
            raise InvalidRequestError("liked must be true or false.", field="liked")
        if found[0].liked != liked:
            # Without the request's key: two keys sent in turn would change the track without being counted.
            entry = Particulars(command.session, datetime.now(UTC), {})
            quotas = self.admission.limits.of_like(command.session, command.address)
            self.admission.admit((command.session, command.track, "like"), {}, None, entry, quotas)

        def decide(current: Track, _: PrivateTrack) -> Change | None:
            # A second request finds the same value and changes nothing; one that comes late sets what it was sent for.
            return Change(update=TrackUpdate(liked=liked), due_at=KEEP) if current.liked != liked else None

        if self.tracks.advance(command.track, decide) is None:
            raise UnknownTrackError("The track has just been deleted.")
        return LikedTrack(command.session, command.track, liked)
