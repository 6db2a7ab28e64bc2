"""Exports: files that are made on request from the finished music of the engine `composer`.

An export is a track of its own (docs/decisions/0035-exports-are-tracks.md). Its request names the track that it is made
from, its source.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from musicgenerator import documents
from musicgenerator.errors import BriefError, MusicMissingError, PermanentError
from musicgenerator.ids import is_track_id
from musicgenerator.results import LOOP, MUSIC, STEMS

# The kinds of export, and the file of each.
EXPORT_FILES: Final[Mapping[str, str]] = {"stems": STEMS, "loop": LOOP}
MODEL: Final = re.compile(r"[^\r\n]{0,200}")


class ComposerChangedError(PermanentError):
    """Another composer made the music: another version, or one with another soundfont."""

    code = "composer_changed"
    words = {
        "ko": "작곡기의 이전 버전으로 만든 음악이라 같은 음을 다시 만들 수 없어요. 대신 전체를 새로 만들어 보세요.",
        "en": "An earlier version of the composer made this music, and this one would write other notes. "
        "Make another version of all of the music instead.",
    }


@dataclass(frozen=True)
class Export:
    """What a track exports: ``kind`` is ``stems`` or ``loop``, ``track`` is the source.

    ``model`` is the composer that made the source's music, as in the source's ``track.json``.
    """

    kind: str
    track: str
    model: str

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> Self:
        """Read a request's ``export``; raise BriefError for ``export`` if it is not valid."""
        kind, track, model = (data.get(name) for name in ("kind", "track", "model"))
        if kind not in EXPORT_FILES:
            raise BriefError("export", f"must have a kind, one of {', '.join(EXPORT_FILES)}")
        if not isinstance(track, str) or not is_track_id(track):
            raise BriefError("export", "must name a track")
        if not isinstance(model, str) or not MODEL.fullmatch(model):
            raise BriefError("export", "must name a model")
        return cls(str(kind), track, model)

    def to_mapping(self) -> dict[str, Any]:
        """Return a request's ``export``."""
        return documents.to_mapping(self)


def read_export(value: object) -> Export | None:
    """Read a request's ``export``, None for a track with music; raise BriefError for ``export`` if it is not valid."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise BriefError("export", "must be an object")
    return Export.from_mapping(value)


def main_file(export: Export | None) -> str:
    """Return the file that a track's ``music.url`` names."""
    return MUSIC if export is None else EXPORT_FILES[export.kind]


def model_of(track_json: bytes) -> str:
    """Return the model that made the music, as a ``track.json`` names it; raise MusicMissingError if it names none."""
    try:
        model = json.loads(track_json)["provenance"]["model"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MusicMissingError(f"track.json names no model: {error!r}") from error
    if not isinstance(model, str) or not MODEL.fullmatch(model):
        raise MusicMissingError("track.json names no model")
    return model
