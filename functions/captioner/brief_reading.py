"""Reads a describer's answer field by field, because every answer is paid for.

What is close to the schema is corrected, what is too long or too large is clipped, and what cannot be used is left out
and derived from the other fields. Only an answer that says nothing about music fails.
"""

import dataclasses
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

import brief_words
import engine_words
import loose_json
from brief_texts import MAX_DEPTH, MAX_READ, NOTHING, clipped, strings, text_of, title_of, why_of

from musicgenerator import briefs
from musicgenerator.briefs import Brief
from musicgenerator.errors import BriefError
from musicgenerator.plain_text import is_english, plain

# An answer has at most 1,500 tokens; this bounds the time that another text takes.
_MAX_ANSWER: Final = 50_000
_MAX_OBJECTS: Final = 10
_MAX_PARTS: Final = 50
_UNDESCRIBED: Final = {"ko": "사진에서 나온 음악이에요.", "en": "Music that was made from a picture."}
_USUAL_INSTRUMENTS: Final = ["piano", "strings"]
_USUAL_ENERGY: Final = 0.4
_CALM_BPM, _WILD_BPM = 60, 140
_BRIGHT: Final = 0.2
_WILD: Final = 0.5

_FIELDS: Final = frozenset(field.name.replace("_", "") for field in dataclasses.fields(Brief))
_BREAKS: Final = re.compile(r"[\n\r\t]+|->|→")
_SEPARATORS: Final = re.compile("[.!?:,;/|·、\uff0c()\\[\\]]|\\s[-\u2013—]\\s")
_CONJUNCTIONS: Final = re.compile("[&+]|\\b(?:and|but|yet|with|or)\\b|그리고")
_NO_MOOD_LETTERS: Final = re.compile(r"[^a-z -]+")
_MOOD: Final = re.compile(r"[a-z][a-z -]{1,23}")
_NUMBER: Final = re.compile(
    r"(?P<sign>[-+\u2212\u2013]|minus\s+)?(?P<digits>\d+(?:[.,]\d+)?|[.,]\d+)(?P<power>e[-+]?\d+)?"
    r"(?:\s*(?:(?P<percent>%)|(?:/|out of)\s*(?P<whole>[1-9]\d*)))?",
    re.IGNORECASE,
)
_METER: Final = re.compile(r"\d+/\d+")
_WORD: Final = re.compile("[a-z0-9]+|[가-힣]+")
_HANGUL: Final = re.compile("[가-힣]")
_KEY: Final = re.compile(
    r"""(?ix)
    (?<![a-z0-9/가-힣]) (?P<raised>올림|내림)?
    (?P<tonic>do|re|mi|fa|sol|la|si|[a-h]|[다라마바사가나](?=\s*[장단]조))
    [\s-]* (?P<accidental>[\#♯♭]|sharp|flat|dies\w*|sosten\w*|bemol\w*|b(?=m|$|[^a-z])
        |(?:is|e?s)(?=[\s-]*(?:dur|moll)))?
    [\s-]* (?:natural\s+|harmonic\s+|melodic\s+)? (?P<mode>[^\W\d_]*)
    """
)
_SEMITONES: Final = {
    "c": 0,
    "d": 2,
    "e": 4,
    "f": 5,
    "g": 7,
    "a": 9,
    "b": 11,
    "h": 11,
    "do": 0,
    "re": 2,
    "mi": 4,
    "fa": 5,
    "sol": 7,
    "la": 9,
    "si": 11,
    "다": 0,
    "라": 2,
    "마": 4,
    "바": 5,
    "사": 7,
    "가": 9,
    "나": 11,
}
_SHARPS: Final = ("#", "♯", "sharp", "dies", "sosten", "is", "올림")
_GERMAN_MODES: Final = ("dur", "moll")
_MINOR: Final = re.compile(r"(?i)\b(?:m\b|min|menor|moll|aeol|dor|phryg|locr)|단조|마이너|小|短")
_MAJOR: Final = re.compile(r"(?i)\b(?:maj|mayor|mag|dur|ion|lyd|mixolyd)|장조|메이저|大|長")
# The keys of a mode begin at C and rise by a semitone.
_MAJOR_KEYS, _MINOR_KEYS = (tuple(key for key in briefs.KEYS if key.endswith(mode)) for mode in ("major", "minor"))


