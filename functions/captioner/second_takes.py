"""The second of two takes: a track of its own, created in the commit that describes the first one's picture."""

from dataclasses import replace
from typing import Protocol

from counted_claims import checked, given_back, without_second_take
from dropped_tracks import on_newest_generation

from musicgenerator import ids
from musicgenerator.briefs import SEED, Brief
from musicgenerator.changes import Change, NewTrack, TrackUpdate
from musicgenerator.results import Music, ResultsBucket
from musicgenerator.states import Status
from musicgenerator.tracks import DescriberUsage, Image, PrivateTrack, Track


class Tracks(Protocol):
    def find(self, track: str) -> tuple[Track, PrivateTrack] | None: ...


def finished(change: Change, current: Track, work: PrivateTrack, results: ResultsBucket, *, is_refused: bool) -> Change:
    """Return the change with which a claim's owner settles a track, with what it gives back and creates.

    ``is_refused`` says that the track ends and has cost nothing.
    """
    kept = on_newest_generation(change, current)
    if is_refused:
        return given_back(kept, work)
    return with_second_take(without_second_take(checked(kept, work), work), current, work, results)


def with_second_take(change: Change, current: Track, work: PrivateTrack, results: ResultsBucket) -> Change:
    """Return a change that describes a picture, and that also creates the track of a second take if one is wanted.

    Both are one commit, which only the owner of a claim makes: a second delivery creates nothing. The commit also takes
    the folder and the count from the first track, so that neither is used twice.
    """
    update = change.update
    if change.status is not Status.CAPTIONED or not work.twin_token:
        return change
    if not isinstance(update.brief, Brief) or not isinstance(update.image, Image):
        return change
    twin = Track(
        current.session,
        ids.twin_of(current.track_id),
        Status.CAPTIONED,
        1,
        replace(current.request, takes=1, twin_of=current.track_id, seed=_next(current.request.seed)),
        update.image,
        update.brief,
        update.describer.prompt_version if isinstance(update.describer, DescriberUsage) else "",
        expires_at=current.expires_at,
    )
    private = PrivateTrack(
        token=work.twin_token,
        dropped_object=work.dropped_object,
        counted_for_all=work.twin_counted_for_all,
    )
    cover = TrackUpdate(music=Music(results.folder(work.twin_token)))
    left = replace(change.work or work, twin_token="", twin_counted_for_all="")
    return replace(change, work=left, created=NewTrack(twin, private, cover))


def folders_of(work: PrivateTrack) -> list[str]:
    """Return the folders that get the cover: the track's, and that of a second take to come."""
    return [token for token in (work.token, work.twin_token) if token]


def cover_tokens(tracks: Tracks, track: Track, work: PrivateTrack) -> list[str]:
    """Return the folders whose covers no track shows after the track was cancelled or erased."""
    # Another delivery may have described the track before that: then the second take exists and has its cover.
    has_twin = bool(work.twin_token) and tracks.find(ids.twin_of(track.track_id)) is not None
    return [work.token] if has_twin else folders_of(work)


def _next(seed: int | None) -> int | None:
    """Return the seed of the second take: the next one, or None if the first one's is not asked for either."""
    return None if seed is None else (seed + 1) % (SEED[1] + 1)
