"""What a drop is: which objects are somebody's picture, which track a picture makes, and what its metadata asks for.

A drop is an object of the images bucket that nobody announced. Tools write other objects there too: temporary
components, placeholders, folders and sidecars.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

from musicgenerator import ids
from musicgenerator.briefs import DURATION_SECONDS, ENGINES, LANGUAGES, SEED
from musicgenerator.errors import PictureGoneError
from musicgenerator.events import ObjectFinalized
from musicgenerator.plain_text import is_unicode, plain
from musicgenerator.states import Status
from musicgenerator.track_requests import HINT_LENGTH, STYLE_LENGTH, TAKES, Request
from musicgenerator.tracks import Note, Track

MAX_ROUNDS: Final = 5
MAX_NOTES: Final = 10
_NOTE_LENGTH: Final = 40


class Unwanted(StrEnum):
    """Why an object's name says that it is nobody's picture."""

    FOLDER = "folder"
    TEMPORARY = "temporary"
    SYSTEM = "system"
    SIDECAR = "sidecar"


def unwanted(name: str) -> Unwanted | None:
    """Return why an object with this name is nobody's picture, None if it may be one. Upper and lower case are equal.

    Only names that tools write are listed. Everything else is judged by its first bytes.
    """
    if name.endswith(("/", "_$folder$")):
        return Unwanted.FOLDER
    *folders, file = name.casefold().split("/")
    if not _TEMPORARY_FOLDERS.isdisjoint(folders) or _TEMPORARY.search(file):
        return Unwanted.TEMPORARY
    if not _SYSTEM_FOLDERS.isdisjoint(folders) or file in _SYSTEM_FILES or file.startswith("._"):
        return Unwanted.SYSTEM
    return Unwanted.SIDECAR if file.endswith(_SIDECARS) else None


def track_of(found: ObjectFinalized, turn: int = 0) -> str:
    """Return the track of a dropped picture: the same for the same bytes, name and wishes.

    A rewrite of an object has a new generation, but makes no new track. ``turn`` counts the earlier tracks that failed
    although the picture is good.
    """
    request, _ = wishes(found.metadata)
    content = f"{found.crc32c} {found.size}" if found.crc32c else str(found.generation)
    asked = [request.hint, request.style, request.duration_seconds, request.language, request.engine, request.seed]
    # Earlier releases know no takes, and their tracks keep their ids.
    asked += [request.takes] if request.takes > 1 else []
    return ids.dropped_track_id(found.bucket, found.name, content, *(str(each) for each in asked), str(turn))


def starts_another(track: Track) -> bool:
    """Say whether a dropped picture's track failed although the picture is good: dropping it again starts another."""
    return track.status is Status.FAILED and (track.retryable or track.error_code == PictureGoneError.code)


def wishes(metadata: Mapping[str, str]) -> tuple[Request, tuple[Note, ...]]:
    """Return the request in an object's custom metadata, and notes of what was changed or ignored.

    Keys and values are read as people write them. A note never has the value that was written, because everybody who
    knows the session reads it.
    """
    values: dict[str, Any] = {}
    notes: list[Note] = []
    for key, name, value in _named(metadata):
        read = _READERS[name](value) if name in _READERS else None
        if name in values or read is None:
            notes.append(Note(name or plain(key, _NOTE_LENGTH), ignored=True))
            continue
        values[name] = read
        if str(read).casefold() != value.casefold():
            notes.append(Note(name, ignored=False, value="" if name in _TEXTS else str(read)))
    return Request.from_mapping(values), tuple(notes[:MAX_NOTES])


_TEMPORARY_FOLDERS: Final = {"parallel_composite_uploads", ".gcsfuse_tmp", "_temporary", ".tmp", ".partial"}
# Downloads and copies under way (the last two: rsync and Android), lock files of office programs, editors' swap files.
_TEMPORARY: Final = re.compile(
    r"\.(part|partial|filepart|crdownload|opdownload|download|tmp|temp|swp|swx|!ut|aria2|upload|uploading)$"
    r"|^~\$|^\.~lock\.|\._copying_$|^\.goutputstream-|^\.nfs[0-9a-f]+$|_[0-9a-f]{40}_[0-9]+$"
    r"|^\..+\.[a-z0-9]{6}$|^\.(pending|trashed)-[0-9]+-"
)
_SYSTEM_FOLDERS: Final = {
    *("__macosx", ".spotlight-v100", ".trashes", ".fseventsd"),
    *("$recycle.bin", "system volume information"),
    *("@eadir", ".thumbnails", "lost+found", ".trash", ".git", ".svn"),
}
_SYSTEM_FILES: Final = {
    *(".ds_store", ".localized", "icon\r"),
    *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "iconcache.db"),
    *(".directory", ".nomedia", ".hidden", ".gitkeep", ".keep", ".picasa.ini", "picasa.ini", "_success"),
}
# Edits and metadata beside a photo or video; `.thm` and `.lrv` are previews that cameras write beside a video.
_SIDECARS: Final = (".aae", ".xmp", ".json", ".thm", ".lrv", ".pp3", ".dop", ".on1", ".cos", ".xml", ".ini", ".txt")

