"""What all instances of the launcher know of the regions' capacity, in Firestore: ``control/regions``."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from google.cloud import firestore

_RPC_TIMEOUT_SECONDS: Final = 15.0


class FirestoreRegions:
    """Remembers which regions refused a job; written at refusals, never at launches."""

    def __init__(self, client: firestore.Client) -> None:
        """Use a client that lives as long as the instance does."""
        self._document = client.document("control", "regions")

    def busy_until(self) -> Mapping[str, datetime]:
        """Return the regions that refused a job, and until when each is to be spared; that may be over."""
        return self._document.get(timeout=_RPC_TIMEOUT_SECONDS).to_dict() or {}

    def spare(self, region: str, until: datetime) -> None:
        """Have a region asked for no job until a moment.

        Merged, so that what is known of other regions stays; of two refusals at once either moment will do.
        """
        self._document.set({region: until}, merge=True, timeout=_RPC_TIMEOUT_SECONDS)
