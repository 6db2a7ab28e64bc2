"""The operator's switch in Firestore, ``control/switch``: while it is on, nothing new is begun."""

from typing import Final

from google.cloud import firestore

_RPC_TIMEOUT_SECONDS: Final = 10.0


class FirestoreSwitch:
    """Pauses the whole system, and lets it go on."""

    def __init__(self, client: firestore.Client) -> None:
        """Use a client that lives as long as the instance does."""
        self._document = client.document("control", "switch")

    def is_paused(self) -> bool:
        """Say whether the operator has paused the system."""
        found = self._document.get(timeout=_RPC_TIMEOUT_SECONDS)
        return bool(found.exists and (found.to_dict() or {}).get("paused") is True)

    def turn(self, *, paused: bool) -> None:
        """Pause the system or let it go on; doing so twice changes nothing more."""
        self._document.set({"paused": paused, "changedAt": firestore.SERVER_TIMESTAMP}, timeout=_RPC_TIMEOUT_SECONDS)
