"""The describer's vocabulary: things, themes, moods, genres and colours, read from ``assets`` once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from localcloud.openai.describer.tables import ASSETS, read, read_all, require


@dataclass(frozen=True)
class Concept:
    """A thing that can be named; several classes of a net may mean it, as every breed of dog is a dog."""

    english: str
    korean: str
    theme: str
    imagenet: tuple[int, ...] = ()
    coco: int | None = None


@dataclass(frozen=True)
class Theme:
    """The music and the titles of a kind of picture, as ``themes.toml`` describes them."""

    valence: float
    energy: float
    genres: tuple[str, ...]
    instruments: tuple[str, ...]
    moods: tuple[str, ...]
    titles: str
    broader: str = ""


@dataclass(frozen=True)
class Mood:
    """A mood of a brief, as ``moods.toml`` describes it."""

    words: tuple[str, ...]
    valence: float
    energy: float
    everywhere: bool = True


@dataclass(frozen=True)
class Genre:
    """A genre of a brief, as ``genres.toml`` describes it."""

    words: tuple[str, ...]
    valence: float
    energy: float
    tempo: tuple[int, int]
    instruments: tuple[str, ...]


@dataclass(frozen=True)
class Nouns:
    """The tables of ``nouns.toml``."""

    particles: tuple[tuple[str, str], ...]
    plural_nouns: tuple[str, ...]
    plurals: Mapping[str, str]
    counters: Mapping[str, str]
    broader: Mapping[str, Concept]
    places: Mapping[str, Concept]
    lights: Mapping[str, Concept]
    instruments: Mapping[str, str]


@dataclass(frozen=True)
class Colours:
    """The tables of ``colours.toml``."""

    greys: tuple[str, ...]
    dull: tuple[str, ...]
    alike: tuple[tuple[str, str], ...]
    srgb: Mapping[str, tuple[int, int, int]]
    lights: Mapping[str, tuple[str, ...]]


THEMES: Final = read_all("themes.toml", Theme)
MOODS: Final = read_all("moods.toml", Mood)
STYLES: Final = read_all("genres.toml", Genre)
NOUNS: Final = read("nouns.toml", Nouns)
COLOURS: Final = read("colours.toml", Colours)
# The kinds of light that a picture without a recognised thing may have.
LIGHTS: Final = (
    *("starlight", "glow", "bluespan", "greenery", "darkness", "greyness", "haze"),
    *("brightness", "grain", "page", "plain", "weave", "palette"),
)
_NAMED: Final = (*NOUNS.broader.values(), *NOUNS.places.values(), *NOUNS.lights.values())
require("nouns.toml: broader", NOUNS.broader, {theme.broader for theme in THEMES.values()} - {""})
require("nouns.toml: places", NOUNS.places, ("water", "rough_water", "field"))
require("nouns.toml: lights", NOUNS.lights, LIGHTS)
require("themes.toml:", THEMES, {concept.theme for concept in _NAMED})


@cache
def concepts() -> tuple[Concept, ...]:
    """Return all things of ``assets/concepts.tsv``."""
    lines = (ASSETS / "concepts.tsv").read_text("utf-8").splitlines()
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return tuple(
        Concept(english, korean, theme, _numbers(imagenet), None if coco == "-" else int(coco))
        for english, korean, theme, imagenet, coco in rows
    )


def _numbers(ranges: str) -> tuple[int, ...]:
    """Parse "3,5-7" as 3, 5, 6, 7 and "-" as nothing."""
    ends = (part.partition("-") for part in ranges.split(",") if ranges != "-")
    return tuple(number for first, _, last in ends for number in range(int(first), int(last or first) + 1))
