"""The allowed nouns of each evaluation picture, and comparisons between pictures.

A noun that is not listed is wrong. Describing only the light is always allowed: it is vague, not wrong.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from localcloud.openai.describer.evaluation import scenes

PHOTOS: Final = Path(__file__).parents[3] / "photos"
PICTURES: Final = Path(__file__).with_name("pictures")

Side = Literal["low", "any", "high"]


@dataclass(frozen=True)
class Expectation:
    """A picture's allowed nouns (English, as in ``concepts.tsv``), light themes, and sides of valence and energy."""

    name: str
    nouns: frozenset[str] = frozenset()
    lights: frozenset[str] = frozenset()
    valence: Side = "any"
    energy: Side = "any"
    seed: int = field(default=1, kw_only=True)
    """The seed of a drawn scene."""

    @property
    def drawn(self) -> bool:
        """Tell whether the picture is drawn by code; others are files."""
        return self.name in scenes.SCENES

    @property
    def held_out(self) -> bool:
        """Tell whether the describer was not tuned on this picture."""
        return self.name in HELD_OUT

    def image(self) -> bytes:
        """Return the picture's file as bytes."""
        if self.drawn:
            with io.BytesIO() as file:
                scenes.draw(self.name, self.seed).save(file, "PNG")
                return file.getvalue()
        folder = PHOTOS if (PHOTOS / f"{self.name}.jpg").exists() else PICTURES
        return (folder / f"{self.name}.jpg").read_bytes()


def _expect(
    name: str, nouns: Iterable[str] = (), lights: Iterable[str] = (), *, valence: Side = "any", energy: Side = "any"
) -> Expectation:
    return Expectation(name, frozenset(nouns), frozenset(lights), valence, energy)


# The describer was not tuned on these pictures, only on their variants.
HELD_OUT: Final = frozenset({"grace_hopper", "dandelion", "raccoon", "retina", "cell"})
# The describer was tuned on drawn scenes with other seeds.
HELD_OUT_SEEDS: Final = (11, 12, 13)

_LAND: Final = ("a landscape", "mountains", "a valley", "a cliff")
_WATER: Final = ("open water", "a beach", "a landscape")

EXPECTATIONS: Final = (
    _expect("astronaut", ("a person", "a uniform", "a suit"), valence="high"),
    _expect("chelsea", ("a cat",), valence="high", energy="low"),
    _expect("coffee", ("coffee", "a cup", "a spoon"), valence="high", energy="low"),
    _expect("hubble_deep_field", lights=("starlight",), energy="low"),
    _expect("rocket", ("a rocket",), energy="any"),
    _expect("photographer", ("a person", "a tripod", "a camera")),
    _expect("brick", ("a stone wall", "a brick wall"), ("weave",)),
    _expect("grass", (), ("weave",)),
    _expect("gravel", (), ("weave",)),
    _expect("horse_silhouette", ("a horse", "an animal")),
    _expect("wall_clock_blurred", ("a clock",), ("haze",), energy="low"),
    _expect("grace_hopper", ("a person", "a uniform", "a necktie", "a suit"), valence="high"),
    _expect("dandelion", ("a flower", "a plant"), ("glow", "greenery"), valence="high", energy="low"),
    _expect("raccoon", ("an animal",)),
    _expect("staircase", ("a banister", "stairs", "a person"), valence="low"),
    _expect("retina", (), ("glow",)),
    _expect("cell", (), ("greyness",), energy="low"),
    _expect("handwriting", (), ("page",)),
    _expect("meadow", ("a green field", "a landscape"), ("greenery",), valence="high", energy="low"),
    _expect("storm sea", _WATER, ("greyness",), valence="low"),
    _expect("calm sea", _WATER, ("bluespan",), valence="high", energy="low"),
    _expect("sunset sea", _WATER, ("glow",), energy="low"),
    _expect("night city", (), ("starlight", "darkness"), energy="low"),
    _expect("snowfield", _LAND, ("brightness", "haze"), valence="high", energy="low"),
    _expect("forest", ("a forest",), ("greenery", "weave")),
    _expect("mountains", _LAND, ("bluespan",), valence="high", energy="low"),
    _expect("desert", ("a landscape", "a sandbar"), valence="high", energy="low"),
    _expect("starfield", (), ("starlight",), energy="low"),
    _expect("fog", ("a landscape",), ("haze", "brightness", "greyness"), energy="low"),
    _expect("rainy window", (), ("greyness",), valence="low", energy="low"),
    _expect("text page", ("a menu", "a book"), ("page",), energy="low"),
    _expect("flat colour", (), ("plain",), valence="high", energy="low"),
    _expect("noise", (), ("grain",)),
    _expect("stripes", (), ("palette", "weave")),
    _expect("colour blur", (), ("glow", "palette"), energy="low"),
)

Measure = Literal["valence", "energy"]

# The first picture has to score clearly lower than the second.
ORDERS: Final[tuple[tuple[Measure, str, str], ...]] = (
    ("valence", "storm sea", "meadow"),
    ("valence", "storm sea", "calm sea"),
    ("valence", "storm sea", "sunset sea"),
    ("valence", "rainy window", "desert"),
    ("valence", "fog", "calm sea"),
    ("valence", "night city", "snowfield"),
    ("valence", "staircase", "chelsea"),
    ("valence", "cell", "coffee"),
    ("valence", "forest", "meadow"),
    ("energy", "starfield", "rocket"),
    ("energy", "hubble_deep_field", "rocket"),
    ("energy", "fog", "stripes"),
    ("energy", "calm sea", "noise"),
    ("energy", "snowfield", "astronaut"),
    ("energy", "chelsea", "rocket"),
    ("energy", "coffee", "rocket"),
    ("energy", "calm sea", "storm sea"),
)


def redrawn() -> list[Expectation]:
    """Return the drawn scenes with each held-out seed."""
    return [replace(scene, seed=seed) for scene in EXPECTATIONS if scene.drawn for seed in HELD_OUT_SEEDS]
