"""Sessions in Firestore: ``sessions/{session}``."""

from contextlib import suppress
from typing import Any, Final

from google.api_core import exceptions
from google.cloud import firestore
from ports import Session

_RPC_TIMEOUT_SECONDS: Final = 15.0


class FirestoreSessions:
    def __init__(self, client: firestore.Client) -> None:
        self._client = client

    def create(self, session: Session) -> None:
        """Write a new session, or leave the existing one, which an equal request has written."""
        document = {
            "secretHash": session.secret_hash,
            "createdAt": firestore.SERVER_TIMESTAMP,
            "expiresAt": session.expires_at,
        }
        try:
            self._session(session.session).create(document, timeout=_RPC_TIMEOUT_SECONDS)
        except exceptions.AlreadyExists:
            return

    def find(self, session: str) -> Session | None:
        """Return a session, or None if it does not exist."""
        found = self._session(session).get(timeout=_RPC_TIMEOUT_SECONDS).to_dict()
        if found is None:
            return None
        return Session(session, found["secretHash"], found["expiresAt"], ended="endedAt" in found)

    def end(self, session: str) -> None:
        """Mark a session as ended; ending it again changes only the time."""
        # Keep ``expiresAt``: if the TTL policy deleted the secret's hash earlier, no request could delete the rest.
        with suppress(exceptions.NotFound):
            self._session(session).update({"endedAt": firestore.SERVER_TIMESTAMP}, timeout=_RPC_TIMEOUT_SECONDS)

    def erase(self, session: str) -> None:
        """Delete a session; deleting it again changes nothing."""
        self._session(session).delete(timeout=_RPC_TIMEOUT_SECONDS)

    def _session(self, session: str) -> Any:
        return self._client.document("sessions", session)
