"""Another version that keeps the music of a track, except one part or one section of it."""

import json
from collections.abc import Mapping
from typing import Any, Final

from problems import InvalidRequestError, WrongStateError

from musicgenerator.briefs import COMPOSER
from musicgenerator.errors import BriefError, MusicMissingError
from musicgenerator.exports import model_of
from musicgenerator.states import Status
from musicgenerator.track_requests import MAX_KEPT, Kept, checked_exception
from musicgenerator.tracks import Track

# Everything else of the brief changes all of the music.
_EDITABLE_BESIDE: Final = ("title", "caption", "seed", "engine")
_EARLIER: Final = "An earlier version of the composer made this music. Make another version of it, and vary that one."


def asked_exception(body: Mapping[str, Any]) -> str | None:
    """Return the part or section that a body's ``keep`` does not keep, None if the body has no ``keep``.

    Raises InvalidRequestError if ``keep`` is not valid, or if the body also edits what would change all of the music.
    """
    keep = body.get("keep")
    if keep is None:
        return None
    if not isinstance(keep, dict) or keep.keys() != {"except"}:
        raise InvalidRequestError('keep must be an object with only "except".', field="keep")
    for name in body:
        if name not in {*_EDITABLE_BESIDE, "keep"} and body[name] is not None:
            raise InvalidRequestError(
                f"With keep, only these can be edited: {', '.join(_EDITABLE_BESIDE)}. "
                f"Another {name} changes all of the music.",
                field=name,
            )
    if body.get("engine") not in {None, COMPOSER}:
        raise InvalidRequestError(f"Only the engine {COMPOSER} can keep a part of its music.", field="engine")
    try:
        return checked_exception(keep["except"])
    except BriefError as error:
        raise InvalidRequestError(f"{error.field} {error.problem}.", field=error.field) from error


def kept_of(source: Track, track_json: bytes | None, exception: str) -> tuple[Kept, ...]:
    """Return the ``keep`` of a version of ``source`` with the content of its ``track.json``, oldest step first.

    Raises WrongStateError if the source's music cannot be varied, InvalidRequestError if it has no such part or
    section.
    """
    if source.status is not Status.READY:
        raise WrongStateError("Only finished music can be kept: wait until the track is ready.")
    seed, model, form = _made_by_composer(track_json)
    if len(source.request.keep) >= MAX_KEPT:
        raise WrongStateError(f"This music has been varied {MAX_KEPT} times. Make another version without keep.")
    sections = [f"section {number}" for number in range(1, len(form["sections"]) + 1)]
    names = [str(part["name"]) for part in form["parts"]]
    if exception not in {*sections, *names}:
        raise InvalidRequestError(
            f"except must be one of the music's parts ({', '.join(names)}) "
            f"or one of its {len(sections)} sections (section 1 to section {len(sections)}).",
            field="keep",
        )
    return (*source.request.keep, Kept(seed, exception, model))


def _made_by_composer(track_json: bytes | None) -> tuple[int, str, Mapping[str, Any]]:
    """Return the seed, the model and the form of the music; raise WrongStateError unless the composer made it."""
    if track_json is None:
        raise WrongStateError("The facts of this music are missing. Make another version of it without keep.")
    # The step wrote the file, and all of it before the track was ready.
    facts = json.loads(track_json)
    engine = facts["music"]["engine"]
    if engine != COMPOSER:
        raise WrongStateError(f"Only music by the engine {COMPOSER} can be kept in part; this is by {engine}.")
    form = facts["form"]
    if not form.get("sections") or not form.get("parts"):
        raise WrongStateError(_EARLIER)
    try:
        model = model_of(track_json)
    except MusicMissingError as error:
        raise WrongStateError(_EARLIER) from error
    return int(facts["music"]["seed"]), model, form
