"""What a claim counts: pictures within everybody's daily limit, and what is given back of them."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from musicgenerator.changes import Change, Decision, Outcome
from musicgenerator.counting import DailyPictures, reserve_of
from musicgenerator.errors import BudgetSpentError, PermanentError
from musicgenerator.states import Status
from musicgenerator.tracks import PrivateTrack, Track


class CountedTracks(Protocol):
    def find(self, track: str) -> tuple[Track, PrivateTrack] | None: ...

    def advance(self, track: str, decide: Decision) -> Outcome | None: ...

    def has_music(self, session: str) -> bool:
        """Return whether a track of the session has become music."""


def claim_within_limit(
    tracks: CountedTracks, track: str, limit: int, claim: Callable[[DailyPictures], Outcome | None]
) -> Outcome | None:
    """Claim a track and count its picture; a session with music may use the reserve of the day's limit.

    Raises BudgetSpentError if the limit is reached.
    """
    try:
        return claim(DailyPictures(limit, reserve_of(limit)))
    except BudgetSpentError:
        found = tracks.find(track)
        if found is None or not tracks.has_music(found[0].session):
            raise
        return claim(DailyPictures(limit))


def end_uncounted(tracks: CountedTracks, track: str, change: Change) -> None:
    """End a track that waits for its picture; it counts for nobody."""

    def decide(current: Track, work: PrivateTrack) -> Change | None:
        # If the picture's event is handled at the same time, the track has another status and does not change.
        if current.status is not Status.AWAITING_UPLOAD:
            return None
        return replace(change, work=replace(work, counted=()), give_back=work.counted)

    tracks.advance(track, decide)


def given_back(change: Change, work: PrivateTrack) -> Change:
    """Return a change that also gives back everybody's counts: the track has ended and has cost nothing."""
    counts = tuple(each for each in (work.counted_for_all, work.twin_counted_for_all) if each)
    if not counts:
        return change
    return replace(change, work=replace(work, counted_for_all="", twin_counted_for_all=""), give_back=counts)


def without_second_take(change: Change, work: PrivateTrack) -> Change:
    """Return a change that also gives back everybody's count of a second take, if it ends the track for good.

    The describer may have been paid, so the track itself stays counted. A retry still makes both.
    """
    error = change.update.error
    if not work.twin_counted_for_all or not isinstance(error, PermanentError) or error.retryable:
        return change
    return replace(change, work=replace(work, twin_counted_for_all=""), give_back=(work.twin_counted_for_all,))


def checked(change: Change, work: PrivateTrack) -> Change:
    """Return a change that also says that the words of a brief have passed moderation, if it announces them."""
    is_passed = change.status is Status.CAPTIONED and work.unchecked
    return replace(change, work=replace(work, unchecked=False)) if is_passed else change


def person(session: str) -> str:
    """Return a name for the person behind a session, which does not tell the session's id."""
    return hashlib.sha256(f"person {session}".encode()).hexdigest()
