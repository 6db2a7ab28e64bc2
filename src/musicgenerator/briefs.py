"""The brief: a structured description of the music, in a vocabulary that every engine understands."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal, Self, get_args

from musicgenerator import documents
from musicgenerator.errors import BriefError
from musicgenerator.plain_text import is_unicode

Genre = Literal[
    "ambient",
    "classical piano",
    "string ensemble",
    "jazz",
    "bossa nova",
    "lo-fi",
    "folk",
    "rock",
    "electronic",
    "cinematic",
    "waltz",
    "korean traditional",
]
Instrument = Literal[
    "piano",
    "electric piano",
    "celesta",
    "vibraphone",
    "church organ",
    "nylon guitar",
    "acoustic guitar",
    "electric guitar",
    "distortion guitar",
    "double bass",
    "bass guitar",
    "synth bass",
    "cello",
    "harp",
    "strings",
    "slow strings",
    "choir",
    "trumpet",
    "french horn",
    "brass section",
    "saxophone",
    "oboe",
    "clarinet",
    "flute",
    "pan flute",
    "sitar",
    "koto",
    "warm pad",
    "sweep pad",
    "fantasia",
    "saw lead",
    "taiko",
    "drums",
]
Key = Literal[
    "C major",
    "Db major",
    "D major",
    "Eb major",
    "E major",
    "F major",
    "F# major",
    "G major",
    "Ab major",
    "A major",
    "Bb major",
    "B major",
    "C minor",
    "C# minor",
    "D minor",
    "Eb minor",
    "E minor",
    "F minor",
    "F# minor",
    "G minor",
    "G# minor",
    "A minor",
    "Bb minor",
    "B minor",
]
Language = Literal["ko", "en"]

GENRES: Final[tuple[str, ...]] = get_args(Genre)
INSTRUMENTS: Final[tuple[str, ...]] = get_args(Instrument)
KEYS: Final[tuple[str, ...]] = get_args(Key)
LANGUAGES: Final[tuple[str, ...]] = get_args(Language)
# The moods that a person may choose. The describer may write others.
MOODS: Final = (
    "calm",
    "serene",
    "peaceful",
    "dreamy",
    "tender",
    "cozy",
    "warm",
    "light",
    "fresh",
    "romantic",
    "hopeful",
    "cheerful",
    "playful",
    "lively",
    "joyful",
    "energetic",
    "adventurous",
    "free",
    "elegant",
    "urban",
    "focused",
    "vast",
    "mysterious",
    "nostalgic",
    "wistful",
    "reflective",
    "melancholic",
    "lonely",
    "solemn",
    "brooding",
    "restless",
    "tense",
    "dark",
    "curious",
    "spirited",
    "bittersweet",
    "intimate",
    "stormy",
    "aggressive",
    "airy",
    "bright",
    "cold",
    "cool",
    "dramatic",
    "driving",
    "epic",
    "gentle",
    "happy",
    "intense",
    "mellow",
    "quiet",
    "relaxed",
    "sad",
    "soft",
    "spacious",
    "uplifting",
    "vibrant",
)
# The embedded engine: only its music can be exported, and kept in part.
COMPOSER: Final = "composer"
ENGINES: Final = (COMPOSER, "lyria-002", "lyria-3-clip", "lyria-3-pro", "endpoint")
TEMPO_BPM: Final = (40, 200)
VALENCE: Final = (-1.0, 1.0)
ENERGY: Final = (0.0, 1.0)
DURATION_SECONDS: Final = (10, 180)
SEED: Final = (0, 2**32 - 1)
LENGTHS: Final = {"title": 80, "caption": 400, "altText": 300, "prompt": 800, "avoid": 200}
# A sentence of ``why`` has at most so many characters.
WHY_LENGTH: Final = 200
MAX_MOODS: Final = 5
MAX_INSTRUMENTS: Final = 6

_MOOD = re.compile(r"[a-z][a-z -]{1,23}")


@dataclass(frozen=True)
class Why:
    """What in the picture led to tempo, key, instruments and mood: a plain sentence each, in the brief's language.

    A sentence is empty if it is unknown, or if a person has changed what it explains.
    """

    tempo: str = ""
    key: str = ""
    instruments: str = ""
    mood: str = ""

    @classmethod
    def from_mapping(cls, data: object) -> Self:
        """Read the sentences; leave out what is none, because no brief fails for its reasons."""
        known = {field.name for field in fields(cls)}
        said = data.items() if isinstance(data, Mapping) else ()
        return cls(**{name: text for name, text in said if name in known and _is_sentence(text)})

    def without(self, *names: str) -> Self:
        """Return the reasons without these sentences."""
        return replace(self, **dict.fromkeys(names, ""))

    def to_mapping(self) -> dict[str, str]:
        """Return the sentences that are known."""
        return {name: text for name, text in documents.to_mapping(self).items() if text}


@dataclass(frozen=True)
class Brief:
    """The music to make; ``valence`` runs from -1 (dark) to 1 (bright), ``energy`` from 0 (still) to 1 (wild).

    The track document, ``track.json`` and the describer's answer use the field names of ``to_mapping``.
    ``edited_by_person`` says that not all of it is the describer's; the mapping leaves it out otherwise, and ``why`` if
    no sentence of it is known.
    """

    title: str
    caption: str
    alt_text: str
    language: str
    prompt: str
    avoid: str
    moods: tuple[str, ...]
    genre: str
    instruments: tuple[str, ...]
    tempo_bpm: int
    key: str
    valence: float
    energy: float
    edited_by_person: bool = False
    why: Why = Why()

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> Self:
        """Read a brief and check every bound; raise BriefError for the first invalid field."""
        return cls(
            title=_text(data, "title"),
            caption=_text(data, "caption"),
            alt_text=_text(data, "altText"),
            language=_choice(data, "language", LANGUAGES),
            prompt=_text(data, "prompt"),
            avoid=_text(data, "avoid"),
            moods=_moods(data),
            genre=_choice(data, "genre", GENRES),
            instruments=_instruments(data),
            tempo_bpm=round(_number(data, "tempoBpm", TEMPO_BPM)),
            key=_choice(data, "key", KEYS),
            valence=_number(data, "valence", VALENCE),
            energy=_number(data, "energy", ENERGY),
            edited_by_person=data.get("editedByPerson") is True,
            why=Why.from_mapping(data.get("why")),
        )

    def to_mapping(self) -> dict[str, Any]:
        """Return the brief as JSON values."""
        brief = documents.to_mapping(self) | {"why": self.why.to_mapping()}
        usual = {"editedByPerson": False, "why": {}}
        return {name: value for name, value in brief.items() if name not in usual or value != usual[name]}

    def words(self) -> str:
        """Return all free texts, for moderation."""
        texts = (self.title, self.caption, self.alt_text, self.prompt, self.avoid, ", ".join(self.moods))
        return "\n".join((*texts, *self.why.to_mapping().values()))


def _text(data: Mapping[str, Any], field: str) -> str:
    value, length = data.get(field), LENGTHS[field]
    if not isinstance(value, str) or (not value.strip() and field != "avoid"):
        raise BriefError(field, "must be a text that is not empty")
    if not is_unicode(value):
        raise BriefError(field, "must be Unicode text")
    if len(value) > length:
        raise BriefError(field, f"must have at most {length} characters, not {len(value)}")
    return value


def _is_sentence(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= WHY_LENGTH and is_unicode(value)


def _choice(data: Mapping[str, Any], field: str, choices: tuple[str, ...]) -> str:
    value = data.get(field)
    if value not in choices:
        raise BriefError(field, f"must be one of {', '.join(choices)}, not {value!r}")
    return str(value)


def _number(data: Mapping[str, Any], field: str, bounds: tuple[float, float]) -> float:
    value = data.get(field)
    low, high = bounds
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise BriefError(field, f"must be a number from {low} to {high}, not {value!r}")
    return float(value)


def _list(data: Mapping[str, Any], field: str, limit: int) -> list[str]:
    value = data.get(field)
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= limit:
        raise BriefError(field, f"must be a list of 1 to {limit} words")
    return list(value)


def _moods(data: Mapping[str, Any]) -> tuple[str, ...]:
    moods = _list(data, "moods", MAX_MOODS)
    for mood in moods:
        if not isinstance(mood, str) or not _MOOD.fullmatch(mood):
            raise BriefError("moods", f"must be lower-case English words, not {mood!r}")
    return tuple(moods)


def _instruments(data: Mapping[str, Any]) -> tuple[str, ...]:
    instruments = _list(data, "instruments", MAX_INSTRUMENTS)
    for instrument in instruments:
        if instrument not in INSTRUMENTS:
            raise BriefError("instruments", f"must be from {', '.join(INSTRUMENTS)}, not {instrument!r}")
    return tuple(dict.fromkeys(instruments))
