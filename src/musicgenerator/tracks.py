"""Tracks and private tracks: their values and their documents.

Clients read the track, ``sessions/{session}/tracks/{track}``. They cannot read the private track, ``work/{track}``.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from musicgenerator import documents, ids
from musicgenerator.briefs import Brief
from musicgenerator.states import Status
from musicgenerator.track_requests import Request

MAX_PICTURE_BYTES: Final = 20_000_000
PICTURE_TYPES: Final = (
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/gif",
    "image/avif",
    "image/heic",
    "image/heif",
)


@dataclass(frozen=True)
class Image:
    """The picture. ``object`` is empty if it was dropped, because only the private track has such a name.

    ``width`` and ``height`` are in pixels after rotation, and 0 until the picture is decoded.
    """

    bucket: str
    object: str
    generation: int
    width: int
    height: int
    content_type: str
    bytes: int

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> Self:
        """Read a document's ``image``."""
        return cls(**documents.arguments(cls, data))

    def to_mapping(self) -> dict[str, Any]:
        """Return a document's ``image``."""
        return documents.to_mapping(self)


@dataclass(frozen=True)
class DescriberUsage:
    """The describer's model and prompt, and what its calls used; ``cost_usd`` is None if the price is unknown."""

    model: str
    prompt_version: str
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0

    def to_mapping(self) -> dict[str, Any]:
        """Return a document's ``describer``."""
        return documents.to_mapping(self)


@dataclass(frozen=True)
class Note:
    """What happened to a dropped picture's metadata: ``name`` was ignored, or read as ``value``.

    ``value`` is empty for a text, because everybody who knows the session can read it.
    """

    name: str
    ignored: bool
    value: str = ""

    def to_mapping(self) -> dict[str, Any]:
        """Return an entry of a document's ``notes``."""
        return documents.to_mapping(self)


@dataclass(frozen=True)
class Track:
    """One track as a handler reads it.

    ``retryable`` and ``error_code`` are those of its error; ``created_at`` is None before the track is stored;
    ``timeline`` has the last entry into each state. ``notes`` is written with a new track only, and not read again.
    ``expires_at`` is when its session ends, None before the track is stored; ``sketched`` says whether this attempt
    has a sketch; ``made_by`` is the engine that made the music, empty until it is finished; ``liked`` says that the
    person likes it.
    """

    session: str
    track_id: str
    status: Status
    attempt: int
    request: Request
    image: Image | None = None
    brief: Brief | None = None
    prompt_version: str = ""
    retryable: bool = False
    error_code: str = ""
    created_at: datetime | None = None
    timeline: Mapping[str, datetime] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    expires_at: datetime | None = None
    sketched: bool = False
    made_by: str = ""
    liked: bool = False

    @property
    def seed(self) -> int:
        """The seed of this attempt's music: the requested one, or one derived from the attempt's job id."""
        if self.request.seed is not None:
            return self.request.seed
        job = ids.pipeline_job_id(self.track_id, self.attempt)
        return int.from_bytes(hashlib.sha256(job.encode()).digest()[:4])

    @classmethod
    def from_document(cls, session: str, track_id: str, document: Mapping[str, Any]) -> Self:
        """Read ``sessions/{session}/tracks/{track}``."""
        image, brief = document.get("image"), document.get("brief")
        return cls(
            session=session,
            track_id=track_id,
            status=Status(document["status"]),
            attempt=document["attempt"],
            request=Request.from_mapping(document["request"]),
            image=Image.from_mapping(image) if image else None,
            brief=Brief.from_mapping(brief) if brief else None,
            prompt_version=str((document.get("describer") or {}).get("promptVersion", "")),
            retryable=bool((document.get("error") or {}).get("retryable")),
            error_code=str((document.get("error") or {}).get("code", "")),
            created_at=document.get("createdAt"),
            timeline=document.get("timeline") or {},
            expires_at=document.get("expiresAt"),
            sketched=bool(document.get("sketch")),
            made_by=str((document.get("music") or {}).get("engine", "")),
            liked=bool(document.get("liked")),
        )

    def to_document(self, now: object, expires_at: datetime) -> dict[str, Any]:
        """Return the document of a new track; ``now`` is the store's value for the time of the write."""
        return {
            "status": self.status.value,
            "attempt": self.attempt,
            "image": self.image.to_mapping() if self.image else None,
            "request": self.request.to_mapping(),
            "brief": self.brief.to_mapping() if self.brief else None,
            "describer": {"promptVersion": self.prompt_version} if self.prompt_version else None,
            "sketch": None,
            "music": None,
            "error": None,
            "timeline": {self.status.value: now},
            "createdAt": now,
            "updatedAt": now,
            "expiresAt": expires_at,
        } | ({"notes": [note.to_mapping() for note in self.notes]} if self.notes else {})


