"""The operator's switch in Firestore, ``control/switch``: while it is paused, no new work starts."""

from datetime import datetime
from typing import Final

from google.cloud import firestore

_RPC_TIMEOUT_SECONDS: Final = 10.0


class FirestoreSwitch:
    """Pauses and resumes the whole installation."""

    def __init__(self, client: firestore.Client) -> None:
        self._document = client.document("control", "switch")

    def is_paused(self) -> bool:
        """Return whether the operator has paused the installation."""
        return self.state()[0]

    def state(self) -> tuple[bool, datetime | None]:
        """Return whether the installation is paused, and since when it is or is not, if the document knows it."""
        found = self._document.get(timeout=_RPC_TIMEOUT_SECONDS).to_dict() or {}
        changed = found.get("changedAt")
        return found.get("paused") is True, changed if isinstance(changed, datetime) else None

    def turn(self, *, paused: bool) -> None:
        """Pause or resume; repeating a pause changes nothing, so ``changedAt`` is its beginning."""
        if paused and self.is_paused():
            return
        self._document.set({"paused": paused, "changedAt": firestore.SERVER_TIMESTAMP}, timeout=_RPC_TIMEOUT_SECONDS)
