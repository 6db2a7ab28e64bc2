"""The words of a brief: title, caption and alternative text in Korean or English, the prompt in English.

Several sentences exist for everything; which one is said depends on the light and on the pixels, never on chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from localcloud.openai.describer.genre_rules import STYLES
from localcloud.openai.describer.korean import Word
from localcloud.openai.describer.measurements import Measurements
from localcloud.openai.describer.mood_rules import MOODS
from localcloud.openai.describer.music import Music
from localcloud.openai.describer.prompt_texts import write_avoid, write_prompt
from localcloud.openai.describer.recognition import CROWD, Subject
from localcloud.openai.describer.templates import (
    COLOURS_EN,
    COLOURS_KO,
    LIGHT_SCENES_EN,
    LIGHT_SCENES_KO,
    ROOMS,
    SOUNDS_EN,
    SOUNDS_KO,
    SUBJECTS_EN,
    SUBJECTS_KO,
    TITLES_EN,
    TITLES_KO,
)
from localcloud.openai.describer.vocabulary import COLOUR_NAMES, Concept

_GREYS: Final = ("black", "charcoal", "grey", "silver", "white")
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
    korean = language == "ko"
    slots: dict[str, Word] = (_korean_slots if korean else _english_slots)(subject, light, music)
    theme = subject.concept.theme
    room = next((room for room, themes in ROOMS.items() if theme in themes), "thing" if subject.named else "light")
    titles = [title for title in (TITLES_KO if korean else TITLES_EN)[room] if _holds(title, slots)]
    if subject.named:
        openings: Sequence[str] = SUBJECTS_KO if korean else SUBJECTS_EN
    else:
        openings = (LIGHT_SCENES_KO if korean else LIGHT_SCENES_EN)[theme]
    opening = _pick([opening for opening in openings if _holds(opening, slots)], signature >> 8)
    sentences = [opening]
    if subject.companion is not None:
        sentences.append("곁에는 {m:이} 함께 있어요." if korean else "Beside it: {m}.")
    # Colours are spoken of once.
    if slots["c1"] == slots["c2"] or "olour" in opening:
        sentences.append(_pick(SOUNDS_KO if korean else SOUNDS_EN, signature >> 24))
    else:
        sentences.append(_pick(COLOURS_KO if korean else COLOURS_EN, signature >> 16))
    caption = " ".join(sentence.format(**slots) for sentence in sentences)
    return Words(
        title=_pick(titles, signature).format(**slots),
        caption=caption,
        alt_text=_alt_korean(subject, light, slots) if korean else _alt_english(subject, light, slots),
        prompt=write_prompt(music, _tone(light)[1], signature >> 32),
        avoid=write_avoid(music),
    )


def _holds(template: str, slots: Mapping[str, str]) -> bool:
    """Tell whether a template can be said: one that speaks of two colours needs two."""
    return "colour2" not in template or slots["colour"] != slots["colour2"]


def _pick(choices: Sequence[str], number: int) -> str:
    return choices[number % len(choices)]


def _tone(m: Measurements) -> tuple[str, str]:
    """Return the light's adjective, Korean adnominal and English."""
    shade = 0 if m.lightness < 0.36 else 1 if m.lightness < 0.66 else 2
    if m.saturation < 0.025:
        return (("어둑한", "dusky"), ("담담한", "quiet"), ("환한", "pale"))[shade]
    if m.saturation > 0.13:
        return (("짙게 물든", "deep-coloured"), ("선명한", "vivid"), ("눈부신", "brilliant"))[shade]
    if m.warmth > 0.25:
        return (("은은한", "dim, warm"), ("따스한", "warm"), ("환하고 포근한", "bright, gentle"))[shade]
    if m.warmth < -0.25:
        return (("깊고 푸르스름한", "deep, bluish"), ("서늘한", "cool"), ("맑고 시원한", "clear, fresh"))[shade]
    return (("어슴푸레한", "shadowy"), ("차분한", "calm"), ("해맑은", "limpid"))[shade]


def _palette(m: Measurements) -> tuple[str, str]:
    """Return the two colours to speak of: the largest, and the next, a lively one before a grey one."""
    names = [name for name, share in m.colours if share >= 0.06] or [m.colours[0][0]]
    first, others = names[0], [name for name in names[1:] if {names[0], name} not in _ALIKE]
    lively = [name for name in others if name not in (*_GREYS, "slate")]
    return first, (*lively, *others, first)[0]


def _spoken_of(subject: Subject, m: Measurements) -> tuple[str, str]:
    """Return the colour of the light to speak of and the other: one that makes the scene, else a lively one first."""
    first, second = _palette(m)
    family = _FAMILIES.get(subject.concept.theme, ())
    makers = [name for name, _ in m.colours if name in family]
    if makers:
        return makers[0], first if first != makers[0] else second
    return (second, first) if first in _GREYS else (first, second)


def _pace(music: Music) -> tuple[str, str]:
    steps = ((64, "아주 느린", "very slow"), (84, "느긋한", "unhurried"), (108, "적당한 빠르기의", "moderately paced"))
    for limit, korean, english in (*steps, (132, "경쾌한", "brisk")):
        if music.tempo < limit:
            return korean, english
    return "빠른", "fast"


