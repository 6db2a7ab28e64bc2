"""The tracks of dropped pictures, as the tests know them from the objects."""

from typing import Any

from musicgenerator.drops import track_of
from musicgenerator.events import ObjectFinalized


def dropped_track(blob: Any) -> str:
    """Return the track of an object that google-cloud-storage has uploaded or found."""
    facts = (blob.bucket.name, blob.name, int(blob.generation), int(blob.size), "", blob.metadata or {}, blob.crc32c)
    return track_of(ObjectFinalized(*facts))
