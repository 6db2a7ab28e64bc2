"""The session of dropped pictures: a secret has its id and its own secret, and a document the secret's hash."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from infra.rest.google import Google
from musicgenerator import ids

_LIFETIME: Final = timedelta(days=3650)


def new() -> str:
    """Return a new session as a JSON object with ``session`` and ``secret``."""
    return json.dumps({"session": ids.new_session_id(), "secret": ids.new_secret()})


def exists(google: Google, database: str, session: str) -> bool:
    """Return True if the session's document exists."""
    return google.find("firestore", f"{_documents(google, database)}/{session}") is not None


def write(google: Google, database: str, drop_session: dict[str, Any]) -> None:
    """Create the session's document."""
    now = datetime.now(UTC)
    fields = {
        "secretHash": {"stringValue": ids.secret_hash(drop_session["secret"])},
        "createdAt": {"timestampValue": now.isoformat()},
        "expiresAt": {"timestampValue": (now + _LIFETIME).isoformat()},
    }
    path = f"{_documents(google, database)}?documentId={drop_session['session']}"
    google.call("POST", "firestore", path, {"fields": fields})


def _documents(google: Google, database: str) -> str:
    return f"v1/projects/{google.project}/databases/{database}/documents/sessions"
