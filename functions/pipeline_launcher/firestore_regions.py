"""The regions that refused a job, in the Firestore document ``control/regions``, which all launchers share."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from google.cloud import firestore

_RPC_TIMEOUT_SECONDS: Final = 15.0


class FirestoreRegions:
    """Remembers which regions refused a job; written only after a refusal."""

    def __init__(self, client: firestore.Client) -> None:
        self._document = client.document("control", "regions")

    def busy_until(self) -> Mapping[str, datetime]:
        """Return each region that refused a job and the moment until which to avoid it, which may be past."""
        return self._document.get(timeout=_RPC_TIMEOUT_SECONDS).to_dict() or {}

    def spare(self, region: str, until: datetime) -> None:
        """Avoid a region until a moment.

        The write merges, so other regions keep their moments; of two concurrent refusals, either moment is fine.
        """
        self._document.set({region: until}, merge=True, timeout=_RPC_TIMEOUT_SECONDS)
