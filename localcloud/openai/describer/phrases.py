"""The sentences and words of the texts in each language, read from ``assets/phrases.*.toml`` once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from localcloud.openai.describer.tables import read, require
from localcloud.openai.describer.tones import TONES
from localcloud.openai.describer.vocabulary import COLOURS, LIGHTS, MOODS, THEMES
from musicgenerator.briefs import GENRES, INSTRUMENTS, LANGUAGES

# What weighs for a quick tempo or a major key, what weighs against it, and wishes.
REASONS: Final = (
    *("theme_more", "theme_less", "edges_more", "edges_less", "contrast_more", "contrast_less", "colour_more"),
    *("colour_less", "crowd_more", "smooth_less", "lightness_more", "lightness_less", "warmth_more", "warmth_less"),
    *("greys_less", "balance", "wish", "pace_quick", "pace_slow"),
)
WHYS: Final = (
    *("tempo_quick", "tempo_slow", "major_colour", "major_grey", "minor_colour", "minor_grey", "wished", "seen"),
    *("light", "suits_thing", "suits_image", "style", "mood_wish", "mood_thing", "mood_image"),
)


@dataclass(frozen=True)
class Phrases:
    """The tables of one language; the files say what each is and which slots a sentence may have."""

    sides: tuple[str, str, str]
    shades: tuple[str, str, str]
    openings: tuple[str, ...]
    companions: tuple[str, ...]
    colour_sentences: tuple[str, ...]
    alt_thing: str
    alt_light: str
    alt_parts: Mapping[str, tuple[str, ...]]
    titles: Mapping[str, tuple[str, ...]]
    scenes: Mapping[str, tuple[str, ...]]
    alt_scenes: Mapping[str, str]
    closings: Mapping[str, tuple[str, ...]]
    pieces: Mapping[str, tuple[str, str, str]]
    forms: Mapping[str, str]
    moods: Mapping[str, str]
    tones: Mapping[str, tuple[str, str, str]]
    colours: Mapping[str, tuple[str, ...]]
    instruments: Mapping[str, str]
    reasons: Mapping[str, str]
    whys: Mapping[str, str]


def read_phrases(file: str) -> Phrases:
    """Return the phrases of a file of ``assets``; raise TableError if one of them is missing."""
    phrases = read(file, Phrases)
    require(f"{file}: titles", phrases.titles, {theme.titles for theme in THEMES.values()})
    require(f"{file}: scenes", phrases.scenes, LIGHTS)
    require(f"{file}: alt_scenes", phrases.alt_scenes, LIGHTS)
    require(f"{file}: closings", phrases.closings, MOODS)
    require(f"{file}: pieces", phrases.pieces, GENRES)
    require(f"{file}: forms", phrases.forms, GENRES)
    require(f"{file}: moods", phrases.moods, MOODS)
    require(f"{file}: tones", phrases.tones, TONES)
    require(f"{file}: colours", phrases.colours, COLOURS.srgb)
    require(f"{file}: instruments", phrases.instruments, INSTRUMENTS)
    require(f"{file}: reasons", phrases.reasons, REASONS)
    require(f"{file}: whys", phrases.whys, WHYS)
    return phrases


PHRASES: Final = {language: read_phrases(f"phrases.{language}.toml") for language in LANGUAGES}
