"""The describer's circuit breaker: one Firestore document, so that all instances of the captioner stop together."""

from datetime import UTC, datetime, timedelta
from typing import Final

from google.cloud import firestore

_OPEN_FOR: Final = timedelta(minutes=10)
_RPC_TIMEOUT_SECONDS: Final = 15.0


class FirestoreBreaker:
    """A breaker that is open while every call fails, because the quota is used up or the key is refused."""

    def __init__(self, client: firestore.Client) -> None:
        self._document = client.document("control", "describer")

    def is_open(self) -> bool:
        """Return whether to skip the describer; the breaker closes ten minutes after the last `open`."""
        found = self._document.get(timeout=_RPC_TIMEOUT_SECONDS)
        until = found.get("openUntil") if found.exists else None
        return until is not None and until > datetime.now(UTC)

    def open(self, reason: str) -> None:
        """Skip the describer for ten minutes from now."""
        # Two instances may open it at once: the later write only extends the time.
        self._document.set({"openUntil": datetime.now(UTC) + _OPEN_FOR, "reason": reason}, timeout=_RPC_TIMEOUT_SECONDS)

    def close(self) -> None:
        """Allow calls to the describer again; closing a closed breaker does nothing."""
        self._document.delete(timeout=_RPC_TIMEOUT_SECONDS)
