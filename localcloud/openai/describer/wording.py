"""The words of a brief: title, caption and alternative text in Korean or English, the prompt in English.

Several sentences exist for everything; which one is said depends on the light and on the pixels, never on chance.
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
from localcloud.openai.describer.prompt_texts import write_avoid, write_prompt
from localcloud.openai.describer.recognition import CROWD, Subject
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
from localcloud.openai.describer.vocabulary import COLOUR_NAMES, Concept

_GREYS: Final = ("black", "charcoal", "grey", "silver", "white")
_DULL: Final = (*_GREYS, "slate")
_ALIKE: Final = (
    {"black", "charcoal"},
    {"charcoal", "grey"},
    {"grey", "silver"},
    {"silver", "white"},
    {"grey", "slate"},
)
_FAMILIES: Final = {
    "glow": ("orange", "red", "pink", "yellow", "purple"),
    "bluespan": ("sky", "blue", "teal", "navy"),
    "greenery": ("green", "lime"),
    "greyness": ("slate", "grey", "charcoal", "silver"),
}
_MODERATE_BPM: Final = 84
_FAST_BPM: Final = 112
_SIDES_KO: Final = ("왼쪽", "가운데", "오른쪽")
_SIDES_EN: Final = ("on the left", "in the middle", "on the right")
_SMALL: Final = frozenset({"a", "an", "and", "at", "by", "for", "in", "of", "on", "the", "to", "with"})
# Nouns that are plural without ending in "s", and plurals that no rule gives.
_PLURALS: Final = frozenset({"people", "ears of grain"})
_IRREGULAR: Final = {
    "sheep": "sheep",
    "fish": "fish",
    "knife": "knives",
    "wolf": "wolves",
    "computer mouse": "computer mice",
}
# What Korean counts things by: a theme, or a noun that its theme does not cover; everything else by 개.
_COUNTERS: Final = dict.fromkeys(("pet", "wild", "bird", "sealife", "reptile", "insect"), "마리") | {
    "road": "대",
    "ride": "대",
    "train": "대",
    "boat": "척",
    "a book": "권",
    "a notebook": "권",
    "a comic book": "권",
    "an aeroplane": "대",
}


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
    """The texts of a brief, not yet cut to any length."""

    title: str
    caption: str
    alt_text: str
    prompt: str
    avoid: str


def put_into_words(subject: Subject, light: Measurements, music: Music, language: str, signature: int) -> Words:
    """Word a brief in "ko" or "en"; ``signature`` is a number made of the pixels that picks among equal sentences."""
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
        prompt=write_prompt(music, _tone(light).prompt, signature >> 32),
        avoid=write_avoid(music),
    )


def _pick(choices: Sequence[str], slots: Mapping[str, str], number: int) -> str:
    """Return one of the templates whose slots all have a value."""
    sayable = [choice for choice in choices if all(slots[name] for _, name, _, _ in Formatter().parse(choice) if name)]
    return sayable[number % len(sayable)]


def _headline(title: str) -> str:
    """Capitalise a title as English headlines are, all but its small words."""
    words = title.split(" ")
    return " ".join(word if word in _SMALL and place else _capital(word) for place, word in enumerate(words))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


@dataclass(frozen=True)
class _Tone:
    """The light of a picture: a noun in Korean and English, and the adjective that the prompt uses.

    ``falls`` says whether the noun is a light that can fall on something; a strength of colour cannot.
    """

    korean: str
    english: str
    prompt: str
    falls: bool = True


_NEUTRAL: Final = (
    _Tone("어슴푸레한 빛", "low light", "shadowy"),
    _Tone("차분한 빛", "soft light", "calm"),
    _Tone("맑고 환한 빛", "clear, bright light", "clear"),
)
_COLOURLESS: Final = (
    _Tone("어두운 흑백 톤", "dark greys", "dusky", falls=False),
    _Tone("담백한 흑백 톤", "muted greys", "quiet", falls=False),
    _Tone("밝은 흑백 톤", "pale greys", "pale", falls=False),
)
_VIVID: Final = (
    _Tone("짙은 색감", "deep colours", "deep-coloured", falls=False),
    _Tone("선명한 색감", "vivid colours", "vivid", falls=False),
    _Tone("화사한 색감", "bright colours", "brilliant", falls=False),
)
_WARM: Final = (
    _Tone("은은하고 따뜻한 빛", "dim, warm light", "dim, warm"),
    _Tone("따뜻한 빛", "warm light", "warm"),
    _Tone("환하고 포근한 빛", "soft, warm light", "bright, gentle"),
)
_COOL: Final = (
    _Tone("어둡고 푸르스름한 빛", "dim, bluish light", "deep, bluish"),
    _Tone("서늘한 빛", "cool light", "cool"),
    _Tone("맑고 시원한 빛", "clear, cool light", "clear, fresh"),
)


def _tone(m: Measurements) -> _Tone:
    """Return what the light is like."""
    shade = 0 if m.lightness < 0.36 else 1 if m.lightness < 0.66 else 2
    if m.saturation < 0.025:
        return _COLOURLESS[shade]
    if m.saturation > 0.13:
        return _VIVID[shade]
    return (_WARM if m.warmth > 0.25 else _COOL if m.warmth < -0.25 else _NEUTRAL)[shade]


def _palette(m: Measurements) -> tuple[str, str]:
    """Return the two colours to name: the largest, and the next, a lively one before a grey one."""
    names = [name for name, share in m.colours if share >= 0.06] or [m.colours[0][0]]
    first, others = names[0], [name for name in names[1:] if {names[0], name} not in _ALIKE]
    lively = [name for name in others if name not in _DULL]
    return first, (*lively, *others, first)[0]


def _light_colours(subject: Subject, m: Measurements) -> tuple[str, str]:
    """Return the colour of the light and another one: a colour that makes the scene, else a lively one first."""
    first, second = _palette(m)
    family = _FAMILIES.get(subject.concept.theme, ())
    makers = [name for name, _ in m.colours if name in family]
    if makers:
        return makers[0], first if first != makers[0] else second
    return (second, first) if first in _GREYS else (first, second)


def _piece(music: Music) -> tuple[str, str]:
    """Return what the music is called, Korean and English."""
    return PIECES[music.genres[0]][0 if music.tempo < _MODERATE_BPM else 1 if music.tempo < _FAST_BPM else 2]


def _korean_slots(subject: Subject, m: Measurements, music: Music) -> dict[str, Word]:
    first, second = _palette(m)
    vivid, other = _light_colours(subject, m)
    tone, place = _tone(m), _place(subject)
    slots = {
        "n": _counted_korean(subject.concept, subject.count),
        "m": _counted_korean(subject.companion, subject.companions) if subject.companion else "",
        "light": tone.korean,
        "glow": tone.korean if tone.falls else "",
        "side": "" if place is None or place.large else _SIDES_KO[place.side],
        "large": f"{_SIDES_KO[place.side]}에 크게" if place is not None and place.large else "",
        "colour": COLOUR_NAMES[vivid][1],
        "colour2": COLOUR_NAMES[other][1] if other != vivid else "",
        "lively": COLOUR_NAMES[vivid][1] if vivid not in _DULL else "",
        "c1": COLOUR_NAMES[first][0],
        "c2": COLOUR_NAMES[second][0] if second != first else "",
        "mood": MOODS[music.moods[0]].korean,
        "music": _piece(music)[0],
        "form": STYLES[music.genres[0]].form[0],
    }
    return {name: Word(text) for name, text in slots.items()}


def _english_slots(subject: Subject, m: Measurements, music: Music) -> dict[str, Word]:
    first, second = _palette(m)
    vivid, other = _light_colours(subject, m)
    tone, place = _tone(m), _place(subject)
    noun = _counted_english(subject.concept, subject.count)
    companion = _counted_english(subject.companion, subject.companions) if subject.companion else ""
    slots = {
        "n": noun,
        "bare": _without_article(noun),
        "single": "" if _is_plural(noun) else _without_article(noun),
        "is": "are" if _is_plural(noun) else "is",
        "m": companion,
        "m_is": "are" if _is_plural(companion) else "is",
        "light": tone.english,
        "glow": tone.english if tone.falls else "",
        "on_the_side": "" if place is None or place.large else _SIDES_EN[place.side],
        "takes_up": ("take up" if _is_plural(noun) else "takes up") if place is not None and place.large else "",
        "colour": _english_colour(vivid),
        "colour2": _english_colour(other) if other != vivid else "",
        "lively": _english_colour(vivid) if vivid not in _DULL else "",
        "c1": _english_colour(first),
        "c2": _english_colour(second) if second != first else "",
        "mood": music.moods[0],
        "music": _piece(music)[1],
        "form": STYLES[music.genres[0]].form[1],
    }
    slots |= {_capital(name): _capital(text) for name, text in slots.items()}
    return {name: Word(text) for name, text in slots.items()}


def _english_colour(name: str) -> str:
    """Return the colour as a noun."""
    return COLOUR_NAMES[name][2].replace("-", " ")


def _without_article(noun: str) -> str:
    return noun.removeprefix("a ").removeprefix("an ").removeprefix("several ")


def _is_plural(noun: str) -> bool:
    return not noun.startswith(("a ", "an ")) and (
        noun.endswith("s") or noun in _PLURALS or noun.startswith("several ")
    )


def _counted_korean(concept: Concept, count: int) -> str:
    if concept.theme == "person" and count > 1:
        return "사람들"
    counter = _COUNTERS.get(concept.english) or _COUNTERS.get(concept.theme, "개")
    return f"{concept.korean} 여러 {counter}" if count >= CROWD else concept.korean


def _counted_english(concept: Concept, count: int) -> str:
    """Return a noun with its article, or several of it; a noun without an article is not counted."""
    bare = _without_article(concept.english)
    if concept.theme == "person" and count > 1:
        return "people"
    return f"several {_plural(bare)}" if count >= CROWD and bare != concept.english else concept.english


def _plural(noun: str) -> str:
    if noun in _IRREGULAR:
        return _IRREGULAR[noun]
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{noun[:-1]}ies"
    return noun + ("es" if noun.endswith(("ch", "sh", "s", "x")) else "s")


@dataclass(frozen=True)
class _Place:
    """Where a thing is, 0 left to 2 right, and whether it covers much of the picture."""

    side: int
    large: bool


def _place(subject: Subject) -> _Place | None:
    """Return where the subject is, or None when only the classifier recognised it."""
    if subject.detection is None:
        return None
    _, left, _, right = subject.detection.box
    middle = (left + right) / 2
    return _Place(0 if middle < 0.38 else 2 if middle > 0.62 else 1, subject.detection.area > 0.35)


def _brightness(m: Measurements) -> tuple[str, str]:
    """Return "dark" or "bright" in Korean and English, or nothing for what is neither."""
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
