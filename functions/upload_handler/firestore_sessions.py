"""Sessions in Firestore: ``sessions/{session}``, and the idempotency keys that made some of them."""

from datetime import datetime
from typing import Any, Final

from google.api_core import exceptions
from google.cloud import firestore
from uploading import Session

_SECONDS: Final = 15.0


class FirestoreSessions:
    """Who may command what."""

    def __init__(self, client: firestore.Client) -> None:
        """Use a client that lives as long as the instance does."""
        self._client = client

    def create(self, session: Session) -> None:
        """Write a new session; its id is random, so there is none to overwrite."""
        self._session(session.session).set(_document(session), timeout=_SECONDS)

    def create_once(self, key_hash: str, fingerprint: str, salt: str, session: Session) -> tuple[str, str, datetime]:
        """Write a new session under an idempotency key unless the key has been used.

        Returns the fingerprint, salt and expiry that the key stands for: these, or those of its first use.
        """
        key = self._client.document("idempotency", key_hash)
        record: dict[str, Any] = {"fingerprint": fingerprint, "salt": salt, "expiresAt": session.expires_at}
        batch = self._client.batch()
        batch.create(key, record)
        batch.create(self._session(session.session), _document(session))
        try:
            batch.commit(timeout=_SECONDS)
        except exceptions.AlreadyExists:
            # Of two requests with one key the second reads what the first one wrote, and derives the same session.
            record = key.get(timeout=_SECONDS).to_dict() or {}
        return record["fingerprint"], record["salt"], record["expiresAt"]

    def find(self, session: str) -> Session | None:
        """Return a session, or None where there is none."""
        found = self._session(session).get(timeout=_SECONDS)
        return Session(session, found.get("secretHash"), found.get("expiresAt")) if found.exists else None

    def _session(self, session: str) -> Any:
        return self._client.document("sessions", session)


def _document(session: Session) -> dict[str, Any]:
    return {
        "secretHash": session.secret_hash,
        "createdAt": firestore.SERVER_TIMESTAMP,
        "expiresAt": session.expires_at,
    }
