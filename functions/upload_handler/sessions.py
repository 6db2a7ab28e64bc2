"""Open a session, and check the secret of a command."""

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
        """Create a session; the same idempotency key and body return the same session again.

        ``address`` is the client's IP address, by which new sessions are counted; empty if unknown.
        """
        expires_at = datetime.now(UTC) + timedelta(days=self.days)
        salt, seed = ids.new_secret(), key or ids.new_secret()
        session, _ = ids.derived_session(salt, seed)
        # Store the time as text: a store may round a timestamp, and a repeated request must get the same answer.
        details = {"salt": salt, "expiresAt": expires_at.isoformat()}
        admitted = self.admission.admit(
            ("open",), body, key, Particulars(session, expires_at, details), self.admission.limits.of_session(address)
        )
        session, secret = ids.derived_session(admitted.details["salt"], seed)
        opened = OpenedSession(session, secret, datetime.fromisoformat(admitted.details["expiresAt"]))
        # Session and secret derive from the ledger's entry, so a repeated request writes the same document.
        self.sessions.create(Session(session, ids.secret_hash(secret), opened.expires_at))
        return opened


def authorised(sessions: Sessions, session: str, secret: str, *, even_closed: bool = False) -> Session:
    """Return the session if the secret belongs to it; raise UnknownSessionError otherwise.

    ``even_closed`` accepts an expired or ended session, whose remaining data can always be deleted.
    """
    found = sessions.find(session) if ids.is_session_id(session) else None
    is_known = found is not None and ids.is_secret(secret, found.secret_hash)
    if found is None or not is_known or not (even_closed or (found.expires_at > datetime.now(UTC) and not found.ended)):
        raise UnknownSessionError("Start a new session and send its secret as 'Authorization: Bearer SECRET'.")
    return found
