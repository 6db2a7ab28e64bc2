"""Idempotency keys and daily limits: a repeated request gets the first one's answer, and each day has its quotas."""

import hashlib
import ipaddress
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, Protocol, Self

from problems import InvalidRequestError, KeyReusedError, LimitReachedError, UnknownTrackError

from musicgenerator import ids
from musicgenerator.counting import reserve_of
from musicgenerator.settings import TRACKS_A_DAY, whole_number

MIN_KEY_LENGTH: Final = 16
MAX_KEY_LENGTH: Final = 128

# One household usually has a whole /64 of IPv6 addresses, and one site or customer of a hoster a whole /48.
_IPV6_HOUSEHOLD: Final = 64
_IPV6_SITE: Final = 48
_SITE_FACTOR: Final = 2
# An IPv6 address without brackets has no port: it has more than one colon.
_WITH_PORT: Final = re.compile(r"\[(?P<ipv6>[^]]*)\](?::[0-9]+)?|(?P<ipv4>[0-9.]+):[0-9]+")

# The announcements of a session or address for each of its tracks: a track that ends before its upload is given back,
# its announcement is not.
_ANNOUNCEMENTS_FACTOR: Final = 5
# The marks of videos for each track: a person may make a track's video again, for example in another shape.
_MARKS_FACTOR: Final = 5
# The likes of a session or address for each of its tracks; only those that change a track count.
_LIKES_FACTOR: Final = 10
_SESSION_MOVES: Final = 20


@dataclass(frozen=True)
class Quota:
    """A daily limit of ``unit`` for ``subject``, or for everybody if it is ""; errors show ``words``.

    The last ``reserve`` of the limit are kept for others. A request needs ``number`` of it. A quota that does not count
    is only checked.
    """

    subject: str
    unit: str
    limit: int
    words: str
    reserve: int = 0
    counts: bool = True
    number: int = 1


@dataclass(frozen=True)
class Entry:
    """The record of one request: ``name`` is a hash of its key; an equal request gets the same ``details``.

    ``counted`` has the ids of the counters of session and address that count the request, twice if they count two
    takes. ``counted_for_all`` and ``twin_counted_for_all`` are everybody's counters of the first and the second take,
    empty if they do not count it. ``in_session`` says that the session must exist when the entry is written.
    """

    name: str
    session: str
    fingerprint: str
    details: Mapping[str, Any]
    expires_at: datetime
    counted: tuple[str, ...] = ()
    counted_for_all: str = ""
    twin_counted_for_all: str = ""
    in_session: bool = False


class Ledger(Protocol):
    """The store of entries and counters."""

    def enter(self, entry: Entry, quotas: Sequence[Quota]) -> Entry:
        """Write an entry and count it in one commit, or return the existing entry and count nothing.

        Raises LimitReachedError if a quota is used up, and UnknownSessionError if the session of an entry that is
        ``in_session`` has ended or is gone. Both write nothing.
        """

    def close(self, track: str) -> None:
        """Empty the details of the entries that created this track, so that an equal request creates no other."""

    def of_session(self, session: str) -> Sequence[Entry]: ...

    def of_source(self, track: str) -> Sequence[Entry]:
        """Return the entries of requests for exports of a track that have not been closed."""

    def erase(self, name: str) -> None: ...


@dataclass(frozen=True)
class Limits:
    """The limits for one UTC day; the next attempt of a track counts as a track.

    A site of IPv6, a /48, has twice the limits of an address.
    """

    session_tracks: int = 50
    address_tracks: int = 200
    tracks: int = TRACKS_A_DAY
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

    def of_track(self, session: str, address: str, takes: int = 1) -> list[Quota]:
        """Return the quotas of another track or attempt, which needs no further picture; each take counts."""
        quotas = [
            Quota("", "tracks", self.tracks, "tracks for everybody together", reserve_of(self.tracks)),
            *_of_address(address, "tracks", self.address_tracks),
            Quota(f"session {session}", "tracks", self.session_tracks, "tracks for one session"),
        ]
        return [replace(quota, number=takes) for quota in quotas]

    def of_announcement(self, session: str, address: str, takes: int = 1) -> list[Quota]:
        """Return the quotas of an announced track: it counts for everybody only when its picture arrives.

        Each take counts as a track. An announcement counts once, and stays counted even if its track is given back.
        """
        everybody, *others = self.of_track(session, address, takes)
        announcements = [
            *_of_address(address, "announcements", self.address_tracks * _ANNOUNCEMENTS_FACTOR),
            Quota(
                f"session {session}",
                "announcements",
                self.session_tracks * _ANNOUNCEMENTS_FACTOR,
                "announcements for one session",
            ),
        ]
        return [replace(everybody, counts=False), *others, *announcements]

    def of_mark(self, session: str, address: str) -> list[Quota]:
        """Return the quotas of the mark of a video."""
        return [
            *_of_address(address, "marks", self.address_tracks * _MARKS_FACTOR),
            Quota(f"session {session}", "marks", self.session_tracks * _MARKS_FACTOR, "marks for one session"),
        ]

    def of_session(self, address: str) -> list[Quota]:
        """Return the quotas of a new session."""
        return _of_address(address, "sessions", self.address_sessions)

    def of_like(self, session: str, address: str) -> list[Quota]:
        """Return the quotas of a like that changes a track."""
        most = self.session_tracks * _LIKES_FACTOR
        return [
            *_of_address(address, "likes", self.address_tracks * _LIKES_FACTOR),
            Quota(f"session {session}", "likes", most, "likes for one session"),
        ]

    def of_move(self, session: str, address: str) -> list[Quota]:
        """Return the quotas of a code that moves a session."""
        return [
            *_of_address(address, "moves", self.address_sessions),
            Quota(f"session {session}", "moves", _SESSION_MOVES, "moves for one session"),
        ]

    def of_claim(self, address: str) -> list[Quota]:
        """Return the quotas of a claim, whether its code is right or not."""
        return _of_address(address, "claims", self.address_sessions)


