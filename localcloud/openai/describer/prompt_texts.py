"""The texts for a music model, in US English: the prompt, and what to avoid."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from localcloud.openai.describer.music import Music
from localcloud.openai.describer.tables import read, require
from localcloud.openai.describer.tones import TONES, Tone


@dataclass(frozen=True)
class _Courses:
    energy_below: float
    texture: str
    courses: tuple[str, ...]


@dataclass(frozen=True)
class _Avoid:
    always: tuple[str, ...]
    quiet: tuple[str, ...]
    loud: tuple[str, ...]
    happy: tuple[str, ...]
    sad: tuple[str, ...]
    neutral: tuple[str, ...]


@dataclass(frozen=True)
class _Prompt:
    """The tables of ``prompt.toml``."""

    spelling: Mapping[str, str]
    lights: Mapping[str, tuple[str, str, str]]
    courses: tuple[_Courses, ...]
    avoid: _Avoid


_PROMPT: Final = read("prompt.toml", _Prompt)
require("prompt.toml: lights", _PROMPT.lights, TONES)


def write_prompt(music: Music, tone: Tone, signature: int) -> str:
    """Return a prompt of 40 to 80 words: genre, moods, tempo, key, instruments, texture and course.

    ``tone`` is the picture's light. The prompt does not name things in the picture.
    """
    course = next(each for each in _PROMPT.courses if music.energy < each.energy_below)
    first, second, *others = [_PROMPT.spelling.get(name, name) for name in music.instruments[:4]]
    lead = f"{first} and {second} carry the theme" + (f", supported by {' and '.join(others)}" if others else "")
    light = _PROMPT.lights[tone.kind][tone.shade]
    genre, key = music.genres[0], music.key.replace("b ", " flat ").replace("# ", " sharp ")
    return (
        f"{_article(genre)} {genre} instrumental, {_joined(music.moods[:3])}, at {music.tempo} BPM in {key}. "
        f"{lead[:1].upper()}{lead[1:]}. {course.texture}. {course.courses[signature % len(course.courses)]}. "
        f"Memorable melody in {_article(light).lower()} {light} tone color, natural reverb, polished and balanced mix."
    )


def write_avoid(music: Music) -> str:
    """Return what does not fit the mood."""
    words = _PROMPT.avoid
    by_energy = words.quiet if music.energy < 0.35 else words.loud if music.energy > 0.6 else ()
    by_valence = words.happy if music.valence > 0.25 else words.sad if music.valence < -0.1 else words.neutral
    return ", ".join((*words.always, *by_energy, *by_valence))


def _article(word: str) -> str:
    return "An" if word[0] in "aeiou" else "A"


def _joined(words: tuple[str, ...]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
