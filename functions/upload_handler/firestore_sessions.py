"""Sessions in Firestore: ``sessions/{session}``."""

from contextlib import suppress
from typing import Any, Final

from google.api_core import exceptions
from google.cloud import firestore
from ports import Session

_RPC_TIMEOUT_SECONDS: Final = 15.0


class FirestoreSessions:
    """Who may command what."""

    def __init__(self, client: firestore.Client) -> None:
        """Use a client that lives as long as the instance does."""
        self._client = client

    def create(self, session: Session) -> None:
        """Write a new session, or leave the one that is there: an equal request has made it."""
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
        """Return a session, or None where there is none."""
        found = self._session(session).get(timeout=_RPC_TIMEOUT_SECONDS).to_dict()
        if found is None:
            return None
        return Session(session, found["secretHash"], found["expiresAt"], ended="endedAt" in found)

    def end(self, session: str) -> None:
        """End a session, so that it takes no further command but deletions and nobody reads it."""
        # Its expiry stays: Firestore's TTL would take the secret with which the rest can be deleted.
        with suppress(exceptions.NotFound):
            self._session(session).update({"endedAt": firestore.SERVER_TIMESTAMP}, timeout=_RPC_TIMEOUT_SECONDS)

    def erase(self, session: str) -> None:
        """Delete a session; a second time there is nothing left to delete."""
        self._session(session).delete(timeout=_RPC_TIMEOUT_SECONDS)

    def _session(self, session: str) -> Any:
        return self._client.document("sessions", session)