def read_brief(answer: str, language: str) -> Brief:
    """Return the brief in the answer, with ``language`` as its language.

    Raises BriefError if the answer says nothing about music.
    """
    fields = _fields(answer)
    moods = _moods(fields.get("moods"))
    genre = _chosen(fields.get("genre"), briefs.GENRES, engine_words.GENRES)
    instruments = _chosen(fields.get("instruments"), briefs.INSTRUMENTS, engine_words.INSTRUMENTS)
    prompt = text_of(fields, "prompt", "en")
    key = _key(fields.get("key"))
    said_valence = _number(fields.get("valence"), briefs.VALENCE, brief_words.VALENCES)
    said_energy = _number(fields.get("energy"), briefs.ENERGY, brief_words.ENERGIES)
    said_tempo = _tempo(fields.get("tempobpm"))
    if not (moods or genre or instruments or prompt or key) and said_tempo is said_valence is said_energy is None:
        raise BriefError("moods", "are missing, and so is every other field about music")
    valence = 0.0 if said_valence is None else said_valence
    energy = _USUAL_ENERGY if said_energy is None else said_energy
    tempo = _CALM_BPM + energy * (_WILD_BPM - _CALM_BPM) if said_tempo is None else said_tempo
    caption, alt_text = (text_of(fields, name, language) for name in ("caption", "altText"))
    avoid = text_of(fields, "avoid", "en")
    shown = caption or alt_text or _UNDESCRIBED[language]
    values: dict[str, Any] = {
        "title": title_of(text_of(fields, "title", language), caption or alt_text, language),
        "caption": shown,
        "altText": alt_text or clipped(shown, briefs.LENGTHS["altText"]),
        "language": language,
        "avoid": avoid if is_english(avoid) else "",
        "moods": moods[: briefs.MAX_MOODS] or [_mood(valence, energy)],
        "genre": genre[0] if genre else "cinematic" if energy >= _WILD else "ambient",
        "instruments": instruments[: briefs.MAX_INSTRUMENTS] or _USUAL_INSTRUMENTS,
        "tempoBpm": round(tempo),
        "key": key or ("C major" if valence >= 0 else "A minor"),
        "valence": valence,
        "energy": energy,
        "why": why_of(fields.get("why"), language),
    }
    return Brief.from_mapping(values | {"prompt": prompt if is_english(prompt) else _prompt(values)})


def _fields(answer: str) -> dict[str, Any]:
    """Return the fields of the object in the answer that has most of them, by their names in ``_FIELDS``."""
    found: list[dict[str, Any]] = [{}]
    for value in _values(answer[:_MAX_ANSWER]):
        found.append(_named(value))
        if len(found[-1]) == len(_FIELDS):
            break
    return max(found, key=len)


def _values(text: str) -> Iterator[object]:
    """Yield what the text may mean: JSON from each of the first braces on, then what is like JSON."""
    starts = [place.start() for place in islice(re.finditer("{", text), _MAX_OBJECTS)]
    decoder = json.JSONDecoder(strict=False)
    for start in ([0] if text.lstrip().startswith('"') else []) + starts:
        try:
            yield decoder.raw_decode(text[start:].lstrip())[0]
        except (ValueError, RecursionError):
            continue
    yield loose_json.loads(text[starts[0] if starts else 0 :])


def _named(value: object) -> dict[str, Any]:
    """Return the fields in a value, which may be in other objects, lists and texts; other names of them count less."""
    fields: dict[str, Any] = {}
    others: dict[str, Any] = {}
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[object] = []
        for each in level:
            part = next(_values(each), None) if isinstance(each, str) and "{" in each else each
            if isinstance(part, list):
                below += part
            for name, given in part.items() if isinstance(part, dict) else ():
                word = "".join(char for char in name.lower() if char.isalnum())
                if word not in _FIELDS and word not in brief_words.FIELDS:
                    below.append(given)
                elif given not in (None, "", [], {}):
                    (fields if word in _FIELDS else others).setdefault(brief_words.FIELDS.get(word, word), given)
        level = below[:_MAX_PARTS]
    return others | fields


def _moods(value: object) -> list[str]:
    # A mood may be the name of its weight.
    is_weighed = isinstance(value, dict) and all(isinstance(weight, int | float) for weight in value.values())
    moods = []
    for part in _split(list(value) if isinstance(value, dict) and is_weighed else value):
        for text in _CONJUNCTIONS.split(part):
            mood = " ".join(_NO_MOOD_LETTERS.sub(" ", _without_accents(text)).split()).strip(" -")
            moods += _korean_moods(text) or ([mood] if _MOOD.fullmatch(mood) and mood not in NOTHING else [])
    return list(dict.fromkeys(moods))


