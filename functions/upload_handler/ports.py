"""The ports that several modules of this function use, and the values that cross them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from musicgenerator.changes import Decision, Outcome
from musicgenerator.messages import CaptionMessage, PictureMessage
from musicgenerator.tracks import PrivateTrack, Track


@dataclass(frozen=True)
class Session:
    """A stored session; ``ended`` is true once its deletion has begun."""

    session: str
    secret_hash: str
    expires_at: datetime
    ended: bool = False


@dataclass(frozen=True)
class Move:
    """What a page has sealed for another device; ``name`` is the hash of the code that receives it."""

    name: str
    session: str
    sealed: str
    expires_at: datetime


@dataclass(frozen=True)
class Permit:
    """A signed upload: send the picture with this method to this URL, with exactly these headers."""

    method: str
    url: str
    headers: Mapping[str, str]


class Sessions(Protocol):
    def create(self, session: Session) -> None:
        """Write a new session; leave an existing one as it is."""

    def find(self, session: str) -> Session | None: ...

    def end(self, session: str) -> None:
        """Mark a session as ended: clients cannot read it, and it accepts only deletions."""

    def erase(self, session: str) -> None: ...


class Moves(Protocol):
    def create(self, move: Move) -> None: ...

    def take(self, name: str) -> Move | None:
        """Delete a move and return it; of several calls at once only one gets it, the others None."""

    def of_session(self, session: str) -> Sequence[str]:
        """Return the names of a session's moves."""

    def erase(self, name: str) -> None: ...


class Tracks(Protocol):
    def create(self, track: Track, work: PrivateTrack, expires_at: datetime) -> None:
        """Write a new track and its private track; leave existing ones as they are.

        The commit also names an export in its source's private track; if the source is gone, it writes nothing.
        """

    def find(self, track: str) -> tuple[Track, PrivateTrack] | None: ...

    def advance(self, track: str, decide: Decision) -> Outcome | None:
        """Write the change that ``decide`` returns in one commit; return None if the track does not exist."""

    def of_session(self, session: str) -> Sequence[str]:
        """Return the ids of a session's tracks."""

    def of_job(self, job: str) -> Sequence[str]:
        """Return the tracks whose current attempt is claimed for a job."""

    def exports_of(self, source: str) -> Sequence[str]:
        """Return the exports of a track, also if it is erased."""

    def has_music(self, session: str) -> bool:
        """Return whether a track of the session has become music."""

    def erase(self, session: str, track: str) -> None: ...


class Objects(Protocol):
    def read(self, bucket: str, name: str) -> bytes | None: ...

    def create(
        self, bucket: str, name: str, data: bytes, content_type: str, expires_at: datetime | None = None
    ) -> bool:
        """Write an object, or leave the existing one and return False.

        It is deleted about a day after ``expires_at``.
        """

    def generations(self, bucket: str, prefix: str) -> list[tuple[str, int]]:
        """Return name and generation of every object whose name starts with ``prefix``."""

    def delete(self, bucket: str, name: str, generation: int) -> None:
        """Delete this generation of an object, and no other."""

    def erase(self, bucket: str, prefix: str) -> None:
        """Delete every object whose name starts with ``prefix``, until a listing is empty."""


class Jobs(Protocol):
    def cancel(self, job: str, region: str) -> bool:
        """Cancel a job; return False if it does not exist or has ended."""

    def delete(self, job: str, region: str) -> bool:
        """Delete a job's record, if it exists; return False if the job has not ended."""


class Captions(Protocol):
    """The topic that triggers the launcher."""

    def announce(self, message: CaptionMessage, engine: str) -> None: ...


class Pictures(Protocol):
    """The topic that triggers the captioner."""

    def announce(self, message: PictureMessage) -> None: ...
