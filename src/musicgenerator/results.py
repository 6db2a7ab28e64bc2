"""Where a track's results lie, and the facts that ``track.json`` states about them.

The pipeline's step writes ``track.json`` last, so its presence means that everything it names is there.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from musicgenerator.errors import MusicMissingError

MUSIC: Final = "music.mp3"
MUSIC_WAV: Final = "music.wav"
MUSIC_MIDI: Final = "music.mid"
COVER: Final = "cover.jpg"
TRACK: Final = "track.json"
TAKE: Final = "take.json"
RESULT_TYPES: Final = {
    MUSIC: "audio/mpeg",
    MUSIC_WAV: "audio/wav",
    MUSIC_MIDI: "audio/midi",
    COVER: "image/jpeg",
    TRACK: "application/json",
    TAKE: "application/json",
}


@dataclass(frozen=True)
class MusicFacts:
    """What was measured of the finished music.

    ``durationSeconds`` in seconds, ``bytes`` of the MP3, ``loudnessLufs`` integrated (ITU-R BS.1770),
    ``peaks`` from 0 to 1 evenly over the whole length, ``costUsd`` what the engine charged, ``fallbackFrom`` the engine
    that was asked first and failed, stated only where there was one.
    """

    durationSeconds: float  # noqa: N815  the contract's spelling
    mimeType: str  # noqa: N815  as above
    bytes: int
    loudnessLufs: float  # noqa: N815  as above
    peaks: tuple[float, ...]
    engine: str
    seed: int
    costUsd: float  # noqa: N815  as above
    fallbackFrom: str | None = None  # noqa: N815  as above

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the facts out of a ``track.json``; raise MusicMissingError where it states none."""
        try:
            music = json.loads(text)["music"]
            facts = {name: music[name] for name in cls.__dataclass_fields__ if name != "fallbackFrom" or name in music}
            return cls(**facts | {"peaks": tuple(float(peak) for peak in facts["peaks"])})
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise MusicMissingError(f"track.json states no music: {error!r}") from error

    def to_mapping(self) -> dict[str, Any]:
        """Return the facts as plain values."""
        facts = asdict(self) | {"peaks": list(self.peaks)}
        return {name: value for name, value in facts.items() if name != "fallbackFrom" or value is not None}


@dataclass(frozen=True)
class ResultsFolder:
    """The folder of one track in the results bucket; ``base_url`` is where the bucket's service answers."""

    base_url: str
    bucket: str
    token: str

    def name(self, file: str) -> str:
        """Return the object name of one of the results."""
        return f"{self.token}/{file}"

    def url(self, file: str) -> str:
        """Return the address under which whoever knows the token can read one of the results."""
        return f"{self.base_url.rstrip('/')}/{self.bucket}/{self.name(file)}"

    def music_field(self, facts: MusicFacts) -> Mapping[str, Any]:
        """Return the track's ``music`` field."""
        return {"url": self.url(MUSIC), "wavUrl": self.url(MUSIC_WAV), "coverUrl": self.url(COVER)} | facts.to_mapping()
