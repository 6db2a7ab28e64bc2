"""Sessions, announced tracks and the permission to upload exactly one picture for each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from admitting import Admission, Particulars, made_track, new_track
from problems import (
    InvalidRequestError,
    TooManyBytesError,
    UnknownSessionError,
    UnknownTrackError,
    UnsupportedTypeError,
)

from musicgenerator import ids, logs
from musicgenerator.briefs import ENGINES
from musicgenerator.errors import BriefError
from musicgenerator.states import Status
from musicgenerator.tracks import MAX_PICTURE_BYTES, PICTURE_TYPES, PrivateTrack, Request, Track


@dataclass(frozen=True)
class Session:
    """A session as it is stored: its secret only as a hash; ``ended`` is whether its deletion has begun."""

    session: str
    secret_hash: str
    expires_at: datetime
    ended: bool = False


@dataclass(frozen=True)
class OpenedSession:
    """A session as it is handed out, once."""

    session: str
    secret: str
    expires_at: datetime


@dataclass(frozen=True)
class Permit:
    """A signed upload: send the picture with this method and exactly these headers to this address."""

    method: str
    url: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class AnnouncedTrack:
    """A track that waits for its picture."""

    session: str
    track: str
    status: Status
    upload: Permit


class Sessions(Protocol):
    """Where sessions are kept."""

    def create(self, session: Session) -> None:
        """Write a new session, or leave the one that is there."""
        ...

    def find(self, session: str) -> Session | None:
        """Return a session, or None."""
        ...


class Tracks(Protocol):
    """The truth about every track."""

    def create(self, track: Track, work: PrivateTrack, expires_at: datetime) -> None:
        """Write a new track, or leave the one that is there."""
        ...

    def find(self, track: str) -> tuple[Track, PrivateTrack] | None:
        """Return a track and its work, or None."""
        ...

    def erase(self, session: str, track: str) -> None:
        """Delete a track and its work, if they are there."""
        ...


class Permits(Protocol):
    """Who signs uploads."""

    def permit(self, name: str, content_type: str, max_bytes: int) -> Permit:
        """Return the permission to create just this object."""
        ...


@dataclass(frozen=True)
class Uploads:
    """The commands that end in an upload."""

    sessions: Sessions
    tracks: Tracks
    permits: Permits
    sessions_live: timedelta
    admission: Admission

    def open_session(self, body: Mapping[str, Any], key: str | None, address: str = "") -> OpenedSession:
        """Make a session; the same idempotency key and body give the same session again.

        ``address`` is the network address that sessions are counted by, "" where it is not known.
        """
        expires_at = datetime.now(UTC) + self.sessions_live
        salt, seed = ids.new_secret(), key or ids.new_secret()
        session, _ = ids.derived_session(salt, seed)
        # The expiry as a text, in which no store rounds it: a repeated request is answered with the very same one.
        details = {"salt": salt, "expiresAt": expires_at.isoformat()}
        stands = self.admission.admit(
            ("open",), body, key, Particulars(session, expires_at, details), self.admission.limits.of_session(address)
        )
        session, secret = ids.derived_session(stands["salt"], seed)
        opened = OpenedSession(session, secret, datetime.fromisoformat(stands["expiresAt"]))
        # Derived from what was entered first, so writing it again makes up for a crash in between.
        self.sessions.create(Session(session, ids.secret_hash(secret), opened.expires_at))
        return opened

    def announce_track(
        self, session: str, secret: str, body: Mapping[str, Any], key: str | None, address: str = ""
    ) -> AnnouncedTrack:
        """Make a track that waits for its picture, and sign the upload of that picture.

        A repeated request finds the track that the first one made and gets a freshly signed upload for it.
        """
        owner = authorised(self.sessions, session, secret)
        request, content_type = requested(body), _content_type(body)
        stands = self.admission.admit(
            (session, "announce"),
            body,
            key,
            Particulars(session, owner.expires_at, new_track()),
            self.admission.limits.of_track(session, address),
        )
        track, token = made_track(stands)
        # Its id was entered first, so of equal requests each writes the same track, and only one of them does.
        self.tracks.create(
            Track(session, track, Status.AWAITING_UPLOAD, 1, request), PrivateTrack(token=token), owner.expires_at
        )
        try:
            authorised(self.sessions, session, secret)
        except UnknownSessionError:
            # Its deletion began meanwhile and may have looked for tracks already: nobody else would find this one.
            self.tracks.erase(session, track)
            self.admission.forget(session)
            raise
        found = self.tracks.find(track)
        if found is None:
            raise UnknownTrackError("The track has just been deleted.")
        logs.info("track announced", track=track)
        permit = self.permits.permit(ids.upload_name(track), content_type, MAX_PICTURE_BYTES)
        return AnnouncedTrack(session, track, found[0].status, permit)


def authorised(sessions: Sessions, session: str, secret: str, *, even_closed: bool = False) -> Session:
    """Return the session that this secret commands; raise UnknownSessionError where there is none.

    With ``even_closed`` one that has expired or ended counts: what is left of it can always be deleted.
    """
    found = sessions.find(session) if ids.is_session_id(session) else None
    known = found is not None and ids.is_secret(secret, found.secret_hash)
    if found is None or not known or not (even_closed or (found.expires_at > datetime.now(UTC) and not found.ended)):
        raise UnknownSessionError("Start a new session and send its secret as 'Authorization: Bearer SECRET'.")
    return found


def requested(data: Mapping[str, Any]) -> Request:
    """Read a request; raise InvalidRequestError naming the first field that is wrong."""
    try:
        request = Request.from_mapping(data)
    except BriefError as error:
        raise InvalidRequestError(f"{error.field} {error.problem}.", field=error.field) from error
    if request.engine not in {None, *ENGINES}:
        raise InvalidRequestError(f"engine must be one of {', '.join(ENGINES)}.", field="engine")
    return request


def _content_type(body: Mapping[str, Any]) -> str:
    content_type, size = body.get("contentType"), body.get("bytes", 1)
    if content_type not in PICTURE_TYPES:
        raise UnsupportedTypeError(f"contentType must be one of {', '.join(PICTURE_TYPES)}.", field="contentType")
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise InvalidRequestError("bytes must be the picture's size, a whole number above 0.", field="bytes")
    if size > MAX_PICTURE_BYTES:
        raise TooManyBytesError(f"A picture may have at most {MAX_PICTURE_BYTES:,} bytes, not {size:,}.", field="bytes")
    return str(content_type)
