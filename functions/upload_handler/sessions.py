"""Open a session, and check the secret of a command."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from admitting import Admission, Particulars, check_key
from ports import Session, Sessions
from problems import KeyReusedError, unknown_session

from musicgenerator import ids

_REPLAY_FOR: Final = timedelta(minutes=10)
_MIN_KEY_BITS: Final = 48


@dataclass(frozen=True)
class OpenedSession:
    """A new session as it is sent to the person; its secret is never sent again."""

    session: str
    secret: str
    expires_at: datetime


@dataclass(frozen=True)
class SessionOpener:
    """Opens sessions that expire after ``days``."""

    sessions: Sessions
    days: int
    admission: Admission

    def open_session(self, body: Mapping[str, Any], key: str | None, address: str = "") -> OpenedSession:
        """Create a session; for ten minutes the same idempotency key and body return the same session again.

        Who knows the key gets the session's secret. So a key that could be guessed is ignored: each request with it
        opens another session. ``address`` is the client's IP address, by which new sessions are counted; empty if
        unknown.
        Raises KeyReusedError for a key that is older.
        """
        now = datetime.now(UTC)
        if key is not None:
            check_key(key)
            key = key if looks_random(key) else None
        expires_at = now + timedelta(days=self.days)
        salt, seed = ids.new_secret(), key or ids.new_secret()
        session, _ = ids.derived_session(salt, seed)
        # Store the time as text: a store may round a timestamp, and a repeated request must get the same answer.
        details = {"salt": salt, "expiresAt": expires_at.isoformat(), "openedAt": now.isoformat()}
        admitted = self.admission.admit(
            ("open",),
            body,
            key,
            Particulars(session, expires_at, details, in_session=False),
            self.admission.limits.of_session(address),
        )
        # An entry of an older version has no time: its session can no longer be replayed.
        opened_at = admitted.details.get("openedAt")
        if opened_at is None or now - datetime.fromisoformat(opened_at) > _REPLAY_FOR:
            raise KeyReusedError("This Idempotency-Key has opened a session more than ten minutes ago: send another.")
        session, secret = ids.derived_session(admitted.details["salt"], seed)
        opened = OpenedSession(session, secret, datetime.fromisoformat(admitted.details["expiresAt"]))
        # Session and secret derive from the ledger's entry, so a repeated request writes the same document.
        self.sessions.create(Session(session, ids.secret_hash(secret), opened.expires_at))
        if admitted.details["salt"] != salt and not self.admission.knows(session):
            # The session was deleted after the entry was read, and its document may just have been created again.
            self.sessions.erase(session)
            raise KeyReusedError("The session that this Idempotency-Key has opened has been deleted: send another.")
        return opened


def authorised(sessions: Sessions, session: str, secret: str, *, even_closed: bool = False) -> Session:
    """Return the session if the secret belongs to it; raise UnknownSessionError otherwise.

    ``even_closed`` accepts an expired or ended session, whose remaining data can always be deleted.
    """
    found = sessions.find(session) if ids.is_session_id(session) else None
    is_known = found is not None and ids.is_secret(secret, found.secret_hash)
    if found is None or not is_known or not (even_closed or (found.expires_at > datetime.now(UTC) and not found.ended)):
        raise unknown_session()
    return found


def looks_random(key: str) -> bool:
    """Say whether a key looks like a UUID or a token: letters and digits with many different steps between them."""
    steps = [ord(after) - ord(before) for before, after in pairwise(key)]
    is_mixed = re.search("[A-Za-z]", key) is not None and re.search("[0-9]", key) is not None
    return is_mixed and min(_bits(key), _bits(steps)) >= _MIN_KEY_BITS


def _bits(symbols: Sequence[object]) -> float:
    """Return the entropy of these symbols, as if each were drawn by its frequency among them."""
    counts = Counter(symbols).values()
    return -sum(count * math.log2(count / len(symbols)) for count in counts)