def _without_accents(text: str) -> str:
    letters = (char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return unicodedata.normalize("NFC", "".join(letters))


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
    for text in islice(strings(value), _MAX_PARTS):
        parts = _SEPARATORS.split(plain(_BREAKS.sub(", ", text), MAX_READ).lower())
        yield from (part.strip() for part in parts if part.strip() and part.strip() not in NOTHING)


def _chosen(value: object, choices: tuple[str, ...], others: Mapping[str, str]) -> list[str]:
    """Return the choices that the value names, in its order; it may use other names for them."""
    names = {_words(name): choice for name, choice in [*others.items(), *((choice, choice) for choice in choices)]}
    joined = {name.replace(" ", ""): choice for name, choice in names.items()}
    # Longer names count first, and Korean ones may be parts of words: "a soft grand piano".
    pattern = _pattern(names)
    found: list[str] = []
    for part in _split(value):
        words = _words(part)
        whole = joined.get(words.replace(" ", ""))
        found += [whole] if whole else [names[name] for name in pattern.findall(words)]
    return list(dict.fromkeys(found))


def _pattern(names: Mapping[str, object]) -> re.Pattern[str]:
    """Return a pattern of these names, of which the longest that fits is found."""
    longest = sorted(names, key=len, reverse=True)
    return re.compile("|".join(name if _HANGUL.match(name) else rf"(?<!\S){name}(?!\S)" for name in longest))


def _words(text: str) -> str:
    """Return the words of a name without separators and the letter of the plural."""
    return " ".join(word.removesuffix("s") for word in _WORD.findall(text.lower()))


def _number(value: object, bounds: tuple[float, float], words: Mapping[str, float]) -> float | None:
    """Return the first number in the value, or what its words mean, within the bounds."""
    for given in strings(value):
        text = unicodedata.normalize("NFKC", given[:MAX_READ])
        if found := _NUMBER.search(text):
            number = float(found["digits"].replace(",", ".") + (found["power"] or ""))
            number /= 100 if found["percent"] else float(found["whole"] or 1)
            negative = (found["sign"] or "+") != "+"
            return min(max(-number if negative else number, bounds[0]), bounds[1])
        if named := _pattern(words).findall(_words(text)):
            return words[max(named, key=len)]
    return None


def _tempo(value: object) -> float | None:
    for text in strings(value):
        without_meter = _METER.sub(" ", text[:MAX_READ])
        spelled = _spelled(without_meter.lower())
        number = _number(spelled or without_meter, briefs.TEMPO_BPM, brief_words.TEMPOS)
        if number is not None:
            return number
    return None


def _spelled(text: str) -> int:
    """Return the number that English words spell, 0 if they spell none."""
    number = 0
    for word in _WORD.findall(text):
        number = max(1, number) * 100 if word == "hundred" else number + brief_words.NUMBERS.get(word, 0)
    return number


def _key(value: object) -> str | None:
    text = _without_accents(" ".join(islice(strings(value), _MAX_PARTS))[:MAX_READ])
    for found in _KEY.finditer(text):
        tonic, mode = found["tonic"].lower(), "maj" if found["mode"] == "M" else found["mode"]
        accidental = (found["raised"] or found["accidental"] or "").lower()
        if mode and not (_MINOR.match(mode) or _MAJOR.match(mode)):
            continue
        if tonic == "b" and not accidental and mode.lower() in _GERMAN_MODES:
            accidental = "b"
        # In "minor (E)" the mode is elsewhere.
        is_minor = bool(_MINOR.match(mode) if mode else _MINOR.search(text))
        shift = (1 if accidental.startswith(_SHARPS) else -1) if accidental else 0
        return (_MINOR_KEYS if is_minor else _MAJOR_KEYS)[(_SEMITONES[tonic] + shift) % len(_MAJOR_KEYS)]
    return "A minor" if _MINOR.search(text) else None


def _prompt(values: Mapping[str, Any]) -> str:
    """Return a prompt in US English, which engines expect."""
    moods, instruments = ", ".join(values["moods"]), ", ".join(values["instruments"])
    prompt = f"{moods} {values['genre']} music with {instruments}, {values['tempoBpm']} BPM, in {values['key']}"
    return plain(prompt, briefs.LENGTHS["prompt"])
