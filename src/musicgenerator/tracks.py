"""Tracks and private tracks: their values, their documents, and the changes of both.

Clients read the track, ``sessions/{session}/tracks/{track}``. They cannot read the private track, ``work/{track}``.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Final, Self

from musicgenerator import documents, ids
from musicgenerator.briefs import DURATION_SECONDS, ENGINES, LANGUAGES, SEED, Brief
from musicgenerator.errors import BlockedError, BriefError, PermanentError
from musicgenerator.plain_text import is_unicode
from musicgenerator.results import Music, Sketch
from musicgenerator.states import Status

HINT_LENGTH: Final = 300
STYLE_LENGTH: Final = 60
DEFAULT_SECONDS: Final = 30
DEFAULT_LANGUAGE: Final = "ko"
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
class Request:
    """What the person asked for; if ``seed`` or ``engine`` is None, the launcher chooses it."""

    hint: str = ""
    style: str = ""
    duration_seconds: int = DEFAULT_SECONDS
    language: str = DEFAULT_LANGUAGE
    engine: str | None = None
    seed: int | None = None

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> Self:
        """Read a request and check every bound; raise BriefError for the first invalid field."""
        return cls(
            hint=_short_text(data, "hint", HINT_LENGTH),
            style=_short_text(data, "style", STYLE_LENGTH),
            duration_seconds=_whole_number(data, "durationSeconds", DURATION_SECONDS, DEFAULT_SECONDS) or 0,
            language=_language(data),
            engine=_engine(data),
            seed=_whole_number(data, "seed", SEED, None),
        )

    def to_mapping(self) -> dict[str, Any]:
        """Return a document's ``request``."""
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
class Track:
    """One track as a handler reads it.

    ``retryable`` says whether its error allows a retry; ``created_at`` is None before the track is stored;
    ``timeline`` has the last entry into each state; ``sketched`` says whether this attempt has a sketch.
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
    created_at: datetime | None = None
    timeline: Mapping[str, datetime] = field(default_factory=dict)
    sketched: bool = False

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
            created_at=document.get("createdAt"),
            timeline=document.get("timeline") or {},
            sketched=bool(document.get("sketch")),
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
        }


@dataclass(frozen=True)
class PrivateTrack:
    """The part of a track that no client can read.

    ``token`` is the folder of its results; ``owner`` is the invocation that claimed the track, until ``lease_until``;
    ``published`` says whether the brief was announced on `captions`; ``parked`` says that the track waits for a replay;
    ``claims`` counts how often the captioner has claimed the track. ``region`` is the region of the attempt's job: the
    launcher sets it when it claims the attempt, and it does not change. It is empty before the launch, and in old
    documents, whose jobs run in the installation's region.
    ``dropped_object`` and ``hint`` are a dropped picture's object name and hint: clients may read its track, so the
    track has neither.
    """

    token: str
    owner: str | None = None
    lease_until: datetime | None = None
    published: bool = False
    parked: bool = False
    claims: int = 0
    region: str = ""
    dropped_object: str = ""
    hint: str = ""

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read ``work/{track}``."""
        return cls(**documents.arguments(cls, document))

    def to_fields(self) -> dict[str, Any]:
        """Return the fields of ``work/{track}``; the store adds ``session``, ``dueAt`` and ``expiresAt``."""
        return documents.to_mapping(self)


class Keep(Enum):
    """The type of ``KEEP``."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP


@dataclass(frozen=True)
class TrackUpdate:
    """New values of a track's public fields: ``KEEP`` leaves a field unchanged, None sets it to null."""

    image: Image | Keep = KEEP
    brief: Brief | Keep = KEEP
    describer: DescriberUsage | Keep = KEEP
    music: Music | Keep = KEEP
    error: PermanentError | BlockedError | Keep | None = KEEP
    sketch: Sketch | Keep | None = KEEP

    def to_fields(self, language: str) -> dict[str, Any]:
        """Return the fields of a document update, with the error's message in this language."""
        values = {"image": self.image, "brief": self.brief, "describer": self.describer, "music": self.music}
        fields: dict[str, Any] = {name: value.to_mapping() for name, value in values.items() if value is not KEEP}
        if self.sketch is not KEEP:
            fields["sketch"] = self.sketch and self.sketch.to_mapping()
        if self.error is not KEEP:
            fields["error"] = self.error and self.error.to_mapping(language)
        return fields


@dataclass(frozen=True)
class Change:
    """One change of a track, written in one commit.

    ``work`` is the new private track, None if it does not change; ``attempt`` is the number of a new attempt;
    with ``daily_limit`` the commit also counts a launch, or raises BudgetSpentError if the day's limit is reached;
    ``due_at`` is when the track becomes overdue: None for the patience of its state, ``KEEP`` for no change.
    """

    status: Status | None = None
    update: TrackUpdate = field(default_factory=TrackUpdate)
    work: PrivateTrack | None = None
    attempt: int | None = None
    daily_limit: int | None = None
    due_at: datetime | Keep | None = None

    def to_fields(self, language: str, now: object) -> dict[str, Any]:
        """Return the fields of a document update by path, empty if the document does not change.

        ``now`` is the store's value for the time of the write.
        """
        fields = self.update.to_fields(language)
        if self.attempt is not None:
            fields["attempt"] = self.attempt
        if self.status is not None:
            fields |= {"status": self.status.value, f"timeline.{self.status}": now}
        return fields | {"updatedAt": now} if fields else {}


Decision = Callable[[Track, PrivateTrack], Change | None]


def check_step(current: Track, change: Change) -> None:
    """Raise ValueError if the status or the attempt changes and ``(attempt, rank)`` does not rise.

    A track leaves a final state only if it has failed and its next attempt starts.
    """
    attempt, status = change.attempt or current.attempt, change.status
    if attempt == current.attempt:
        allowed = status is None or current.status.may_become(status)
    else:
        again = current.status is Status.FAILED and attempt == current.attempt + 1
        allowed = again and status is not None and not status.is_final
    if not allowed:
        raise ValueError(f"a track may not pass from {current.status} ({current.attempt}) to {status} ({attempt})")


@dataclass(frozen=True)
class Outcome:
    """The track and private track that were decided on last, and whether this call wrote the change."""

    track: Track
    work: PrivateTrack
    changed: bool


def _short_text(data: Mapping[str, Any], name: str, length: int) -> str:
    value = data.get(name) or ""
    if not isinstance(value, str):
        raise BriefError(name, "must be a text")
    if not is_unicode(value):
        raise BriefError(name, "must be Unicode text")
    if len(value) > length:
        raise BriefError(name, f"must have at most {length} characters, not {len(value)}")
    return value


def _whole_number(data: Mapping[str, Any], name: str, bounds: tuple[int, int], default: int | None) -> int | None:
    value = data.get(name)
    low, high = bounds
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BriefError(name, f"must be a whole number from {low} to {high}, not {value!r}")
    return value


def _engine(data: Mapping[str, Any]) -> str | None:
    value = data.get("engine")
    if value in (None, ""):
        return None
    if value not in ENGINES:
        raise BriefError("engine", f"must be one of {', '.join(ENGINES)}, not {value!r}")
    return str(value)


def _language(data: Mapping[str, Any]) -> str:
    value = data.get("language") or DEFAULT_LANGUAGE
    if value not in LANGUAGES:
        raise BriefError("language", f"must be one of {', '.join(LANGUAGES)}, not {value!r}")
    return str(value)
