"""Sessions, announced tracks and the permission to upload exactly one picture for each."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from problems import (
    InvalidRequestError,
    KeyReusedError,
    TooManyBytesError,
    UnknownSessionError,
    UnsupportedTypeError,
)

from musicgenerator import ids, logs
from musicgenerator.errors import BriefError
from musicgenerator.states import Status
from musicgenerator.tracks import CONTENT_TYPES, PICTURE_BYTES_AT_MOST, Request, Track, Work

KEY_AT_LEAST: Final = 16
KEY_AT_MOST: Final = 128


@dataclass(frozen=True)
class Session:
    """A session as it is stored: its secret only as a hash."""

    session: str
    secret_hash: str
    expires_at: datetime


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
        """Write a new session."""
        ...

    def create_once(self, key_hash: str, fingerprint: str, salt: str, session: Session) -> tuple[str, str, datetime]:
        """Write a new session under an idempotency key unless the key has been used.

        Returns the fingerprint, salt and expiry that the key stands for: these, or those of its first use.
        """
        ...

    def find(self, session: str) -> Session | None:
        """Return a session, or None."""
        ...


class Tracks(Protocol):
    """The truth about every track."""

    def create(self, track: Track, work: Work, expires_at: datetime) -> None:
        """Write a new track, or leave the one that is there."""
        ...

    def find(self, track: str) -> tuple[Track, Work] | None:
        """Return a track and its work, or None."""
        ...


class Permits(Protocol):
    """Who signs uploads."""

    def permit(self, name: str, content_type: str, bytes_at_most: int) -> Permit:
        """Return the permission to create just this object."""
        ...


@dataclass(frozen=True)
class Uploads:
    """The commands that end in an upload."""

    sessions: Sessions
    tracks: Tracks
    permits: Permits
    sessions_live: timedelta

    def open_session(self, body: Mapping[str, Any], key: str | None) -> OpenedSession:
        """Make a session; the same idempotency key and body give the same session again."""
        expires_at = datetime.now(UTC) + self.sessions_live
        if key is None:
            opened = OpenedSession(ids.new_session_id(), ids.new_secret(), expires_at)
            self.sessions.create(_stored(opened))
            return opened
        _check_key(key)
        salt, fingerprint = ids.new_secret(), _fingerprint(body)
        new = OpenedSession(*ids.derived_session(salt, key), expires_at)
        used, salt, expires_at = self.sessions.create_once(ids.secret_hash(key), fingerprint, salt, _stored(new))
        if used != fingerprint:
            raise KeyReusedError("Send another Idempotency-Key with another body.")
        return OpenedSession(*ids.derived_session(salt, key), expires_at)

    def announce_track(self, session: str, secret: str, body: Mapping[str, Any], key: str | None) -> AnnouncedTrack:
        """Make a track that waits for its picture, and sign the upload of that picture.

        A repeated request finds the track that the first one made and gets a freshly signed upload for it.
        """
        owner = self._authorised(session, secret)
        request = _request(body)
        content_type = _content_type(body)
        if key is not None:
            _check_key(key)
        track = ids.derived_track_id("key", session, key) if key else ids.new_track_id()
        fingerprint = _fingerprint(body)
        self.tracks.create(
            Track(session, track, Status.AWAITING_UPLOAD, 1, request),
            Work(token=ids.new_results_token(), fingerprint=fingerprint),
            owner.expires_at,
        )
        found = self.tracks.find(track)
        if found is None or found[1].fingerprint != fingerprint:
            raise KeyReusedError("Send another Idempotency-Key with another body.")
        logs.info("track announced", track=track)
        permit = self.permits.permit(ids.upload_name(track), content_type, PICTURE_BYTES_AT_MOST)
        return AnnouncedTrack(session, track, found[0].status, permit)

    def _authorised(self, session: str, secret: str) -> Session:
        found = self.sessions.find(session) if ids.is_session_id(session) else None
        known = found is not None and ids.is_secret(secret, found.secret_hash)
        if found is None or not known or found.expires_at <= datetime.now(UTC):
            raise UnknownSessionError("Start a new session and send its secret as 'Authorization: Bearer SECRET'.")
        return found


def _stored(opened: OpenedSession) -> Session:
    return Session(opened.session, ids.secret_hash(opened.secret), opened.expires_at)


def _fingerprint(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _check_key(key: str) -> None:
    if not KEY_AT_LEAST <= len(key) <= KEY_AT_MOST:
        raise InvalidRequestError(
            f"An Idempotency-Key has {KEY_AT_LEAST} to {KEY_AT_MOST} characters: send a fresh UUID.",
            field="Idempotency-Key",
        )


def _request(body: Mapping[str, Any]) -> Request:
    try:
        return Request.from_mapping(body)
    except BriefError as error:
        raise InvalidRequestError(f"{error.field} {error.problem}.", field=error.field) from error


def _content_type(body: Mapping[str, Any]) -> str:
    content_type, size = body.get("contentType"), body.get("bytes", 1)
    if content_type not in CONTENT_TYPES:
        raise UnsupportedTypeError(f"contentType must be one of {', '.join(CONTENT_TYPES)}.", field="contentType")
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise InvalidRequestError("bytes must be the picture's size, a whole number above 0.", field="bytes")
    if size > PICTURE_BYTES_AT_MOST:
        raise TooManyBytesError(
            f"A picture may have at most {PICTURE_BYTES_AT_MOST:,} bytes, not {size:,}.", field="bytes"
        )
    return str(content_type)