def _korean_slots(subject: Subject, m: Measurements, music: Music) -> dict[str, Word]:
    first, second = _palette(m)
    vivid, other = _spoken_of(subject, m)
    slots = {
        "n": _counted_korean(subject.concept, subject.count),
        "m": _counted_korean(subject.companion, subject.companions) if subject.companion else "",
        "light": _tone(m)[0],
        "colour": COLOUR_NAMES[vivid][1],
        "colour2": COLOUR_NAMES[other][1],
        "c1": COLOUR_NAMES[first][0],
        "c2": COLOUR_NAMES[second][0],
        "mood": MOODS[music.moods[0]].korean,
        "genre": STYLES[music.genres[0]].name[0],
        "form": STYLES[music.genres[0]].form[0],
        "pace": _pace(music)[0],
    }
    return {name: Word(text) for name, text in slots.items()}


def _english_slots(subject: Subject, m: Measurements, music: Music) -> dict[str, Word]:
    first, second = _palette(m)
    vivid, other = _spoken_of(subject, m)
    bare = _bare(subject.concept)
    tone = _tone(m)[1]
    slots = {
        "n": _counted_english(subject.concept, subject.count),
        "bare": bare,
        "m": _counted_english(subject.companion, subject.companions) if subject.companion else "",
        "light": tone,
        "a_light": _with_article(tone),
        "colour": COLOUR_NAMES[vivid][2],
        "colour2": COLOUR_NAMES[other][2],
        "c1": COLOUR_NAMES[first][2],
        "c2": COLOUR_NAMES[second][2],
        "mood": music.moods[0],
        "a_mood": _with_article(music.moods[0]),
        "genre": STYLES[music.genres[0]].name[1],
        "form": STYLES[music.genres[0]].form[1],
        "pace": _pace(music)[1],
    }
    slots |= {name[:1].upper() + name[1:]: text[:1].upper() + text[1:] for name, text in slots.items()}
    return {name: Word(text) for name, text in slots.items()}


def _with_article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _bare(concept: Concept) -> str:
    return concept.english.split(" ", 1)[1] if concept.english.startswith(("a ", "an ")) else concept.english


def _counted_korean(concept: Concept, count: int) -> str:
    if concept.theme == "person" and count > 1:
        return "사람들"
    return f"{concept.korean} 여럿" if count >= CROWD else concept.korean


def _counted_english(concept: Concept, count: int) -> str:
    if concept.theme == "person" and count > 1:
        return "people"
    return f"several {_plural(_bare(concept))}" if count >= CROWD else concept.english


def _plural(noun: str) -> str:
    irregular = {"sheep": "sheep", "fish": "fish", "knife": "knives", "wolf": "wolves"}
    return irregular.get(noun, noun if noun.endswith("s") else f"{noun}s")


def _place(subject: Subject) -> tuple[str, str]:
    """Return where the subject is and how large, Korean and English; nothing when only the classifier saw it."""
    if subject.detection is None:
        return "", ""
    _, left, _, right = subject.detection.box
    middle = (left + right) / 2
    side = 0 if middle < 0.38 else 2 if middle > 0.62 else 1
    large = subject.detection.area > 0.35
    korean = f"{('왼쪽', '가운데', '오른쪽')[side]}에 {'크게 ' if large else ''}"
    english = f", {'large, ' if large else ''}{('on the left', 'in the middle', 'on the right')[side]}"
    return korean, english


def _brightness(m: Measurements) -> tuple[str, str]:
    if m.lightness < 0.36:
        return "어두운", "dark"
    return ("밝은", "bright") if m.lightness > 0.66 else ("중간 밝기의", "moderately lit")


def _alt_korean(subject: Subject, m: Measurements, slots: dict[str, Word]) -> str:
    shade = _brightness(m)[0]
    colours = f"{slots['c1']:과} {slots['c2']:이}" if slots["c1"] != slots["c2"] else f"{slots['c1']:이}"
    if not subject.named:
        return f"{colours} 주를 이루는 {shade} 이미지. {LIGHT_SCENES_KO[subject.concept.theme][0].format(**slots)}"
    beside = f" 곁에 {slots['m']:이} 보입니다." if subject.companion else ""
    return f"{slots['n']:이} {_place(subject)[0]}보이는 {shade} 사진.{beside} {colours} 주를 이룹니다."


def _alt_english(subject: Subject, m: Measurements, slots: dict[str, Word]) -> str:
    shade = _brightness(m)[1]
    colours = f"{slots['c1']} and {slots['c2']}" if slots["c1"] != slots["c2"] else slots["c1"]
    if not subject.named:
        scene = LIGHT_SCENES_EN[subject.concept.theme][0].format(**slots)
        return f"A {shade} image, mainly {colours}. {scene}"
    beside = f" with {slots['m']} beside" if subject.companion else ""
    return f"{slots['N']}{_place(subject)[1]}{beside}. A {shade} picture, mainly {colours}."
