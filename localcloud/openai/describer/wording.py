"""Write the texts of a brief: title, caption and alternative text in Korean or English, the prompt in English.

Each text has several wordings; the picture's pixels choose one, so a picture always gets the same texts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Final

from localcloud.openai.describer.closings import CLOSINGS_EN, CLOSINGS_KO, PIECES
from localcloud.openai.describer.genre_rules import STYLES
from localcloud.openai.describer.korean import Word
from localcloud.openai.describer.measurements import Measurements
from localcloud.openai.describer.mood_rules import MOODS
from localcloud.openai.describer.music import Music
from localcloud.openai.describer.nouns import counted_english, counted_korean, is_plural, without_article
from localcloud.openai.describer.prompt_texts import write_avoid, write_prompt
from localcloud.openai.describer.recognition import Subject
from localcloud.openai.describer.templates import (
    ALT_SCENES_EN,
    ALT_SCENES_KO,
    COLOURS_EN,
    COLOURS_KO,
    COMPANIONS_EN,
    COMPANIONS_KO,
    LIGHT_SCENES_EN,
    LIGHT_SCENES_KO,
    ROOMS,
    SUBJECTS_EN,
    SUBJECTS_KO,
    TITLES_EN,
    TITLES_KO,
)
from localcloud.openai.describer.tones import DULL, english_colour, light_colours, palette, tone_of
from localcloud.openai.describer.vocabulary import COLOUR_NAMES

_MODERATE_BPM: Final = 84
_FAST_BPM: Final = 112
_SIDES_KO: Final = ("왼쪽", "가운데", "오른쪽")
_SIDES_EN: Final = ("on the left", "in the middle", "on the right")
_SMALL: Final = frozenset({"a", "an", "and", "at", "by", "for", "in", "of", "on", "the", "to", "with"})


@dataclass(frozen=True)
class _Texts:
    """The templates of one language."""

    titles: Mapping[str, Sequence[str]]
    subjects: Sequence[str]
    scenes: Mapping[str, Sequence[str]]
    companions: Sequence[str]
    colours: Sequence[str]
    closings: Mapping[str, Sequence[str]]


_TEXTS: Final = {
    "ko": _Texts(TITLES_KO, SUBJECTS_KO, LIGHT_SCENES_KO, COMPANIONS_KO, COLOURS_KO, CLOSINGS_KO),
    "en": _Texts(TITLES_EN, SUBJECTS_EN, LIGHT_SCENES_EN, COMPANIONS_EN, COLOURS_EN, CLOSINGS_EN),
}


@dataclass(frozen=True)
class Words:
    """The texts of a brief before they are cut to their maximum lengths."""

    title: str
    caption: str
    alt_text: str
    prompt: str
    avoid: str


def put_into_words(subject: Subject, light: Measurements, music: Music, language: str, signature: int) -> Words:
    """Write the texts in "ko" or "en"; ``signature`` is a number made from the pixels that picks the wording."""
    texts, korean = _TEXTS[language], language == "ko"
    slots = (_korean_slots if korean else _english_slots)(subject, light, music)
    theme = subject.concept.theme
    room = next((room for room, themes in ROOMS.items() if theme in themes), "thing" if subject.named else "light")
    title = _pick(texts.titles[room], slots, signature)
    opening = _pick(texts.subjects if subject.named else texts.scenes[theme], slots, signature >> 8)
    sentences = [opening]
    if subject.companion is not None:
        sentences.append(_pick(texts.companions, slots, signature >> 12))
    # After "in warm light" a list of colours would be one detail too many.
    if subject.named and slots["c2"] and "{light}" not in opening:
        sentences.append(_pick(texts.colours, slots, signature >> 16))
    sentences.append(_pick(texts.closings[music.moods[0]], slots, signature >> 24))
    return Words(
        title=title.format(**slots) if korean else _headline(title.format(**slots)),
        caption=" ".join(sentence.format(**slots) for sentence in sentences),
        alt_text=(_alt_korean if korean else _alt_english)(subject, light, slots),
        prompt=write_prompt(music, tone_of(light).prompt, signature >> 32),
        avoid=write_avoid(music),
    )


def _pick(choices: Sequence[str], slots: Mapping[str, str], number: int) -> str:
    """Return one of the templates whose slots all have a value."""
    sayable = [choice for choice in choices if all(slots[name] for _, name, _, _ in Formatter().parse(choice) if name)]
    return sayable[number % len(sayable)]


def _headline(title: str) -> str:
    """Capitalise an English title, except for its small words."""
    words = title.split(" ")
    return " ".join(word if word in _SMALL and place else _capital(word) for place, word in enumerate(words))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _piece(music: Music) -> tuple[str, str]:
    """Return what the music is called, Korean and English."""
    return PIECES[music.genres[0]][0 if music.tempo < _MODERATE_BPM else 1 if music.tempo < _FAST_BPM else 2]


def _korean_slots(subject: Subject, m: Measurements, music: Music) -> dict[str, Word]:
    first, second = palette(m)
    vivid, other = light_colours(subject, m)
    tone, place = tone_of(m), _place(subject)
    slots = {
        "n": counted_korean(subject.concept, subject.count),
        "m": counted_korean(subject.companion, subject.companions) if subject.companion else "",
        "light": tone.korean,
        "glow": tone.korean if tone.falls else "",
        "side": "" if place is None or place.large else _SIDES_KO[place.side],
        "large": f"{_SIDES_KO[place.side]}에 크게" if place is not None and place.large else "",
        "colour": COLOUR_NAMES[vivid][1],
        "colour2": COLOUR_NAMES[other][1] if other != vivid else "",
        "lively": COLOUR_NAMES[vivid][1] if vivid not in DULL else "",
        "c1": COLOUR_NAMES[first][0],
        "c2": COLOUR_NAMES[second][0] if second != first else "",
        "mood": MOODS[music.moods[0]].korean,
        "music": _piece(music)[0],
        "form": STYLES[music.genres[0]].form[0],
    }
    return {name: Word(text) for name, text in slots.items()}


def _english_slots(subject: Subject, m: Measurements, music: Music) -> dict[str, Word]:
    first, second = palette(m)
    vivid, other = light_colours(subject, m)
    tone, place = tone_of(m), _place(subject)
    noun = counted_english(subject.concept, subject.count)
    companion = counted_english(subject.companion, subject.companions) if subject.companion else ""
    slots = {
        "n": noun,
        "bare": without_article(noun),
        "single": "" if is_plural(noun) else without_article(noun),
        "is": "are" if is_plural(noun) else "is",
        "m": companion,
        "m_is": "are" if is_plural(companion) else "is",
        "light": tone.english,
        "glow": tone.english if tone.falls else "",
        "on_the_side": "" if place is None or place.large else _SIDES_EN[place.side],
        "fills": ("fill" if is_plural(noun) else "fills") if place is not None and place.large else "",
        "colour": english_colour(vivid),
        "colour2": english_colour(other) if other != vivid else "",
        "lively": english_colour(vivid) if vivid not in DULL else "",
        "c1": english_colour(first),
        "c2": english_colour(second) if second != first else "",
        "mood": music.moods[0],
        "music": _piece(music)[1],
        "form": STYLES[music.genres[0]].form[1],
    }
    slots |= {_capital(name): _capital(text) for name, text in slots.items()}
    return {name: Word(text) for name, text in slots.items()}


@dataclass(frozen=True)
class _Place:
    """Where a thing is: ``side`` 0 left, 1 middle, 2 right; ``large`` if it covers more than a third."""

    side: int
    large: bool


def _place(subject: Subject) -> _Place | None:
    """Return where the subject is, or None if it was not detected."""
    if subject.detection is None:
        return None
    _, left, _, right = subject.detection.box
    middle = (left + right) / 2
    return _Place(0 if middle < 0.38 else 2 if middle > 0.62 else 1, subject.detection.area > 0.35)


def _brightness(m: Measurements) -> tuple[str, str]:
    """Return "dark" or "bright" in Korean and English, or empty strings."""
    return ("어두운 ", "dark") if m.lightness < 0.36 else ("밝은 ", "bright") if m.lightness > 0.66 else ("", "")


def _alt_korean(subject: Subject, m: Measurements, slots: Mapping[str, Word]) -> str:
    shade, place = _brightness(m)[0], _place(subject)
    colours = f"{slots['c1']:과} {slots['c2']:이}" if slots["c2"] else f"{slots['c1']:이}"
    if not subject.named:
        return f"{colours} 많은 {shade}이미지예요. {ALT_SCENES_KO[subject.concept.theme]}"
    where = "" if place is None else f"{_SIDES_KO[place.side]}에 {'크게 ' if place.large else ''}"
    beside = f" {slots['m']}도 보여요." if subject.companion else ""
    return f"{slots['n']:이} {where}보이는 {shade}사진이에요.{beside} {colours} 많아요."


def _alt_english(subject: Subject, m: Measurements, slots: Mapping[str, Word]) -> str:
    shade, place = _brightness(m)[1], _place(subject)
    colours = f"{slots['c1']} and {slots['c2']}" if slots["c2"] else slots["c1"]
    if not subject.named:
        return f"{ALT_SCENES_EN[subject.concept.theme]} {_mostly(shade, 'image', colours)}"
    where = "" if place is None else f"{', large' if place.large else ''}, {_SIDES_EN[place.side]}"
    beside = f", with {slots['m']}" if subject.companion else ""
    return f"{slots['N']}{where}{beside}. {_mostly(shade, 'picture', colours)}"


def _mostly(shade: str, what: str, colours: str) -> str:
    return f"A {shade} {what}, mostly {colours}." if shade else f"Mostly {colours}."
