"""The breaker before the describer, in Firestore, so that all instances of the captioner stop together."""

from datetime import UTC, datetime, timedelta
from typing import Final

from google.cloud import firestore

_OPEN_FOR: Final = timedelta(minutes=10)
_RPC_TIMEOUT_SECONDS: Final = 15.0


class FirestoreBreaker:
    """Open while no call can succeed: no quota is left, or the key is refused."""

    def __init__(self, client: firestore.Client) -> None:
        """Use a client that lives as long as the instance does."""
        self._document = client.document("control", "describer")

    def is_open(self) -> bool:
        """Say whether the describer is to be spared; after ten minutes one call may try again."""
        found = self._document.get(timeout=_RPC_TIMEOUT_SECONDS)
        until = found.get("openUntil") if found.exists else None
        return until is not None and until > datetime.now(UTC)

    def open(self, reason: str) -> None:
        """Spare the describer for ten minutes; opening it again only makes that ten minutes from now."""
        self._document.set({"openUntil": datetime.now(UTC) + _OPEN_FOR, "reason": reason}, timeout=_RPC_TIMEOUT_SECONDS)

    def close(self) -> None:
        """Let calls through again; closing a closed breaker changes nothing."""
        self._document.delete(timeout=_RPC_TIMEOUT_SECONDS)
