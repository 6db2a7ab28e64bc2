"""The contracts as files: what producers write and consumers read."""

import json
from pathlib import Path
from typing import Any, Final

from musicgenerator.briefs import Brief
from musicgenerator.states import Status
from musicgenerator.tracks import Image, PrivateTrack, Request, Track

# Whose documents the files show.
SESSION: Final = "sabcdefgh234567ijklmnopqrst"
TRACK: Final = "tmnopqrstuvwxyz234567abcdef"
TOKEN: Final = "rqrstuvwxyzabcdef234567ghij"
JOB: Final = f"mg-{TRACK}-1"
# Where the order of that job is.
PIPELINE_BUCKET: Final = "musicgenerator-pipeline"
ORDER_NAME: Final = f"orders/{JOB}.json"
ORDER: Final = f"gs://{PIPELINE_BUCKET}/{ORDER_NAME}"

_HERE: Final = Path(__file__).parent


def recorded(name: str) -> Any:
    """Return the JSON of ``tests/contracts/NAME.json``."""
    return json.loads((_HERE / f"{name}.json").read_text(encoding="utf-8"))


def recorded_track(status: Status) -> Track:
    """Return the track of ``track_STATUS.json``, read as a store reads its document."""
    document = recorded(f"track_{status}")
    return Track(
        session=SESSION,
        track_id=TRACK,
        status=Status(document["status"]),
        attempt=document["attempt"],
        request=Request.from_mapping(document["request"]),
        image=Image(**document["image"]) if document["image"] else None,
        brief=Brief.from_mapping(document["brief"]) if document["brief"] else None,
        prompt_version=str((document["describer"] or {}).get("promptVersion", "")),
    )


def recorded_work(*, published: bool = False) -> PrivateTrack:
    """Return the work beside the recorded tracks."""
    return PrivateTrack(token=TOKEN, published=published)


def without_timestamps(document: dict[str, Any]) -> dict[str, Any]:
    """Return a track document whose timeline is the list of states reached, since moments differ from run to run."""
    moments = {"createdAt", "updatedAt", "expiresAt"}
    kept = {name: value for name, value in document.items() if name not in moments}
    return kept | {"timeline": list(document["timeline"])}
