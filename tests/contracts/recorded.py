"""Read the recorded contracts, for the tests of their producers and consumers."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from musicgenerator.documents import arguments
from musicgenerator.states import Status
from musicgenerator.tracks import DescriberUsage, PrivateTrack, Track

# The ids in the recorded documents.
SESSION: Final = "sabcdefgh234567ijklmnopqrst"
TRACK: Final = "tmnopqrstuvwxyz234567abcdef"
TOKEN: Final = "rqrstuvwxyzabcdef234567ghij"
JOB: Final = f"mg-{TRACK}-1"
# Where the order of that job is.
PIPELINE_BUCKET: Final = "musicgenerator-pipeline"
ORDER_NAME: Final = f"orders/{JOB}.json"
ORDER: Final = f"gs://{PIPELINE_BUCKET}/{ORDER_NAME}"

_MOMENTS: Final = ("createdAt", "updatedAt", "expiresAt")
_HERE: Final = Path(__file__).parent


def recorded(name: str) -> Any:
    """Return the JSON of ``tests/contracts/NAME.json``."""
    return json.loads((_HERE / f"{name}.json").read_text(encoding="utf-8"))


def recorded_track(status: Status) -> Track:
    """Return the track in ``track_STATUS.json``, read as from Firestore."""
    return Track.from_document(SESSION, TRACK, with_moments(recorded(f"track_{status}")))


def recorded_usage(status: Status = Status.CAPTIONED) -> DescriberUsage:
    """Return the describer's usage of ``track_STATUS.json``."""
    return DescriberUsage(**arguments(DescriberUsage, recorded(f"track_{status}")["describer"]))


def recorded_work(*, published: bool = False) -> PrivateTrack:
    """Return the private track of the recorded tracks."""
    return PrivateTrack(token=TOKEN, published=published)


def without_timestamps(document: dict[str, Any]) -> dict[str, Any]:
    """Return a track document without times, which change with every run; its timeline is a list of states."""
    kept = {name: value for name, value in document.items() if name not in _MOMENTS}
    return kept | {"timeline": list(document["timeline"])}


def with_moments(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a track document with datetimes instead of JSON strings, as Firestore returns it."""
    timeline = {name: _moment(text) for name, text in document["timeline"].items()}
    return {**document, "timeline": timeline} | {name: _moment(document[name]) for name in _MOMENTS}


def _moment(value: str | datetime) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)
