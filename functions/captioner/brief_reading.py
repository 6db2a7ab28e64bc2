"""Reads a describer's answer field by field, because every answer is paid for.

What is close to the schema is corrected, what is too long or too large is clipped, and what cannot be used is left out
and derived from the other fields. Only an answer that says nothing about music fails.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

import brief_words

from musicgenerator import briefs
from musicgenerator.briefs import Brief
from musicgenerator.errors import BriefError
from musicgenerator.plain_text import is_english, plain

# Longer than any text of a brief, so that a text can be cut at the end of a sentence.
_MAX_READ: Final = 2_000
_MAX_DERIVED_TITLE: Final = 40
_MAX_DEPTH: Final = 4
_MAX_PARTS: Final = 50
_UNTITLED: Final = {"ko": "이름 없는 곡", "en": "Untitled"}
_UNDESCRIBED: Final = {"ko": "사진에서 나온 음악이에요.", "en": "Music that was made from a picture."}
_USUAL_INSTRUMENTS: Final = ["piano", "strings"]
_USUAL_ENERGY: Final = 0.4
_CALM_BPM, _WILD_BPM = 60, 140
_BRIGHT: Final = 0.2
_WILD: Final = 0.5

_TRAILING_COMMA: Final = re.compile(r",(?=\s*[}\]])")
_OTHER_FIELDS: Final = {
    "mood": "moods",
    "instrument": "instruments",
    "instrumentation": "instruments",
    "tempo": "tempobpm",
    "bpm": "tempobpm",
    "alt": "alttext",
    "description": "caption",
}
_QUOTES: Final = "\"'`“”\u2018\u2019«»「」『』"
# Letters, numbers and symbols such as emojis.
_SHOWN: Final = frozenset("LNS")
_SENTENCE_END: Final = re.compile("[.!?。\uff01\uff1f][\"'”\u2019)]?(?=\\s|$)")
_SEPARATORS: Final = re.compile("[.!?:,;/|&+·、\uff0c()\\[\\]]|\\band\\b|\\s[-\u2013—]\\s|그리고")
_NO_MOOD_LETTERS: Final = re.compile(r"[^a-z -]+")
_MOOD: Final = re.compile(r"[a-z][a-z -]{1,23}")
_NUMBER: Final = re.compile(r"([-+]?\d+(?:\.\d+)?)\s*(%?)")
_WORD: Final = re.compile("[a-z0-9]+|[가-힣]+")
_HANGUL: Final = re.compile("[가-힣]")
_KEY: Final = re.compile(
    r"(?<![a-z])(?P<tonic>[a-g])[\s-]*(?P<accidental>[#♯♭]|sharp|flat|b(?=m|$|[^a-z]))?[\s-]*(?P<mode>[a-z]*)",
    re.IGNORECASE,
)
_SEMITONES: Final = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_ACCIDENTALS: Final = {"#": 1, "♯": 1, "sharp": 1, "b": -1, "♭": -1, "flat": -1}
_MINOR_MODES: Final = ("min", "moll", "aeol", "dor", "phryg", "locr")
_MAJOR_MODES: Final = ("maj", "dur", "ion", "lyd", "mixolyd")
# The keys of a mode begin at C and rise by a semitone.
_MAJOR_KEYS, _MINOR_KEYS = (tuple(key for key in briefs.KEYS if key.endswith(mode)) for mode in ("major", "minor"))


def read_brief(answer: str, language: str) -> Brief:
    """Return the brief in the answer, with ``language`` as its language.

    Raises BriefError if the answer says nothing about music, and ValueError or RecursionError if it is not JSON.
    """
    fields = _fields(answer)
    moods = _moods(fields.get("moods"))
    genre = _chosen(fields.get("genre"), briefs.GENRES, brief_words.GENRES)
    instruments = _chosen(fields.get("instruments"), briefs.INSTRUMENTS, brief_words.INSTRUMENTS)
    prompt = _text(fields, "prompt")
    if not (moods or genre or instruments or prompt):
        raise BriefError("moods", "are missing, and so are genre, instruments and prompt")
    valence = _number(fields.get("valence"), briefs.VALENCE, 0.0)
    energy = _number(fields.get("energy"), briefs.ENERGY, _USUAL_ENERGY)
    tempo = round(_number(fields.get("tempobpm"), briefs.TEMPO_BPM, _CALM_BPM + energy * (_WILD_BPM - _CALM_BPM)))
    caption, alt_text, avoid = (_text(fields, name) for name in ("caption", "altText", "avoid"))
    shown = caption or alt_text or _UNDESCRIBED[language]
    values = {
        "title": _title(_text(fields, "title"), caption or alt_text, language),
        "caption": shown,
        "altText": alt_text or _clipped(shown, briefs.LENGTHS["altText"]),
        "language": language,
        "avoid": avoid if is_english(avoid) else "",
        "moods": moods[: briefs.MAX_MOODS] or [_mood(valence, energy)],
        "genre": genre[0] if genre else "cinematic" if energy >= _WILD else "ambient",
        "instruments": instruments[: briefs.MAX_INSTRUMENTS] or _USUAL_INSTRUMENTS,
        "tempoBpm": tempo,
        "key": _key(fields.get("key")) or ("C major" if valence >= 0 else "A minor"),
        "valence": valence,
        "energy": energy,
    }
    return Brief.from_mapping(values | {"prompt": prompt if is_english(prompt) else _prompt(values)})


def _fields(answer: str) -> dict[str, Any]:
    """Return the fields of the JSON object in the answer, by their names in lower case without separators.

    The object may be in a fence or a sentence, alone in a list, or the only value of another object.
    """
    text = answer[max(0, answer.find("{")) :]
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except ValueError:
        value, _ = json.JSONDecoder().raw_decode(_TRAILING_COMMA.sub("", text))
    for _ in range(_MAX_DEPTH):
        if isinstance(value, dict) and len(value) == 1 and isinstance(inner := next(iter(value.values())), dict):
            value = inner
    fields: dict[str, Any] = {}
    for name, given in value.items() if isinstance(value, dict) else ():
        key = "".join(char for char in name.lower() if char.isalnum())
        fields.setdefault(_OTHER_FIELDS.get(key, key), given)
    return fields


def _strings(value: object, depth: int = _MAX_DEPTH) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, list | dict) and depth:
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _strings(part, depth - 1)


def _text(fields: Mapping[str, Any], name: str) -> str:
    text = plain(" ".join(_strings(fields.get(name.lower()))), _MAX_READ)
    return _clipped(text, briefs.LENGTHS[name])


def _clipped(text: str, length: int) -> str:
    """Return a text that is too long up to the end of a sentence, or of a word with an ellipsis."""
    if len(text) <= length:
        return text
    ends = [end.end() for end in _SENTENCE_END.finditer(text[: length + 1]) if length // 2 <= end.end() <= length]
    if ends:
        return plain(text[: ends[-1]], length)
    words, _, _ = text[:length].rpartition(" ")
    return plain((words if len(words) >= length // 2 else text[: length - 1]) + "…", length)


def _title(title: str, caption: str, language: str) -> str:
    """Return the title without quotation marks around it; if it shows nothing, the beginning of the caption."""
    title = _unquoted(title)
    if any(unicodedata.category(char)[0] in _SHOWN for char in title):
        return title
    end = _SENTENCE_END.search(caption)
    first = caption[: end.start()] if end else caption
    return _clipped(_unquoted(first), _MAX_DERIVED_TITLE) or _UNTITLED[language]


def _unquoted(text: str) -> str:
    while text and text[0] in _QUOTES and text[-1] in _QUOTES:
        text = text[1:-1].strip()
    return text


def _moods(value: object) -> list[str]:
    moods = []
    for part in _split(value):
        latin = "".join(char for char in unicodedata.normalize("NFKD", part) if not unicodedata.combining(char))
        mood = " ".join(_NO_MOOD_LETTERS.sub(" ", latin).split()).strip(" -")
        moods += _korean_moods(part) or ([mood] if _MOOD.fullmatch(mood) else [])
    return list(dict.fromkeys(moods))


def _korean_moods(text: str) -> list[str]:
    """Return the moods of Korean words in English, by the longest beginning that is known."""
    known = brief_words.KOREAN_MOODS
    found = (max((begin for begin in known if begin in word), key=len, default="") for word in text.split())
    return [known[begin] for begin in found if begin]


def _mood(valence: float, energy: float) -> str:
    """Return a mood for an answer that has none."""
    if abs(valence) < _BRIGHT:
        return "energetic" if energy >= _WILD else "calm"
    if valence > 0:
        return "joyful" if energy >= _WILD else "peaceful"
    return "tense" if energy >= _WILD else "melancholic"


def _split(value: object) -> Iterator[str]:
    for text in islice(_strings(value), _MAX_PARTS):
        parts = _SEPARATORS.split(plain(text, _MAX_READ).lower())
        yield from (part.strip() for part in parts if part.strip())


def _chosen(value: object, choices: tuple[str, ...], others: Mapping[str, str]) -> list[str]:
    """Return the choices that the value names, in its order; it may use other names for them."""
    names = {_words(name): choice for name, choice in [*others.items(), *((choice, choice) for choice in choices)]}
    joined = {name.replace(" ", ""): choice for name, choice in names.items()}
    found = []
    for part in _split(value):
        words = _words(part)
        # If the words are no name, the longest name in them counts: "a soft grand piano".
        inside = [name for name in names if f" {name} " in f" {words} " or (_HANGUL.match(name) and name in words)]
        found += [joined.get(words.replace(" ", "")) or names.get(max(inside, key=len, default=""))]
    return list(dict.fromkeys(choice for choice in found if choice))


def _words(text: str) -> str:
    """Return the words of a name without separators and the letter of the plural."""
    return " ".join(word.removesuffix("s") for word in _WORD.findall(text.lower()))


def _number(value: object, bounds: tuple[float, float], usual: float) -> float:
    """Return the first number in the value, within its bounds."""
    for text in _strings(value):
        if found := _NUMBER.search(text):
            return min(max(float(found[1]) / (100 if found[2] else 1), bounds[0]), bounds[1])
    return usual


def _key(value: object) -> str | None:
    for found in (found for text in _strings(value) for found in _KEY.finditer(text)):
        tonic, accidental, mode = found["tonic"].lower(), (found["accidental"] or "").lower(), found["mode"]
        is_minor = mode == "m" or mode.lower().startswith(_MINOR_MODES)
        if is_minor or mode in {"", "M"} or mode.lower().startswith(_MAJOR_MODES):
            semitone = (_SEMITONES[tonic] + _ACCIDENTALS.get(accidental, 0)) % len(_MAJOR_KEYS)
            return (_MINOR_KEYS if is_minor else _MAJOR_KEYS)[semitone]
    return None


def _prompt(values: Mapping[str, Any]) -> str:
    """Return a prompt in US English, which engines expect."""
    moods, instruments = ", ".join(values["moods"]), ", ".join(values["instruments"])
    prompt = f"{moods} {values['genre']} music with {instruments}, {values['tempoBpm']} BPM, in {values['key']}"
    return plain(prompt, briefs.LENGTHS["prompt"])
