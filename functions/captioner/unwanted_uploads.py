"""Uploads to the signed address of a track that has been erased or cancelled, which is valid for some minutes more."""

from typing import Protocol

from counted_claims import CountedTracks

from musicgenerator import logs
from musicgenerator.events import ObjectFinalized
from musicgenerator.states import Status


class DeletableObjects(Protocol):
    def delete(self, bucket: str, name: str, generation: int) -> None: ...


def is_unwanted(tracks: CountedTracks, track: str) -> bool:
    """Say whether nothing will be made of a track's picture, now or in another attempt."""
    found = tracks.find(track)
    return found is None or found[0].status is Status.CANCELLED


def delete_upload(objects: DeletableObjects, track: str, event: ObjectFinalized) -> None:
    """Delete the object of an event, so that it does not stay until the bucket's lifecycle deletes it.

    Objects whose names only start with this one's, such as a dropped ``uploads/TRACK.jpg``, stay.
    """
    objects.delete(event.bucket, event.name, event.generation)
    logs.warning("unwanted upload deleted", track=track)
