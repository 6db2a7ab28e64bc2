"""The track document, ``sessions/{session}/tracks/{track}``, and the private work beside it.

A track is what clients read; ``PrivateTrack`` holds what none may read: owner, lease and the results token.
The stores turn these values into documents; field names are the contract's own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from musicgenerator.briefs import DURATION_SECONDS, ENGINES, LANGUAGES, SEED, Brief
from musicgenerator.errors import BriefError
from musicgenerator.plain_text import is_unicode
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
    """The uploaded picture; ``width`` and ``height`` in pixels, upright, 0 until it has been decoded."""

    bucket: str
    object: str
    generation: int
    width: int
    height: int
    contentType: str  # noqa: N815  the contract's spelling
    bytes: int


@dataclass(frozen=True)
class Request:
    """What the person asked for; ``seed`` and ``engine`` are None where the system is to choose."""

    hint: str = ""
    style: str = ""
    durationSeconds: int = DEFAULT_SECONDS  # noqa: N815  the contract's spelling
    language: str = DEFAULT_LANGUAGE
    engine: str | None = None
    seed: int | None = None

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> Self:
        """Read a request and check every bound; raise BriefError naming the first field that is wrong."""
        return cls(
            hint=_short_text(data, "hint", HINT_LENGTH),
            style=_short_text(data, "style", STYLE_LENGTH),
            durationSeconds=_whole_number(data, "durationSeconds", DURATION_SECONDS, DEFAULT_SECONDS) or 0,
            language=_language(data),
            engine=_engine(data),
            seed=_whole_number(data, "seed", SEED, None),
        )


@dataclass(frozen=True)
class Track:
    """One track as a handler sees it: where it stands and what is known so far.

    ``retryable`` is what its error says: whether another attempt may succeed; ``created_at`` is None before it is
    stored; ``timeline`` says when it entered each state last.
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


@dataclass(frozen=True)
class PrivateTrack:
    """What is kept of a track where no client can read it.

    ``owner`` is the random name of the invocation that claimed the track and ``lease_until`` ends its claim;
    ``published`` tells whether the captioned track has been announced on `captions`;
    ``parked`` tells that it waits for the operator and has to be taken up by a replay;
    ``claims`` counts how often the picture was taken up;
    ``region`` is where this attempt's job runs, chosen when the attempt is claimed and never changed: empty before
    that, and for the installation's own region in documents that are older than the choice.
    """

    token: str
    owner: str | None = None
    lease_until: datetime | None = None
    published: bool = False
    parked: bool = False
    claims: int = 0
    region: str = ""


@dataclass(frozen=True)
class Change:
    """One step of a track, written as a whole or not at all.

    ``daily_limit`` makes the step one of so many a day: it is counted in the same commit, or refused;
    ``due_at`` is when the track is next looked after, None where its state's patience says so.
    """

    status: Status | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    work: Mapping[str, Any] = field(default_factory=dict)
    daily_limit: int | None = None
    due_at: datetime | None = None


Decision = Callable[[Track, PrivateTrack], Change | None]


def check_step(now: Track, change: Change) -> None:
    """Raise ValueError unless ``(attempt, rank)`` rises, which it must wherever the status or the attempt changes.

    Only a new attempt leads out of a final state: the next one, of a failed track.
    """
    attempt, status = change.fields.get("attempt", now.attempt), change.status
    if attempt == now.attempt:
        allowed = status is None or now.status.may_become(status)
    else:
        again = now.status is Status.FAILED and attempt == now.attempt + 1
        allowed = again and status is not None and not status.is_final
    if not allowed:
        raise ValueError(f"a track may not pass from {now.status} ({now.attempt}) to {status} ({attempt})")


@dataclass(frozen=True)
class Outcome:
    """The track and work that a decision was last made on, and whether this call wrote what it decided."""

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
