"""Idempotency keys and daily limits: a repeated request gets the first one's answer, and each day has its quotas."""

import hashlib
import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, Protocol, Self

from problems import InvalidRequestError, KeyReusedError, LimitReachedError, UnknownTrackError

from musicgenerator import ids
from musicgenerator.settings import whole_number

MIN_KEY_LENGTH: Final = 16
MAX_KEY_LENGTH: Final = 128

_IPV6_NETWORK: Final = 64


@dataclass(frozen=True)
class Quota:
    """A daily limit of ``unit`` for ``subject``, or for everybody if it is ""; errors show ``words``."""

    subject: str
    unit: str
    limit: int
    words: str


@dataclass(frozen=True)
class Entry:
    """The record of one request: ``name`` is a hash of its key; an equal request gets the same ``details``."""

    name: str
    session: str
    fingerprint: str
    details: Mapping[str, Any]
    expires_at: datetime


class Ledger(Protocol):
    """The store of entries and counters."""

    def enter(self, entry: Entry, quotas: Sequence[Quota]) -> Entry:
        """Write an entry and count it in one commit, or return the existing entry and count nothing.

        Raises LimitReachedError, and writes nothing, if a quota is used up.
        """

    def close(self, track: str) -> None:
        """Empty the details of the entries that created this track, so that an equal request creates no other."""

    def of_session(self, session: str) -> Sequence[Entry]: ...

    def erase(self, name: str) -> None: ...


@dataclass(frozen=True)
class Limits:
    """The limits for one UTC day; the next attempt of a track counts as a track."""

    session_tracks: int = 50
    address_tracks: int = 200
    tracks: int = 1000
    address_sessions: int = 100

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the environment; raise SettingInvalidError naming a variable that is not an integer."""
        return cls(
            session_tracks=whole_number(environ, "SESSION_TRACKS_A_DAY", cls.session_tracks),
            address_tracks=whole_number(environ, "ADDRESS_TRACKS_A_DAY", cls.address_tracks),
            tracks=whole_number(environ, "TRACKS_A_DAY", cls.tracks),
            address_sessions=whole_number(environ, "ADDRESS_SESSIONS_A_DAY", cls.address_sessions),
        )

    def of_track(self, session: str, address: str) -> list[Quota]:
        """Return the quotas of a new track or attempt."""
        return [
            Quota("", "tracks", self.tracks, "tracks for everybody together"),
            Quota(f"address {_network(address)}", "tracks", self.address_tracks, "tracks for one network address"),
            Quota(f"session {session}", "tracks", self.session_tracks, "tracks for one session"),
        ]

    def of_session(self, address: str) -> list[Quota]:
        """Return the quotas of a new session."""
        words = "sessions for one network address"
        return [Quota(f"address {_network(address)}", "sessions", self.address_sessions, words)]


@dataclass(frozen=True)
class Particulars:
    """What an entry stores besides the request's hashes; an equal request gets the same ``details``."""

    session: str
    expires_at: datetime
    details: Mapping[str, Any]


@dataclass(frozen=True)
class Admission:
    """Admits each request once."""

    ledger: Ledger
    limits: Limits

    def admit(
        self,
        command: Sequence[str],
        body: Mapping[str, Any],
        key: str | None,
        entry: Particulars,
        quotas: Sequence[Quota] = (),
    ) -> Mapping[str, Any]:
        """Return the entry's details, or those of the first request if this one repeats it.

        A key is unique within ``command``. A repeated request is not counted again.
        Raises KeyReusedError if the key was used with another body, and LimitReachedError.
        """
        if key is not None:
            _check_key(key)
        elif not quotas:
            return entry.details
        name = _hash("key", *command, key) if key is not None else _hash("once", ids.new_secret())
        fingerprint = _hash(json.dumps(body, sort_keys=True))
        entered = self.ledger.enter(Entry(name, entry.session, fingerprint, entry.details, entry.expires_at), quotas)
        if entered.fingerprint != fingerprint:
            raise KeyReusedError("Send another Idempotency-Key with another body.")
        return entered.details

    def forget(self, session: str) -> None:
        """Erase all entries of a session."""
        for entry in self.ledger.of_session(session):
            self.ledger.erase(entry.name)


def new_track() -> dict[str, str]:
    """Return the details of a request that creates a track: a new track id and results token."""
    return {"track": ids.new_track_id(), "token": ids.new_results_token()}


def made_track(details: Mapping[str, Any]) -> tuple[str, str]:
    """Return the track id and results token in an entry's details; raise UnknownTrackError if the track was deleted."""
    if "track" not in details:
        raise UnknownTrackError("The track that this request created has been deleted: send another Idempotency-Key.")
    return details["track"], details["token"]


def limit_reached(quota: Quota, now: datetime) -> LimitReachedError:
    """Return the problem for a used up quota; its Retry-After is the seconds until the next UTC day."""
    midnight = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
    return LimitReachedError(
        f"The limit is {quota.limit} {quota.words} in a UTC day. Try again after midnight UTC.",
        headers={"Retry-After": str(max(1, round((midnight - now).total_seconds())))},
    )


def _check_key(key: str) -> None:
    """Raise InvalidRequestError for a key that is short enough to guess, or too long."""
    if not MIN_KEY_LENGTH <= len(key) <= MAX_KEY_LENGTH:
        raise InvalidRequestError(
            f"An Idempotency-Key has {MIN_KEY_LENGTH} to {MAX_KEY_LENGTH} characters: send a fresh UUID.",
            field="Idempotency-Key",
        )


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv4Address) or parsed.ipv4_mapped:
        return str(parsed)
    # One household usually has a whole /64 of IPv6 addresses.
    return str(ipaddress.IPv6Network((int(parsed), _IPV6_NETWORK), strict=False))


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()
