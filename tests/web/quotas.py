"""Set a day's counters as if a limit had been reached."""

import hashlib
from datetime import UTC, datetime, timedelta

from tests.support.scenes import client

_SALT = "0" * 32


def use_up(session: str, tracks: int = 50) -> None:
    """Count ``tracks`` tracks for this session today; 50 is the limit."""
    now = datetime.now(UTC)
    today = client().document("limits", now.date().isoformat())
    found = today.get().to_dict()
    if found is None:
        today.set({"salt": _SALT, "expiresAt": now + timedelta(days=2)})
    salt = (found or {"salt": _SALT})["salt"]
    subject = hashlib.sha256(f"{salt}\0session {session}".encode()).hexdigest()
    counter = client().document("limits", f"{today.id}-{subject}")
    counter.set({"tracks": tracks, "expiresAt": now + timedelta(days=2)})
