"""The tracks of dropped pictures: which track an object belongs to, and how a new one begins."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from musicgenerator import drops, ids
from musicgenerator.changes import Change, Decision, Outcome, TrackUpdate
from musicgenerator.events import ObjectFinalized
from musicgenerator.states import Status
from musicgenerator.tracks import Image, PrivateTrack, Track

DROPPED_TRACKS_LIVE: Final = timedelta(days=30)


class Tracks(Protocol):
    def create(self, track: Track, work: PrivateTrack, expires_at: datetime) -> None:
        """Write a new track, or leave the existing one."""

    def find(self, track: str) -> tuple[Track, PrivateTrack] | None: ...

    def advance(self, track: str, decide: Decision) -> Outcome | None: ...


def track_of_drop(tracks: Tracks, session: str, found: ObjectFinalized) -> str:
    """Return the track of a dropped picture; create it if it is new."""
    turns = [drops.track_of(found, turn) for turn in range(drops.MAX_ROUNDS)]
    # An earlier turn's track may have been erased: its absence does not say that the object is new.
    existing = [(turn, known[0]) for turn, track in enumerate(turns) if (known := tracks.find(track))]
    for _, track in existing:
        if not _is_newer(found, track):
            return track.track_id
    last, latest = existing[-1] if existing else (-1, None)
    if last + 1 < len(turns) and (latest is None or drops.starts_another(latest)):
        _create(tracks, session, turns[last + 1], found)
        return turns[last + 1]
    # The object was rewritten, or dropped again with the same bytes: the track's picture is the newest generation,
    # so that a deletion of the track deletes it.
    tracks.advance(turns[last], lambda current, _: _moved(current, found))
    return turns[last]


def image_of(event: ObjectFinalized) -> Image:
    """Return the track's image, without the pixel size; clients may read it, so it has no name of a dropped object."""
    name = "" if dropped_name(event) else event.name
    return Image(event.bucket, name, event.generation, 0, 0, event.content_type, event.size)


def dropped_name(event: ObjectFinalized) -> str:
    """Return the object's name if it was dropped, else an empty text: an announced name has only the track's id."""
    return "" if ids.announced_track(event.name) else event.name


def on_newest_generation(change: Change, current: Track) -> Change:
    """Return the change without setting the picture back to a generation that was rewritten in the meantime."""
    image = change.update.image
    if not isinstance(image, Image) or current.image is None or current.image.generation <= image.generation:
        return change
    return replace(change, update=replace(change.update, image=replace(image, generation=current.image.generation)))


def _create(tracks: Tracks, session: str, track: str, found: ObjectFinalized) -> None:
    request, notes = drops.wishes(found.metadata)
    # The second take of an erased track that comes back may still exist.
    has_twin = request.takes == 1 or tracks.find(ids.twin_of(track)) is not None
    # The id is derived from the object: a second delivery finds this track and creates nothing.
    tracks.create(
        # The image is stored now, so that the sweeper can resume the track if this invocation crashes.
        Track(
            session,
            track,
            Status.AWAITING_UPLOAD,
            1,
            replace(request, hint=""),
            image_of(found),
            notes=notes,
        ),
        PrivateTrack(
            token=ids.new_results_token(),
            dropped_object=found.name,
            hint=request.hint,
            twin_token="" if has_twin else ids.new_results_token(),
        ),
        datetime.now(UTC) + DROPPED_TRACKS_LIVE,
    )


def _is_newer(found: ObjectFinalized, track: Track) -> bool:
    return track.image is not None and found.generation > track.image.generation


def _moved(current: Track, found: ObjectFinalized) -> Change | None:
    # A delivery of an older generation that comes late changes nothing.
    if current.image is None or not _is_newer(found, current):
        return None
    return Change(update=TrackUpdate(image=replace(current.image, generation=found.generation)))
