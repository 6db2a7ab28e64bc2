"""The states of a track and their order."""

from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """The state of a track, as clients read it in Firestore."""

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
        """The position of this state; the four final states share the last one."""
        return _RANKS[self]

    @property
    def is_final(self) -> bool:
        """Whether the attempt ends in this state."""
        return self in FINAL

    def may_become(self, other: "Status") -> bool:
        """Say whether the other state may follow within an attempt: only forwards, and never after a final state."""
        return not self.is_final and other.rank > self.rank


FINAL: Final = frozenset({Status.READY, Status.FAILED, Status.REJECTED, Status.CANCELLED})

_RANKS: Final = {status: min(position, list(Status).index(Status.READY)) for position, status in enumerate(Status)}