_TEXTS: Final = {"hint", "style"}
# How people write a field's name, in lower case and without separators.
_NAMES: Final = {
    "hint": "hint",
    "style": "style",
    "durationseconds": "durationSeconds",
    "duration": "durationSeconds",
    "seconds": "durationSeconds",
    "length": "durationSeconds",
    "secondsofmusic": "durationSeconds",
    "language": "language",
    "lang": "language",
    "locale": "language",
    "brieflanguage": "language",
    "engine": "engine",
    "model": "engine",
    "seed": "seed",
    "takes": "takes",
    "take": "takes",
    "numberoftakes": "takes",
}
_QUOTES: Final = "\"'`\u201c\u201d\u2018\u2019"
_SEPARATORS: Final = re.compile(r"[\s_.-]+")
# Clients write these themselves: modification times and permissions, checksums, download tokens.
_WRITTEN_BY_CLIENTS: Final = re.compile(r"^goog|mtime|^firebase|md5|crc32|sha(1|256)|^gcsfuse|^(uid|gid|mode)$")
_LENGTH: Final = re.compile(
    r"\+?([0-9]{1,6}(?:[.,][0-9]{1,6})?) ?"
    r"(?:(s|sec|secs|second|seconds|초)|(m|min|mins|minute|minutes|분))?"
)
_CLOCK: Final = re.compile(r"([0-9]{1,3}):([0-5][0-9])")
_WHOLE: Final = re.compile(r"\+?([0-9]{1,19})(?:\.0{1,6})?")
_LANGUAGE_NAMES: Final = {
    "english": "en",
    "eng": "en",
    "영어": "en",
    "korean": "ko",
    "kor": "ko",
    "kr": "ko",
    "한국어": "ko",
    "한국말": "ko",
}
_ENGINE_NAMES: Final = {
    "lyria2": "lyria-002",
    "lyria02": "lyria-002",
    "lyria3": "lyria-3-clip",
    "lyria3clippreview": "lyria-3-clip",
    "lyria3propreview": "lyria-3-pro",
} | {_SEPARATORS.sub("", engine): engine for engine in ENGINES}


def _named(metadata: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield each entry that a person may have written: its key, the field that it means or "", and its value.

    Exact keys come first, so that they win over other spellings of the same field.
    """
    for key in sorted(metadata, key=lambda key: (key not in _NAMES.values(), key)):
        short = _SEPARATORS.sub("", unicodedata.normalize("NFKC", key).casefold().removeprefix("x-goog-meta-"))
        name, value = _NAMES.get(short, ""), metadata[key].strip()
        if name not in _TEXTS:
            value = value.strip(_QUOTES).strip()
        if value and (name or not _WRITTEN_BY_CLIENTS.search(short)):
            yield key, name, value


def _length(value: str) -> int | None:
    text = unicodedata.normalize("NFKC", value).casefold()
    clock, match = _CLOCK.fullmatch(text), _LENGTH.fullmatch(text)
    if clock:
        seconds = 60.0 * int(clock[1]) + int(clock[2])
    elif match:
        seconds = float(match[1].replace(",", ".")) * (60 if match[3] else 1)
    else:
        return None
    least, most = DURATION_SECONDS
    # Nobody asks for music of no length.
    return min(most, max(least, math.floor(seconds + 0.5))) if seconds > 0 else None


def _language(value: str) -> str | None:
    text = unicodedata.normalize("NFKC", value).casefold()
    first = re.split(r"[-_.@,; ]", text, maxsplit=1)[0]
    found = _LANGUAGE_NAMES.get(first, first)
    return found if found in LANGUAGES else None


def _engine(value: str) -> str | None:
    return _ENGINE_NAMES.get(_SEPARATORS.sub("", unicodedata.normalize("NFKC", value).casefold()))


def _seed(value: str) -> int | None:
    match = _WHOLE.fullmatch(unicodedata.normalize("NFKC", value))
    least, most = SEED
    return int(match[1]) if match and least <= int(match[1]) <= most else None


def _takes(value: str) -> int | None:
    match = _WHOLE.fullmatch(unicodedata.normalize("NFKC", value))
    return int(match[1]) if match and int(match[1]) in TAKES else None


def _text(length: int) -> Callable[[str], str | None]:
    def read(value: str) -> str | None:
        if not is_unicode(value):
            return None
        return value if len(value) <= length else value[: length - 1].rstrip() + "…"

    return read


_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "hint": _text(HINT_LENGTH),
    "style": _text(STYLE_LENGTH),
    "durationSeconds": _length,
    "language": _language,
    "engine": _engine,
    "seed": _seed,
    "takes": _takes,
}