@dataclass(frozen=True)
class PrivateTrack:
    """The part of a track that no client can read.

    ``token`` is the folder of its results; ``owner`` is the invocation that claimed the track, until ``lease_until``;
    ``published`` says whether the brief was announced on `captions`; ``parked`` says that the track waits for a replay;
    ``claims`` counts how often the captioner has claimed the track. ``region`` is the region of the attempt's job: the
    launcher sets it when it claims the attempt, and it does not change. It is empty before the launch, and in old
    documents, whose jobs run in the installation's region. ``job`` is the id of the attempt's job, which may make the
    music of other tracks too; the launcher sets it with the region. ``earlier_jobs`` has those of earlier attempts.
    ``dropped_object`` and ``hint`` are a dropped picture's object name and hint: clients may read its track, so the
    track has neither. ``counted`` has the ids of the day's counters of the session and the address that count this
    track, and ``counted_for_all`` that of everybody's, which counts it from the arrival of its picture. Another
    version, and another attempt of a track with a brief, have only the latter. ``twin_token`` and
    ``twin_counted_for_all`` are the folder and everybody's counter of a second take, until the commit that creates it.
    ``unchecked`` says that a person wrote words of the brief, which the captioner has not moderated yet.
    ``source`` is the track that this one exports. ``stems`` and ``loop`` are the last exports of this track.
    """

    token: str
    owner: str | None = None
    lease_until: datetime | None = None
    published: bool = False
    parked: bool = False
    claims: int = 0
    region: str = ""
    job: str = ""
    earlier_jobs: tuple[str, ...] = ()
    dropped_object: str = ""
    hint: str = ""
    counted: tuple[str, ...] = ()
    counted_for_all: str = ""
    twin_token: str = ""
    twin_counted_for_all: str = ""
    unchecked: bool = False
    source: str = ""
    stems: str = ""
    loop: str = ""

    @property
    def is_version(self) -> bool:
        """Whether this counts for everybody, and its brief has cost nothing: a version, an export, another attempt."""
        return bool(self.counted_for_all) and not self.counted

    def last_export(self, kind: str) -> str:
        """Return the last export of a kind, ``stems`` or ``loop``; it may have failed or been deleted since."""
        return {"stems": self.stems, "loop": self.loop}[kind]

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read ``work/{track}``."""
        values = documents.arguments(cls, document)
        lists = {name: tuple(values.get(name, ())) for name in ("counted", "earlier_jobs")}
        return cls(**values | lists)

    def to_fields(self) -> dict[str, Any]:
        """Return the fields of ``work/{track}``; the store adds ``session``, ``dueAt``, ``forgetAt``, ``expiresAt``."""
        return documents.to_mapping(self)


def job_of(track: Track, work: PrivateTrack) -> str:
    """Return the id of the current attempt's job; before the launch, that of a job of its own."""
    return work.job or ids.pipeline_job_id(track.track_id, track.attempt)


def earlier_jobs(track: Track, work: PrivateTrack) -> tuple[str, ...]:
    """Return the ids of the jobs of earlier attempts; their regions are not stored."""
    # Documents of earlier releases do not name them; each attempt had a job of its own.
    own = (ids.pipeline_job_id(track.track_id, attempt) for attempt in range(1, track.attempt))
    return work.earlier_jobs or tuple(own)
