"""The states of a track and the only order in which it may pass through them."""

from datetime import timedelta
from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """Where a track stands; the words are what clients read in Firestore."""

    AWAITING_UPLOAD = "awaiting_upload"
    CAPTIONING = "captioning"
    CAPTIONED = "captioned"
    LAUNCHING = "launching"
    COMPOSING = "composing"
    READY = "ready"
    FAILED = "failed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"

    @property
    def rank(self) -> int:
        """How far along the way this state is; the four final states share the last rank."""
        return _RANKS[self]

    @property
    def is_final(self) -> bool:
        """Whether nothing follows this state within the same attempt."""
        return self in FINAL

    def may_become(self, other: "Status") -> bool:
        """Say whether a track in this state may pass into the other: forwards only, and never out of a final one."""
        return not self.is_final and other.rank > self.rank


FINAL: Final = frozenset({Status.READY, Status.FAILED, Status.REJECTED, Status.CANCELLED})

_RANKS: Final = {status: min(position, list(Status).index(Status.READY)) for position, status in enumerate(Status)}

# How long a track may rest in a state before somebody looks whether its event was lost.
# Each is longer than the state's work takes, since looking costs a message.
PATIENCE: Final = {
    Status.AWAITING_UPLOAD: timedelta(hours=1),  # the permission to begin an upload ends after ten minutes
    Status.CAPTIONING: timedelta(minutes=4),
    Status.CAPTIONED: timedelta(minutes=2),
    Status.LAUNCHING: timedelta(minutes=2),
    Status.COMPOSING: timedelta(minutes=10),
}
PARKED_PATIENCE: Final = timedelta(minutes=15)
