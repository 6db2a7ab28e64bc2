"""Sessions: open one, and check the secret that commands it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from admitting import Admission, Particulars
from ports import Session, Sessions
from problems import UnknownSessionError

from musicgenerator import ids


@dataclass(frozen=True)
class OpenedSession:
    """A new session as the person gets it: the only time that the secret is sent."""

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
        """Create a session; the same idempotency key and body return the same session again.

        ``address`` is the network address that sessions are counted by, empty if it is unknown.
        """
        expires_at = datetime.now(UTC) + timedelta(days=self.days)
        salt, seed = ids.new_secret(), key or ids.new_secret()
        session, _ = ids.derived_session(salt, seed)
        # The expiry is kept as text, which no store rounds: a repeated request gets exactly the same one.
        details = {"salt": salt, "expiresAt": expires_at.isoformat()}
        admitted = self.admission.admit(
            ("open",), body, key, Particulars(session, expires_at, details), self.admission.limits.of_session(address)
        )
        session, secret = ids.derived_session(admitted["salt"], seed)
        opened = OpenedSession(session, secret, datetime.fromisoformat(admitted["expiresAt"]))
        # Session and secret derive from the ledger's entry, so a request repeated after a crash writes the same ones.
        self.sessions.create(Session(session, ids.secret_hash(secret), opened.expires_at))
        return opened


def authorised(sessions: Sessions, session: str, secret: str, *, even_closed: bool = False) -> Session:
    """Return the session if the secret is its own; raise UnknownSessionError otherwise.

    With ``even_closed``, an expired or ended session counts too: what is left of it can always be deleted.
    """
    found = sessions.find(session) if ids.is_session_id(session) else None
    known = found is not None and ids.is_secret(secret, found.secret_hash)
    if found is None or not known or not (even_closed or (found.expires_at > datetime.now(UTC) and not found.ended)):
        raise UnknownSessionError("Start a new session and send its secret as 'Authorization: Bearer SECRET'.")
    return found