@dataclass(frozen=True)
class Particulars:
    """What an entry stores besides the request's hashes; an equal request gets the same ``details``.

    ``in_session`` is False if the session does not exist yet, or if there is none.
    """

    session: str
    expires_at: datetime
    details: Mapping[str, Any]
    in_session: bool = True


@dataclass(frozen=True)
class Admitted:
    """The details of an admitted request, and the counters that count it, as in its entry."""

    details: Mapping[str, Any]
    counted: tuple[str, ...] = ()
    counted_for_all: str = ""
    twin_counted_for_all: str = ""


@dataclass(frozen=True)
class Admission:
    """Admits each request once. Only sessions for which ``has_music`` is true may use the reserve of a quota."""

    ledger: Ledger
    limits: Limits
    has_music: Callable[[str], bool]

    def admit(
        self,
        command: Sequence[str],
        body: Mapping[str, Any],
        key: str | None,
        entry: Particulars,
        quotas: Sequence[Quota] = (),
    ) -> Admitted:
        """Return the entry's details, or those of the first request if this one repeats it.

        A key is unique within ``command``. A repeated request is not counted again.
        Raises KeyReusedError if the key was used with another body, LimitReachedError, and UnknownSessionError if the
        session's deletion has begun.
        """
        # The fingerprint reads the body, so that an invalid one is refused in every case.
        fingerprint = _hash(json.dumps(dict(body), sort_keys=True))
        if key is not None:
            check_key(key)
        elif not quotas:
            return Admitted(entry.details)
        name = _hash("key", *command, key) if key is not None else _hash("once", ids.new_secret())
        new = Entry(name, entry.session, fingerprint, entry.details, entry.expires_at, in_session=entry.in_session)
        entered = self._enter(new, quotas)
        if entered.fingerprint != fingerprint:
            raise KeyReusedError("Send another Idempotency-Key with another body.")
        return Admitted(entered.details, entered.counted, entered.counted_for_all, entered.twin_counted_for_all)

    def _enter(self, entry: Entry, quotas: Sequence[Quota]) -> Entry:
        try:
            return self.ledger.enter(entry, quotas)
        except LimitReachedError:
            if not any(quota.reserve for quota in quotas) or not self.has_music(entry.session):
                raise
            return self.ledger.enter(entry, [replace(quota, reserve=0) for quota in quotas])

    def knows(self, session: str) -> bool:
        """Return whether a session has an entry, as each one has from its opening to its deletion."""
        return bool(self.ledger.of_session(session))

    def forget(self, session: str) -> None:
        """Erase all entries of a session."""
        for entry in self.ledger.of_session(session):
            self.ledger.erase(entry.name)


def new_track() -> dict[str, str]:
    """Return the details of a request that creates a track: a new track id and results token."""
    return {"track": ids.new_track_id(), "token": ids.new_results_token()}


def made_track(admitted: Admitted) -> tuple[str, str]:
    """Return the track id and results token of a request; raise UnknownTrackError if the track was deleted."""
    if "track" not in admitted.details:
        raise UnknownTrackError("The track that this request created has been deleted: send another Idempotency-Key.")
    return admitted.details["track"], admitted.details["token"]


def limit_reached(quota: Quota, now: datetime, left: int = 0) -> LimitReachedError:
    """Return the problem for a quota of which ``left`` is left; Retry-After is the seconds until the next UTC day."""
    midnight = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
    advice = "Ask for one take, or try again" if left > 0 else "Try again"
    only = f", and only {left} is left for two takes" if left > 0 else ""
    return LimitReachedError(
        f"The limit is {quota.limit} {quota.words} in a UTC day{only}. {advice} after midnight UTC.",
        headers={"Retry-After": str(max(1, round((midnight - now).total_seconds())))},
    )


def check_key(key: str) -> None:
    """Raise InvalidRequestError for a key that is short enough to guess, or too long."""
    if not MIN_KEY_LENGTH <= len(key) <= MAX_KEY_LENGTH:
        raise InvalidRequestError(
            f"An Idempotency-Key has {MIN_KEY_LENGTH} to {MAX_KEY_LENGTH} characters: send a fresh UUID.",
            field="Idempotency-Key",
        )


def _of_address(address: str, unit: str, limit: int) -> list[Quota]:
    """Return the quotas of a client's address and, for IPv6, of its site."""
    try:
        parsed = ipaddress.ip_address(_without_port(address))
    except ValueError:
        return [_of_network("unknown", unit, limit)]
    if isinstance(parsed, ipaddress.IPv4Address):
        return [_of_network(str(parsed), unit, limit)]
    if parsed.ipv4_mapped:
        return [_of_network(str(parsed.ipv4_mapped), unit, limit)]
    household, site = (
        str(ipaddress.IPv6Network((int(parsed), length), strict=False)) for length in (_IPV6_HOUSEHOLD, _IPV6_SITE)
    )
    return [_of_network(household, unit, limit), _of_network(site, unit, limit * _SITE_FACTOR)]


def _without_port(address: str) -> str:
    """Return an address without the port that some proxies append: `192.0.2.1:5678`, `[2001:db8::1]:5678`."""
    match = _WITH_PORT.fullmatch(address)
    return (match["ipv6"] or match["ipv4"]) if match else address


def _of_network(network: str, unit: str, limit: int) -> Quota:
    return Quota(f"address {network}", unit, limit, f"{unit} for one network address")


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()
