"""The states of a track and the only order in which it may pass through them."""

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
