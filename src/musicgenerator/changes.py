"""Changes of tracks and private tracks, each written in one commit."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Any, Final

from musicgenerator.briefs import Brief
from musicgenerator.counting import DailyPictures
from musicgenerator.errors import BlockedError, PermanentError
from musicgenerator.results import Music, Sketch
from musicgenerator.states import Status
from musicgenerator.tracks import DescriberUsage, Image, PrivateTrack, Track


class Keep(Enum):
    """The type of ``KEEP``."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP


@dataclass(frozen=True)
class TrackUpdate:
    """New values of a track's public fields: ``KEEP`` leaves a field unchanged, None sets it to null."""

    image: Image | Keep = KEEP
    brief: Brief | Keep = KEEP
    describer: DescriberUsage | Keep = KEEP
    music: Music | Keep = KEEP
    error: PermanentError | BlockedError | Keep | None = KEEP
    sketch: Sketch | Keep | None = KEEP
    liked: bool | Keep = KEEP

    def to_fields(self, language: str) -> dict[str, Any]:
        """Return the fields of a document update, with the error's message in this language."""
        values = {"image": self.image, "brief": self.brief, "describer": self.describer, "music": self.music}
        fields: dict[str, Any] = {name: value.to_mapping() for name, value in values.items() if value is not KEEP}
        if self.sketch is not KEEP:
            fields["sketch"] = self.sketch and self.sketch.to_mapping()
        if self.error is not KEEP:
            fields["error"] = self.error and self.error.to_mapping(language)
        if self.liked is not KEEP:
            fields["liked"] = self.liked
        return fields


@dataclass(frozen=True)
class NewTrack:
    """A track to create, its private track, and its first public fields; the track's ``expires_at`` is set."""

    track: Track
    work: PrivateTrack
    update: TrackUpdate


@dataclass(frozen=True)
class Change:
    """One change of a track, written in one commit.

    ``work`` is the new private track, None if it does not change; ``attempt`` is the number of a new attempt;
    with ``daily_limit`` the commit also counts a launch, and with ``picture`` the picture of a track, or raises
    BudgetSpentError if the day's limit is reached; ``give_back`` has the ids of the counters that no longer count the
    track, one that counts it twice being named twice; ``created`` is a track that does not exist, which the commit also
    creates; ``due_at`` is when the track becomes overdue: None for the patience of its state, ``KEEP`` for no change;
    ``forget_at`` is when the records of jobs whose attempts are over are deleted, None if none is left; a change with
    it changes nothing else, and without it a final state sets the time.
    """

    status: Status | None = None
    update: TrackUpdate = field(default_factory=TrackUpdate)
    work: PrivateTrack | None = None
    attempt: int | None = None
    daily_limit: int | None = None
    picture: DailyPictures | None = None
    give_back: tuple[str, ...] = ()
    created: NewTrack | None = None
    due_at: datetime | Keep | None = None
    forget_at: datetime | Keep | None = KEEP

    def to_fields(self, language: str, now: object) -> dict[str, Any]:
        """Return the fields of a document update by path, empty if the document does not change.

        ``now`` is the store's value for the time of the write.
        """
        fields = self.update.to_fields(language)
        if self.attempt is not None:
            fields["attempt"] = self.attempt
        if self.status is not None:
            fields |= {"status": self.status.value, f"timeline.{self.status}": now}
        return fields | {"updatedAt": now} if fields else {}


Decision = Callable[[Track, PrivateTrack], Change | None]


def check_step(current: Track, change: Change) -> None:
    """Raise ValueError if the status or the attempt changes and ``(attempt, rank)`` does not rise.

    The next attempt starts if the track has failed, or if its job has ended without an end of the track.
    """
    attempt, status = change.attempt or current.attempt, change.status
    if attempt == current.attempt:
        allowed = status is None or current.status.may_become(status)
    else:
        again = current.status in {Status.FAILED, Status.COMPOSING} and attempt == current.attempt + 1
        allowed = again and status is not None and not status.is_final
    if not allowed:
        raise ValueError(f"a track may not pass from {current.status} ({current.attempt}) to {status} ({attempt})")


@dataclass(frozen=True)
class Outcome:
    """The track and private track that were decided on last, and whether this call wrote the change."""

    track: Track
    work: PrivateTrack
    changed: bool


def mark_published(current: Track, work: PrivateTrack, attempt: int) -> Change | None:
    """Mark that an attempt's message is published, unless it is marked or the next attempt has started.

    The command that starts the next attempt publishes and marks its message. The launcher may already have set how long
    the track waits for others, so its due time stays.
    """
    if work.published or current.attempt != attempt:
        return None
    return Change(work=replace(work, published=True), due_at=KEEP)
