"""A track's results: their names and addresses, and the facts in ``track.json``.

The step writes ``track.json`` last: if it exists, everything that it names exists.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Self

from musicgenerator import documents
from musicgenerator.errors import MusicMissingError
from musicgenerator.settings import required

MUSIC: Final = "music.mp3"
MUSIC_WAV: Final = "music.wav"
MUSIC_MIDI: Final = "music.mid"
MUSIC_SCORE: Final = "score.musicxml"
COVER: Final = "cover.jpg"
SKETCH: Final = "sketch.mp3"
SKETCH_TYPE: Final = "audio/mpeg"
FAILURE_TYPE: Final = "application/json"
TRACK: Final = "track.json"
TAKE: Final = "take.json"
RESULT_TYPES: Final = {
    MUSIC: "audio/mpeg",
    MUSIC_WAV: "audio/wav",
    MUSIC_MIDI: "audio/midi",
    MUSIC_SCORE: "application/vnd.recordare.musicxml+xml",
    COVER: "image/jpeg",
    TRACK: "application/json",
    TAKE: "application/json",
}
# The results bucket's lifecycle deletes an object this long after its custom time, and Google may need a day more.
# A result's custom time is this much before the end of its session, so that no file outlives the session by long.
LIFECYCLE_DELAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class MusicFacts:
    """Facts of the finished music.

    ``bytes`` is the size of the MP3, and ``loudness_lufs`` the integrated loudness (ITU-R BS.1770). ``peaks`` are
    evenly spaced values from 0 to 1. ``cost_usd`` is what the engine charged. ``fallback_from`` is the engine that
    failed before the fallback engine made the music. ``midi`` and ``score`` say that there is such a file. The mapping
    leaves out these three if they have their default.
    """

    duration_seconds: float
    mime_type: str
    bytes: int
    loudness_lufs: float
    peaks: tuple[float, ...]
    engine: str
    seed: int
    cost_usd: float
    fallback_from: str | None = None
    midi: bool = False
    score: bool = False

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the facts from a ``track.json``; raise MusicMissingError if a fact is missing or invalid."""
        try:
            facts = documents.arguments(cls, json.loads(text)["music"])
            return cls(**facts | {"peaks": tuple(float(peak) for peak in facts["peaks"])})
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise MusicMissingError(f"track.json states no music: {error!r}") from error

    def to_mapping(self) -> dict[str, Any]:
        """Return the facts as JSON values."""
        usual = ("fallbackFrom", "midi", "score")
        return {name: value for name, value in documents.to_mapping(self).items() if name not in usual or value}


@dataclass(frozen=True)
class ResultsFolder:
    """The folder of one track in the results bucket; ``base_url`` is the address of Cloud Storage."""

    base_url: str
    bucket: str
    token: str

    def name(self, file: str) -> str:
        """Return the object name of a result."""
        return f"{self.token}/{file}"

    def url(self, file: str) -> str:
        """Return the address of a result; knowing the token is the right to read it."""
        return f"{self.base_url.rstrip('/')}/{self.bucket}/{self.name(file)}"


@dataclass(frozen=True)
class ResultsBucket:
    """The results bucket; ``base_url`` is the address of Cloud Storage."""

    base_url: str
    name: str

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the environment; raise SettingMissingError for a variable that is not set."""
        return cls(required(environ, "STORAGE_URL"), required(environ, "RESULTS_BUCKET"))

    def folder(self, token: str) -> ResultsFolder:
        """Return the folder with this token."""
        return ResultsFolder(self.base_url, self.name, token)


def sketch_name(attempt: int) -> str:
    """Return the file name of an attempt's sketch; each attempt has its own, because each has its own seed."""
    return SKETCH if attempt == 1 else f"sketch-{attempt}.mp3"


def failure_name(attempt: int) -> str:
    """Return the name of the file that says that the step could not make an attempt's music."""
    return f"failure-{attempt}.json"


@dataclass(frozen=True)
class Sketch:
    """A track's ``sketch`` field: music of the composer for the time until the pipeline's music is finished.

    ``peaks`` are evenly spaced values from 0 to 1.
    """

    folder: ResultsFolder
    file: str
    duration_seconds: float
    peaks: tuple[float, ...]
    seed: int

    def to_mapping(self) -> dict[str, Any]:
        """Return the field as JSON values."""
        facts = {"durationSeconds": self.duration_seconds, "peaks": list(self.peaks), "seed": self.seed}
        return {"url": self.folder.url(self.file)} | facts


@dataclass(frozen=True)
class Music:
    """A track's ``music`` field: only the cover until the music is finished."""

    folder: ResultsFolder
    facts: MusicFacts | None = None

    def to_mapping(self) -> dict[str, Any]:
        """Return the field as JSON values."""
        cover = {"coverUrl": self.folder.url(COVER)}
        if self.facts is None:
            return cover
        facts = self.facts.to_mapping()
        files = {"url": MUSIC, "wavUrl": MUSIC_WAV}
        files |= {"midiUrl": MUSIC_MIDI} if facts.pop("midi", False) else {}
        files |= {"scoreUrl": MUSIC_SCORE} if facts.pop("score", False) else {}
        return {name: self.folder.url(file) for name, file in files.items()} | cover | facts
