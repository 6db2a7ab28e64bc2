"""Write the texts of a brief: title, caption and alternative text in Korean or English, the prompt in English.

Each text has several wordings; the picture's pixels choose one, so a picture always gets the same texts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Final

from localcloud.openai.describer.korean import Word
from localcloud.openai.describer.measurements import Measurements
from localcloud.openai.describer.music import Music
from localcloud.openai.describer.nouns import counted_english, counted_korean, is_plural, without_article
from localcloud.openai.describer.phrases import PHRASES, Phrases
from localcloud.openai.describer.prompt_texts import write_avoid, write_prompt
from localcloud.openai.describer.recognition import Subject
from localcloud.openai.describer.tones import TONES, light_colours, palette, tone_of
from localcloud.openai.describer.vocabulary import COLOURS, THEMES

_MODERATE_BPM: Final = 84
_FAST_BPM: Final = 112
_SMALL: Final = frozenset({"a", "an", "and", "at", "by", "for", "in", "of", "on", "the", "to", "with"})


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
    phrases, theme = PHRASES[language], subject.concept.theme
    slots = slot_values(subject, light, music, language)
    title = _pick(phrases.titles[THEMES[theme].titles], slots, signature).format(**slots)
    opening = _pick(phrases.openings if subject.named else phrases.scenes[theme], slots, signature >> 8)
    sentences = [opening]
    if subject.companion is not None:
        sentences.append(_pick(phrases.companions, slots, signature >> 12))
    # After "in warm light" a list of colours would be one detail too many.
    if subject.named and slots["c2"] and "{light}" not in opening:
        sentences.append(_pick(phrases.colour_sentences, slots, signature >> 16))
    sentences.append(_pick(phrases.closings[music.moods[0]], slots, signature >> 24))
    return Words(
        title=_headline(title) if language == "en" else title,
        caption=" ".join(sentence.format(**slots) for sentence in sentences),
        alt_text=_alt_text(phrases, slots, named=subject.named),
        prompt=write_prompt(music, tone_of(light), signature >> 32),
        avoid=write_avoid(music),
    )


def _sayable(choices: Sequence[str], slots: Mapping[str, str]) -> list[str]:
    """Return the templates whose slots all have a value."""
    return [choice for choice in choices if all(slots[name] for _, name, _, _ in Formatter().parse(choice) if name)]


def _pick(choices: Sequence[str], slots: Mapping[str, str], number: int) -> str:
    sayable = _sayable(choices, slots)
    return sayable[number % len(sayable)]


def _alt_text(phrases: Phrases, slots: Mapping[str, Word], *, named: bool) -> str:
    parts = {name: [*_sayable(choices, slots), ""][0].format(**slots) for name, choices in phrases.alt_parts.items()}
    return (phrases.alt_thing if named else phrases.alt_light).format(**slots, **parts)


def slot_values(subject: Subject, m: Measurements, music: Music, language: str) -> dict[str, Word]:
    """Return a value for each slot of the phrases; a value that the picture does not have is empty."""
    phrases, tone, genre = PHRASES[language], tone_of(m), music.genres[0]
    counted = counted_korean if language == "ko" else counted_english
    first, second = palette(m)
    vivid, other = light_colours(subject, m)
    side, large = _place(subject, phrases)
    light = phrases.tones[tone.kind][tone.shade]
    pace = 0 if music.tempo < _MODERATE_BPM else 1 if music.tempo < _FAST_BPM else 2
    slots = {
        "n": counted(subject.concept, subject.count),
        "m": counted(subject.companion, subject.companions) if subject.companion else "",
        "side": "" if large else side,
        "large_side": side if large else "",
        "light": light,
        "glow": light if TONES[tone.kind] else "",
        "shade": phrases.shades[tone.shade],
        "scene": phrases.alt_scenes.get(subject.concept.theme, ""),
        "colour": phrases.colours[vivid][-1],
        "colour2": phrases.colours[other][-1] if other != vivid else "",
        "lively": phrases.colours[vivid][-1] if vivid not in COLOURS.dull else "",
        "c1": phrases.colours[first][0],
        "c2": phrases.colours[second][0] if second != first else "",
        "mood": phrases.moods[music.moods[0]],
        "form": phrases.forms[genre],
        "music": phrases.pieces[genre][pace],
    }
    if language == "en":
        slots |= _english_forms(slots["n"], slots["m"], large=large)
        slots |= {_capital(name): _capital(text) for name, text in slots.items()}
    return {name: Word(text) for name, text in slots.items()}


def _english_forms(noun: str, companion: str, *, large: bool) -> dict[str, str]:
    """Return the slots that English has for its articles and verbs."""
    bare, plural = without_article(noun), is_plural(noun)
    return {
        "bare": bare,
        "single": "" if plural else bare,
        "is": "are" if plural else "is",
        "fills": ("fill" if plural else "fills") if large else "",
        "m_is": "are" if is_plural(companion) else "is",
    }


def _place(subject: Subject, phrases: Phrases) -> tuple[str, bool]:
    """Return where a detected thing is, or "", and whether it covers more than a third of the picture."""
    if subject.detection is None:
        return "", False
    _, left, _, right = subject.detection.box
    middle = (left + right) / 2
    return phrases.sides[0 if middle < 0.38 else 2 if middle > 0.62 else 1], subject.detection.area > 0.35


def _headline(title: str) -> str:
    """Capitalise an English title, except for its small words."""
    words = title.split(" ")
    return " ".join(word if word in _SMALL and place else _capital(word) for place, word in enumerate(words))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
