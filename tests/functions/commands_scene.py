"""The API's commands with fakes for their ports."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from command_requests import CommandRequest
from commanding import TrackState
from ports import Session

from musicgenerator import ids
from musicgenerator.errors import ContentRejectedError, PipelineFailedError
from musicgenerator.states import FINAL, Status
from musicgenerator.tracks import PrivateTrack
from tests.contracts.recorded import SESSION, TOKEN, TRACK, recorded, recorded_work
from tests.support.command_fakes import UploadHandler

SECRET = "k" + "a" * 52
OTHER = "s" + "a" * 26
OTHER_SECRET = "k" + "b" * 52
KEY = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
IMAGES, RESULTS = "musicgenerator-images", "musicgenerator-results"
UNDER_WAY = [status for status in Status if status not in FINAL]


@dataclass
class Scene(UploadHandler):
    """The API with two open sessions; the first one has the recorded track."""

    status: Status = Status.READY
    fields: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        self.sessions.create(Session(SESSION, ids.secret_hash(SECRET), tomorrow))
        self.sessions.create(Session(OTHER, ids.secret_hash(OTHER_SECRET), tomorrow))
        self.at(self.status, **self.fields)
        self.buckets.put(IMAGES, f"uploads/{TRACK}", b"original", 7)
        self.buckets.put(RESULTS, f"{TOKEN}/cover.jpg", b"cover")
        self.buckets.put(RESULTS, f"{TOKEN}/track.json", json.dumps(recorded("track")).encode())

    def at(self, status: Status, work: PrivateTrack | None = None, **fields: Any) -> None:
        """Store the recorded track of this status, with some fields changed."""
        document = recorded(f"track_{status}") | fields
        self.tracks.hold(document, SESSION, TRACK, work or recorded_work(published=True))

    def command(
        self, name: str, body: dict[str, Any] | None = None, key: str | None = None, track: str = TRACK
    ) -> TrackState:
        request = CommandRequest(SESSION, SECRET, track, body or {}, key, "203.0.113.9")
        api = self.api
        state: TrackState = getattr(api.exporter if name in {"stems", "loop"} else api.commands, name)(request)
        return state

    def erase_track(self, session: str = SESSION, secret: str = SECRET, track: str = TRACK) -> None:
        self.api.erasures.erase_track(session, secret, track)

    def erase_session(self, session: str = SESSION, secret: str = SECRET) -> None:
        self.api.erasures.erase_session(session, secret)

    @property
    def document(self) -> dict[str, Any]:
        return self.tracks.documents[TRACK]

    def other_tracks(self) -> list[str]:
        return [track for track in self.tracks.documents if track != TRACK]


def failed(*, brief: bool = True, retryable: bool = True, attempt: int = 1) -> Scene:
    error = (PipelineFailedError("") if retryable else ContentRejectedError("")).to_mapping("ko")
    fields = {"error": error, "attempt": attempt} | ({} if brief else {"brief": None})
    return Scene(status=Status.FAILED, fields=fields)
