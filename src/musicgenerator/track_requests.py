"""What a person asks for with a picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from musicgenerator import documents
from musicgenerator.briefs import DURATION_SECONDS, ENGINES, LANGUAGES, SEED
from musicgenerator.errors import BriefError
from musicgenerator.plain_text import is_unicode

HINT_LENGTH: Final = 300
STYLE_LENGTH: Final = 60
DEFAULT_SECONDS: Final = 30
DEFAULT_LANGUAGE: Final = "ko"


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
