"""The operator's switch in Firestore, ``control/switch``: while it is paused, no new work starts."""

from typing import Final

from google.cloud import firestore

_RPC_TIMEOUT_SECONDS: Final = 10.0


class FirestoreSwitch:
    """Pauses and resumes the whole installation."""

    def __init__(self, client: firestore.Client) -> None:
        self._document = client.document("control", "switch")

    def is_paused(self) -> bool:
        """Return whether the operator has paused the installation."""
        found = self._document.get(timeout=_RPC_TIMEOUT_SECONDS)
        return bool(found.exists and (found.to_dict() or {}).get("paused") is True)

    def turn(self, *, paused: bool) -> None:
        """Pause or resume; repeating it changes only ``changedAt``."""
        self._document.set({"paused": paused, "changedAt": firestore.SERVER_TIMESTAMP}, timeout=_RPC_TIMEOUT_SECONDS)
