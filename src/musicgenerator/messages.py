"""The messages on Pub/Sub: `pictures`, `captions` and `pipeline-events`.

Receivers do not trust a message: they read the track from Firestore and the job from Vertex AI.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from musicgenerator.errors import MalformedEventError
from musicgenerator.events import ObjectFinalized
from musicgenerator.ids import is_session_id, is_track_id, track_and_attempt

ENGINE_ATTRIBUTE: Final = "engine"

_PIPELINE_JOB: Final = "aiplatform.googleapis.com/PipelineJob"


@dataclass(frozen=True)
class PictureMessage:
    """On `pictures`: process this track's picture again, as its storage event would."""

    track: str

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a message; raise MalformedEventError for an invalid field."""
        track = _json_object(data).get("track")
        if not isinstance(track, str) or not is_track_id(track):
            raise MalformedEventError(f"picture message: track is {track!r}")
        return cls(track)

    def to_bytes(self) -> bytes:
        """Return the message's data."""
        return json.dumps(asdict(self)).encode()


@dataclass(frozen=True)
class Wake:
    """On `pictures` and `captions`: a picture is about to come, so start an instance and do nothing else."""

    def to_bytes(self) -> bytes:
        """Return the message's data."""
        return json.dumps({"wake": True}).encode()


def is_wake(data: bytes) -> bool:
    """Return whether a message's data is a wake; raise MalformedEventError if it is not a JSON object."""
    return _json_object(data).get("wake") is True


def picture_event(data: bytes) -> PictureMessage | ObjectFinalized | Wake:
    """Read a message on `pictures`: a track to process again, a dead-lettered storage event, or a wake.

    Raises MalformedEventError if it is none of them.
    """
    if is_wake(data):
        return Wake()
    body = _json_object(data)
    return PictureMessage.from_bytes(data) if "track" in body else ObjectFinalized.from_data(body)


@dataclass(frozen=True)
class CaptionMessage:
    """On `captions`: this attempt has a brief and waits for its pipeline job."""

    session: str
    track: str
    attempt: int

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a message; raise MalformedEventError for an invalid field."""
        body = _json_object(data)
        session, track, attempt = body.get("session"), body.get("track"), body.get("attempt")
        if not isinstance(session, str) or not is_session_id(session):
            raise MalformedEventError(f"caption message: session is {session!r}")
        if not isinstance(track, str) or not is_track_id(track):
            raise MalformedEventError(f"caption message: track is {track!r}")
        if isinstance(attempt, bool) or not isinstance(attempt, int) or attempt < 1:
            raise MalformedEventError(f"caption message: attempt is {attempt!r}")
        return cls(session, track, attempt)

    def to_bytes(self) -> bytes:
        """Return the message's data."""
        return json.dumps(asdict(self)).encode()


def caption_event(data: bytes) -> CaptionMessage | Wake:
    """Read a message on `captions`: an attempt, or a wake; raise MalformedEventError if it is neither."""
    return Wake() if is_wake(data) else CaptionMessage.from_bytes(data)


@dataclass(frozen=True)
class PipelineMessage:
    """On `pipeline-events`: something happened to the pipeline job of this attempt.

    The step's message and the log sink's LogEntry have different forms. Both only name the job to look at.
    """

    job: str
    track: str
    attempt: int

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read either form; raise MalformedEventError if it names no job of a track."""
        body = _json_object(data)
        job = body.get("pipelineJobId")
        if job is None:
            resource = body.get("resource")
            labels = resource.get("labels") if isinstance(resource, dict) else None
            if isinstance(resource, dict) and isinstance(labels, dict) and resource.get("type") == _PIPELINE_JOB:
                job = labels.get("pipeline_job_id")
        origin = track_and_attempt(job) if isinstance(job, str) else None
        if origin is None:
            raise MalformedEventError(f"pipeline event: {job!r} is not the pipeline job of a track")
        track, attempt = origin
        return cls(str(job), track, attempt)


@dataclass(frozen=True)
class Tick:
    """On `pipeline-events`: the scheduler's request for a sweep."""


def pipeline_event(data: bytes) -> PipelineMessage | Tick:
    """Read a message on `pipeline-events`; raise MalformedEventError if it is neither a job's event nor a tick."""
    return Tick() if _json_object(data).get("tick") is True else PipelineMessage.from_bytes(data)


def step_message(job: str) -> bytes:
    """Return the message that the step publishes after it has written the results."""
    return json.dumps({"pipelineJobId": job}).encode()


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MalformedEventError(f"the message is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise MalformedEventError("the message is not a JSON object")
    return body
