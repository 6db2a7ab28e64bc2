"""What a person asks for with a picture."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from musicgenerator import documents
from musicgenerator.briefs import DURATION_SECONDS, ENGINES, LANGUAGES, SEED
from musicgenerator.errors import BriefError
from musicgenerator.exports import MODEL, Export, read_export
from musicgenerator.ids import is_track_id
from musicgenerator.plain_text import is_unicode

HINT_LENGTH: Final = 300
STYLE_LENGTH: Final = 60
DEFAULT_SECONDS: Final = 30
DEFAULT_LANGUAGE: Final = "ko"
TAKES: Final = (1, 2)
MAX_KEPT: Final = 8

# A part is named for its role, a second and a third one of a role with a number; sections count from 1.
_EXCEPTION = re.compile(r"section [1-9][0-9]?|[a-z]{2,20}(-[2-9])?")


@dataclass(frozen=True)
class Kept:
    """One step of a variation: the music of ``seed`` is kept, except ``exception``, which the next seed makes.

    ``exception`` is a part's name, such as ``lead`` or ``pad-2``, or a section, such as ``section 2``. ``model`` is the
    composer that made the music, as in its ``track.json``; empty if it is unknown. The mapping leaves it out then.
    """

    seed: int
    exception: str
    model: str = ""

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> Self:
        """Read ``{"seed", "except", "model"}``; raise BriefError for ``keep`` if it is not valid."""
        seed, exception = data.get("seed"), data.get("except")
        if isinstance(seed, bool) or not isinstance(seed, int) or not SEED[0] <= seed <= SEED[1]:
            raise BriefError("keep", "must have a seed, a whole number from 0 to 4294967295")
        # An earlier release wrote steps without a model.
        model = data.get("model", "")
        if not isinstance(model, str) or not MODEL.fullmatch(model):
            raise BriefError("keep", "must name a model")
        return cls(seed, checked_exception(exception), model)

    def to_mapping(self) -> dict[str, Any]:
        """Return an entry of ``keep`` in a document's ``request`` and in an order."""
        return {"seed": self.seed, "except": self.exception} | ({"model": self.model} if self.model else {})


def checked_exception(value: object) -> str:
    """Return what a variation does not keep; raise BriefError for ``keep`` if it names neither a part nor a section."""
    if not isinstance(value, str) or not _EXCEPTION.fullmatch(value):
        raise BriefError("keep", 'must name a part, such as "lead", or a section, such as "section 2", as "except"')
    return value


def read_keep(value: object) -> tuple[Kept, ...]:
    """Read a list of a request's steps, oldest first; raise BriefError for ``keep`` if it is not valid."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise BriefError("keep", "must be a list of objects")
    if len(value) > MAX_KEPT:
        raise BriefError("keep", f"must have at most {MAX_KEPT} entries, not {len(value)}")
    return tuple(Kept.from_mapping(each) for each in value)


@dataclass(frozen=True)
class Request:
    """What the person asked for; if ``seed`` or ``engine`` is None, the launcher chooses it.

    ``keep`` says, oldest step first, how the music varies an earlier track's; the last step's exception is made from
    the track's own seed. ``takes`` is 2 if the person asked for two takes; ``twin_of`` is the first take's track in
    the second one's request. ``export`` says that the track is an export of another one. The mapping leaves out these
    four if they have their default.
    """

    hint: str = ""
    style: str = ""
    duration_seconds: int = DEFAULT_SECONDS
    language: str = DEFAULT_LANGUAGE
    engine: str | None = None
    seed: int | None = None
    keep: tuple[Kept, ...] = ()
    takes: int = 1
    twin_of: str = ""
    export: Export | None = None

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
            keep=read_keep(data.get("keep")),
            takes=_whole_number(data, "takes", TAKES, 1) or 1,
            twin_of=_twin_of(data),
            export=read_export(data.get("export")),
        )

    @property
    def model(self) -> str:
        """The composer that must make the track, because another one may write other notes; empty for any."""
        if self.export:
            return self.export.model
        # The last step's music exists, so its composer made all earlier steps.
        return self.keep[-1].model if self.keep else ""

    def to_mapping(self) -> dict[str, Any]:
        """Return a document's ``request``."""
        request = documents.to_mapping(self) | {"keep": [kept.to_mapping() for kept in self.keep]}
        request["export"] = self.export and self.export.to_mapping()
        usual = {"keep": [], "takes": 1, "twinOf": "", "export": None}
        return {name: value for name, value in request.items() if name not in usual or value != usual[name]}


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


def _twin_of(data: Mapping[str, Any]) -> str:
    value = data.get("twinOf") or ""
    if not isinstance(value, str) or (value and not is_track_id(value)):
        raise BriefError("twinOf", "must be a track id")
    return value
