"""The messages on Pub/Sub: `pictures`, `captions` and `pipeline-events`.

Receivers do not trust a message: they read the track from Firestore and the job from Vertex AI.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from musicgenerator.errors import MalformedEventError
from musicgenerator.events import ObjectFinalized
from musicgenerator.ids import is_session_id, is_shared_job, is_track_id, track_and_attempt
from musicgenerator.orders import MAX_TRACKS

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

    @property
    def attempts(self) -> "tuple[CaptionMessage, ...]":
        """The attempt, as a tuple of one."""
        return (self,)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a message; raise MalformedEventError for an invalid field."""
        return cls._from_mapping(_json_object(data))

    @classmethod
    def _from_mapping(cls, body: Mapping[str, Any]) -> Self:
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


@dataclass(frozen=True)
class GatheredMessage:
    """On `captions`: these attempts have waited for a pipeline job, and one job makes the music of all of them."""

    attempts: tuple[CaptionMessage, ...]

    def to_bytes(self) -> bytes:
        """Return the message's data.

        It also has the form of a message of the first attempt: during a deployment, the launcher of an earlier release
        launches that one, and the others become overdue again.
        """
        return json.dumps(asdict(self.attempts[0]) | {"gathered": [asdict(each) for each in self.attempts]}).encode()


def caption_event(data: bytes) -> CaptionMessage | GatheredMessage | Wake:
    """Read a message on `captions`: one attempt, several that were gathered, or a wake.

    Raises MalformedEventError if it is none of them.
    """
    if is_wake(data):
        return Wake()
    body = _json_object(data)
    gathered = body.get("gathered")
    if gathered is None:
        return CaptionMessage.from_bytes(data)
    if not isinstance(gathered, list) or not 0 < len(gathered) <= MAX_TRACKS:
        raise MalformedEventError(f"caption message: gathered must be a list of up to {MAX_TRACKS} attempts")
    if not all(isinstance(each, dict) for each in gathered):
        raise MalformedEventError("caption message: gathered must be a list of objects")
    attempts = tuple(CaptionMessage._from_mapping(each) for each in gathered)  # noqa: SLF001  the class of this module
    if len({attempt.track for attempt in attempts}) < len(attempts):
        raise MalformedEventError("caption message: gathered names a track twice")
    return GatheredMessage(attempts)


@dataclass(frozen=True)
class PipelineMessage:
    """On `pipeline-events`: the step has made or failed to make this attempt's music, or the attempt's job has ended.

    The step's message and the log sink's LogEntry have different forms. Both only name the job to look at.
    """

    job: str
    track: str
    attempt: int


@dataclass(frozen=True)
class JobMessage:
    """On `pipeline-events`: the pipeline job of several tracks has changed its state."""

    job: str


def _job_event(body: Mapping[str, Any]) -> PipelineMessage | JobMessage:
    job = body.get("pipelineJobId")
    if job is None:
        resource = body.get("resource")
        labels = resource.get("labels") if isinstance(resource, dict) else None
        if isinstance(resource, dict) and isinstance(labels, dict) and resource.get("type") == _PIPELINE_JOB:
            job = labels.get("pipeline_job_id")
    origin = track_and_attempt(job) if isinstance(job, str) else None
    if origin is not None:
        return PipelineMessage(str(job), *origin)
    if not isinstance(job, str) or not is_shared_job(job):
        raise MalformedEventError(f"pipeline event: {job!r} is not the pipeline job of a track")
    if "track" not in body:
        return JobMessage(job)
    origin = track_and_attempt(f"mg-{body['track']}-{body.get('attempt')}")
    if origin is None:
        raise MalformedEventError(f"pipeline event: {body['track']!r} ({body.get('attempt')!r}) is not an attempt")
    return PipelineMessage(job, *origin)


@dataclass(frozen=True)
class Tick:
    """On `pipeline-events`: the scheduler's request for a sweep."""


def pipeline_event(data: bytes) -> PipelineMessage | JobMessage | Tick:
    """Read a message on `pipeline-events`; raise MalformedEventError if it is neither a job's event nor a tick."""
    body = _json_object(data)
    return Tick() if body.get("tick") is True else _job_event(body)


def step_message(job: str, track: str, attempt: int) -> bytes:
    """Return the message that the step publishes after it has written a track's results or its failure."""
    return json.dumps({"pipelineJobId": job, "track": track, "attempt": attempt}).encode()


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MalformedEventError(f"the message is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise MalformedEventError("the message is not a JSON object")
    return body
