"""Parse and validate the body of a request: wishes, announced picture, edited brief.

Not `requests.py`: in a function's folder the installed package of that name would win.
"""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from problems import EngineRefusedError, InvalidRequestError, TooManyBytesError, UnsupportedTypeError

from musicgenerator.briefs import LENGTHS, MOODS, SEED, Brief
from musicgenerator.errors import BriefError
from musicgenerator.plain_text import plain
from musicgenerator.track_requests import Request
from musicgenerator.tracks import MAX_PICTURE_BYTES, PICTURE_TYPES

_WISHES: Final = ("durationSeconds", "seed", "engine")
# The fields of a request that follow from a command.
_NOT_WISHED: Final = ("keep", "twinOf", "export")
_TEXTS: Final = ("title", "caption", "prompt", "avoid")
EDITABLE: Final = (*_TEXTS, "moods", "genre", "instruments", "tempoBpm", "key", "valence", "energy", *_WISHES, "keep")


@dataclass(frozen=True)
class CommandRequest:
    """One request; ``key`` is its idempotency key, ``address`` the client's IP address.

    ``track`` is empty if the path names none, ``address`` if it is unknown.
    """

    session: str
    secret: str
    track: str
    body: Mapping[str, Any]
    key: str | None = None
    address: str = ""


def requested(data: Mapping[str, Any]) -> Request:
    """Return the wishes in a body; raise InvalidRequestError naming the first invalid field."""
    try:
        return Request.from_mapping({name: value for name, value in data.items() if name not in _NOT_WISHED})
    except BriefError as error:
        raise InvalidRequestError(f"{error.field} {error.problem}.", field=error.field) from error


def check_engine(request: Request, engines: Collection[str]) -> None:
    """Raise EngineRefusedError if a request names an engine that is not one of these."""
    if request.engine is not None and request.engine not in engines:
        raise EngineRefusedError(f"engine must be one of {', '.join(sorted(engines))}.", field="engine")


def picture_type(body: Mapping[str, Any]) -> str:
    """Return the announced picture's content type.

    Raises UnsupportedTypeError, TooManyBytesError, or InvalidRequestError if the size is not a positive integer.
    """
    content_type, size = body.get("contentType"), body.get("bytes", 1)
    if content_type not in PICTURE_TYPES:
        raise UnsupportedTypeError(f"contentType must be one of {', '.join(PICTURE_TYPES)}.", field="contentType")
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise InvalidRequestError("bytes must be the picture's size, a whole number above 0.", field="bytes")
    if size > MAX_PICTURE_BYTES:
        raise TooManyBytesError(f"A picture may have at most {MAX_PICTURE_BYTES:,} bytes, not {size:,}.", field="bytes")
    return str(content_type)


@dataclass(frozen=True)
class Edit:
    """An edited brief and request; ``is_written`` says that a person wrote words of the brief."""

    brief: Brief
    request: Request
    is_written: bool


def edited(brief: Brief, request: Request, body: Mapping[str, Any]) -> Edit:
    """Return the brief and the request with the body's fields replaced; without a seed, the seed is random.

    Moods can be replaced by words of the vocabulary. The request asks for one take, and keeps nothing: what ``keep``
    says follows from the track's music.
    Raises InvalidRequestError naming the first field that cannot be edited or is out of bounds.
    """
    for name in body:
        if name not in EDITABLE:
            raise InvalidRequestError(f"Only these can be edited: {', '.join(EDITABLE)}.", field=name)
    edit = {name: value for name, value in body.items() if value is not None and name != "keep"}
    wishes = {"seed": secrets.randbelow(SEED[1] + 1)} | {name: edit.pop(name) for name in _WISHES if name in edit}
    try:
        # Check the edit as sent, then again after addresses and markup are removed: a text may be empty by then.
        checked = Brief.from_mapping(brief.to_mapping() | edit).to_mapping()
        texts = {name: plain(checked[name], LENGTHS[name]) for name in _TEXTS if name in edit}
        new = Brief.from_mapping(checked | texts)
        _check_moods(new, brief)
        if new != brief:
            new = replace(new, edited_by_person=True, why=new.why.without(*_unexplained(new, brief)))
        is_written = any(texts[name] != getattr(brief, name) for name in texts)
        return Edit(new, requested(replace(request, takes=1).to_mapping() | wishes), is_written)
    except BriefError as error:
        raise InvalidRequestError(f"{error.field} {error.problem}.", field=error.field) from error


def _unexplained(new: Brief, old: Brief) -> list[str]:
    """Return the sentences of ``why`` that explain what a person has changed."""
    changes = {
        "tempo": new.tempo_bpm != old.tempo_bpm,
        "key": new.key != old.key,
        "instruments": new.instruments != old.instruments,
        "mood": new.moods != old.moods,
    }
    return [name for name, is_changed in changes.items() if is_changed]


def _check_moods(new: Brief, old: Brief) -> None:
    strange = [mood for mood in new.moods if mood not in {*MOODS, *old.moods}]
    if strange:
        raise BriefError("moods", f"must be from {', '.join(MOODS)}, not {strange[0]!r}")
