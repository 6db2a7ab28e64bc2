"""The describer's vocabulary: the things it can name, the music of each theme, and colour names."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_CONCEPTS: Final = Path(__file__).with_name("assets") / "concepts.tsv"


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
    """The music of a kind of picture: what it adds to valence and energy, and ranked genres, instruments and moods."""

    valence: float
    energy: float
    genres: tuple[str, ...]
    instruments: tuple[str, ...]
    moods: tuple[str, ...]
    kin: str | None = None
    """The key in BROADER of the word to use if the thing itself is uncertain."""


BROADER: Final = {
    "animal": Concept("an animal", "동물", "wild"),
    "bird": Concept("a bird", "새", "bird"),
    "sealife": Concept("a sea creature", "바다 생물", "sealife"),
    "plant": Concept("a plant", "식물", "plant"),
    "food": Concept("food", "음식", "food"),
    "building": Concept("a building", "건물", "building"),
    "vehicle": Concept("a vehicle", "탈것", "ride"),
    "landscape": Concept("a landscape", "풍경", "mountain"),
    "instrument": Concept("a musical instrument", "악기", "instrument"),
}

THEMES: Final = {
    "person": Theme(
        0.15, 0.05, ("folk", "classical piano", "lo-fi"), ("piano", "acoustic guitar", "cello"), ("tender",)
    ),
    "pet": Theme(
        0.35, 0.0, ("lo-fi", "waltz", "folk"), ("celesta", "clarinet", "nylon guitar"), ("playful", "cozy"), "animal"
    ),
    "wild": Theme(
        0.1, 0.1, ("cinematic", "folk", "string ensemble"), ("oboe", "french horn", "strings"), ("free",), "animal"
    ),
    "bird": Theme(
        0.25, 0.05, ("classical piano", "waltz", "folk"), ("flute", "harp", "celesta"), ("free", "light"), "bird"
    ),
    "sealife": Theme(
        0.05,
        -0.1,
        ("ambient", "electronic", "classical piano"),
        ("harp", "warm pad", "vibraphone"),
        ("dreamy",),
        "sealife",
    ),
    "reptile": Theme(
        -0.05, 0.0, ("electronic", "folk", "cinematic"), ("clarinet", "sitar", "vibraphone"), ("mysterious",), "animal"
    ),
    "insect": Theme(
        0.1, 0.05, ("waltz", "electronic", "lo-fi"), ("celesta", "clarinet", "flute"), ("light", "playful")
    ),
    "flower": Theme(
        0.45,
        -0.05,
        ("waltz", "classical piano", "bossa nova"),
        ("harp", "flute", "piano"),
        ("fresh", "romantic"),
        "plant",
    ),
    "plant": Theme(
        0.2, -0.1, ("folk", "ambient", "classical piano"), ("acoustic guitar", "flute", "harp"), ("fresh",), "plant"
    ),
    "food": Theme(
        0.35,
        0.1,
        ("bossa nova", "jazz", "lo-fi"),
        ("nylon guitar", "vibraphone", "double bass"),
        ("cheerful", "cozy"),
        "food",
    ),
    "cafe": Theme(
        0.3, -0.08, ("jazz", "bossa nova", "lo-fi"), ("electric piano", "double bass", "nylon guitar"), ("cozy",)
    ),
    "evening": Theme(
        0.05, 0.1, ("jazz", "bossa nova", "lo-fi"), ("saxophone", "double bass", "piano"), ("romantic", "urban")
    ),
    "home": Theme(
        0.2,
        -0.15,
        ("lo-fi", "classical piano", "bossa nova"),
        ("electric piano", "nylon guitar", "clarinet"),
        ("cozy",),
    ),
    "kitchen": Theme(
        0.15, 0.05, ("bossa nova", "lo-fi", "jazz"), ("vibraphone", "nylon guitar", "double bass"), ("light",)
    ),
    "lamp": Theme(
        0.05, -0.2, ("ambient", "classical piano", "lo-fi"), ("piano", "warm pad", "cello"), ("tender", "cozy")
    ),
    "mountain": Theme(
        0.15,
        0.05,
        ("cinematic", "string ensemble", "folk"),
        ("french horn", "strings", "flute"),
        ("vast",),
        "landscape",
    ),
    "water": Theme(
        0.2,
        -0.1,
        ("ambient", "classical piano", "bossa nova"),
        ("harp", "piano", "slow strings"),
        ("peaceful", "vast"),
        "landscape",
    ),
    "boat": Theme(
        0.1,
        0.0,
        ("folk", "classical piano", "cinematic"),
        ("acoustic guitar", "cello", "harp"),
        ("wistful",),
        "vehicle",
    ),
    "city": Theme(
        0.0, 0.2, ("electronic", "jazz", "lo-fi"), ("electric piano", "synth bass", "saxophone"), ("urban",), "building"
    ),
    "building": Theme(
        0.05, 0.0, ("classical piano", "cinematic", "waltz"), ("strings", "piano", "harp"), ("elegant",), "building"
    ),
    "country": Theme(
        0.25,
        -0.05,
        ("folk", "waltz", "classical piano"),
        ("acoustic guitar", "flute", "clarinet"),
        ("peaceful", "nostalgic"),
    ),
    "oldkorea": Theme(
        0.1,
        -0.1,
        ("korean traditional", "ambient", "folk"),
        ("koto", "pan flute", "cello"),
        ("serene", "nostalgic"),
        "building",
    ),
    "space": Theme(
        -0.05,
        -0.05,
        ("cinematic", "ambient", "electronic"),
        ("sweep pad", "choir", "french horn"),
        ("vast", "mysterious"),
    ),
    "launch": Theme(
        0.3, 0.45, ("cinematic", "electronic", "rock"), ("brass section", "french horn", "taiko"), ("adventurous",)
    ),
    "storm": Theme(
        -0.25, 0.4, ("cinematic", "string ensemble", "rock"), ("taiko", "cello", "french horn"), ("stormy", "brooding")
    ),
    "solemn": Theme(
        -0.05,
        -0.15,
        ("string ensemble", "classical piano", "ambient"),
        ("church organ", "choir", "slow strings"),
        ("solemn",),
        "building",
    ),
    "relic": Theme(
        -0.15, 0.0, ("cinematic", "string ensemble", "folk"), ("oboe", "cello", "taiko"), ("mysterious", "nostalgic")
    ),
    "dark": Theme(
        -0.5, 0.15, ("cinematic", "string ensemble", "ambient"), ("cello", "taiko", "slow strings"), ("tense",)
    ),
    "books": Theme(
        0.0, -0.2, ("classical piano", "lo-fi", "string ensemble"), ("piano", "cello", "clarinet"), ("reflective",)
    ),
    "stage": Theme(0.2, 0.25, ("jazz", "rock", "electronic"), ("saxophone", "electric guitar", "drums"), ("lively",)),
    "street": Theme(
        0.05, 0.15, ("lo-fi", "jazz", "electronic"), ("electric piano", "saxophone", "bass guitar"), ("urban",)
    ),
    "road": Theme(
        0.1,
        0.3,
        ("rock", "electronic", "jazz"),
        ("electric guitar", "bass guitar", "synth bass"),
        ("adventurous",),
        "vehicle",
    ),
    "ride": Theme(
        0.25,
        0.2,
        ("folk", "bossa nova", "electronic"),
        ("acoustic guitar", "clarinet", "bass guitar"),
        ("adventurous", "light"),
        "vehicle",
    ),
    "train": Theme(
        0.05,
        0.2,
        ("folk", "lo-fi", "cinematic"),
        ("acoustic guitar", "electric piano", "strings"),
        ("wistful", "adventurous"),
        "vehicle",
    ),
    "flight": Theme(
        0.2,
        0.15,
        ("cinematic", "electronic", "ambient"),
        ("french horn", "strings", "sweep pad"),
        ("free", "adventurous"),
        "vehicle",
    ),
    "instrument": Theme(
        0.15, 0.1, ("jazz", "classical piano", "folk"), ("piano", "strings", "double bass"), ("elegant",), "instrument"
    ),
    "sport": Theme(
        0.25, 0.4, ("rock", "electronic", "cinematic"), ("electric guitar", "brass section", "drums"), ("energetic",)
    ),
    "toy": Theme(
        0.4, 0.1, ("waltz", "lo-fi", "electronic"), ("celesta", "clarinet", "vibraphone"), ("playful", "nostalgic")
    ),
    "rain": Theme(
        -0.1, -0.1, ("lo-fi", "jazz", "classical piano"), ("electric piano", "vibraphone", "cello"), ("wistful",)
    ),
    "clothes": Theme(
        0.1, 0.1, ("lo-fi", "bossa nova", "electronic"), ("electric piano", "bass guitar", "vibraphone"), ("elegant",)
    ),
    "clock": Theme(
        -0.1, -0.1, ("classical piano", "waltz", "ambient"), ("celesta", "piano", "cello"), ("reflective", "nostalgic")
    ),
    "tech": Theme(
        0.0, 0.15, ("electronic", "lo-fi", "ambient"), ("synth bass", "electric piano", "fantasia"), ("focused",)
    ),
    # Themes of light and colour alone.
    "starlight": Theme(
        0.45, -0.1, ("ambient", "cinematic", "classical piano"), ("sweep pad", "choir", "harp"), ("vast", "dreamy")
    ),
    "glow": Theme(
        0.15,
        -0.1,
        ("ambient", "string ensemble", "bossa nova"),
        ("slow strings", "nylon guitar", "warm pad"),
        ("wistful", "warm"),
    ),
    "bluespan": Theme(
        0.1, -0.1, ("ambient", "classical piano", "cinematic"), ("piano", "harp", "slow strings"), ("peaceful", "vast")
    ),
    "greenery": Theme(
        0.25, -0.05, ("folk", "classical piano", "ambient"), ("flute", "acoustic guitar", "harp"), ("fresh", "peaceful")
    ),
    "darkness": Theme(
        0.0,
        -0.1,
        ("ambient", "string ensemble", "classical piano"),
        ("cello", "warm pad", "slow strings"),
        ("mysterious",),
    ),
    "greyness": Theme(
        -0.15,
        0.05,
        ("string ensemble", "cinematic", "ambient"),
        ("cello", "french horn", "slow strings"),
        ("brooding",),
    ),
    "haze": Theme(
        -0.1,
        -0.05,
        ("ambient", "classical piano", "lo-fi"),
        ("warm pad", "piano", "slow strings"),
        ("serene", "wistful"),
    ),
    "brightness": Theme(
        0.2, -0.1, ("classical piano", "ambient", "waltz"), ("piano", "celesta", "harp"), ("serene", "light")
    ),
    "grain": Theme(
        -0.05, 0.25, ("electronic", "ambient", "rock"), ("fantasia", "synth bass", "saw lead"), ("restless",)
    ),
    "page": Theme(
        0.0,
        -0.15,
        ("classical piano", "lo-fi", "string ensemble"),
        ("piano", "clarinet", "cello"),
        ("reflective", "focused"),
    ),
    "plain": Theme(
        0.0, -0.3, ("ambient", "classical piano", "electronic"), ("warm pad", "piano", "vibraphone"), ("serene",)
    ),
    "palette": Theme(
        0.08,
        0.08,
        ("lo-fi", "jazz", "bossa nova", "folk"),
        ("electric piano", "vibraphone", "nylon guitar"),
        ("dreamy",),
    ),
    "weave": Theme(
        -0.05, -0.12, ("lo-fi", "electronic", "folk"), ("vibraphone", "electric piano", "clarinet"), ("reflective",)
    ),
}

# In Korean the colour as a noun and as a light, in English as an adjective.
COLOUR_NAMES: Final = {
    "black": ("검은색", "검은빛", "black"),
    "charcoal": ("짙은 회색", "먹빛", "charcoal"),
    "grey": ("회색", "잿빛", "grey"),
    "silver": ("밝은 회색", "은빛", "pale grey"),
    "white": ("흰색", "하얀빛", "white"),
    "cream": ("크림색", "크림빛", "cream"),
    "brown": ("갈색", "갈빛", "brown"),
    "red": ("붉은색", "붉은빛", "red"),
    "orange": ("주황색", "주황빛", "orange"),
    "yellow": ("노란색", "노란빛", "yellow"),
    "lime": ("연두색", "연둣빛", "light green"),
    "green": ("초록색", "초록빛", "green"),
    "teal": ("청록색", "청록빛", "teal"),
    "sky": ("하늘색", "하늘빛", "sky-blue"),
    "blue": ("파란색", "푸른빛", "blue"),
    "navy": ("남색", "남빛", "deep blue"),
    "purple": ("보라색", "보랏빛", "purple"),
    "pink": ("분홍색", "분홍빛", "pink"),
    "slate": ("청회색", "청회색빛", "slate-blue"),
}


@cache
def concepts() -> tuple[Concept, ...]:
    """Return all things of ``assets/concepts.tsv``."""
    rows = (line.split("\t") for line in _CONCEPTS.read_text("utf-8").splitlines() if not line.startswith("#"))
    return tuple(
        Concept(english, korean, theme, _numbers(imagenet), None if coco == "-" else int(coco))
        for english, korean, theme, imagenet, coco in rows
    )


def _numbers(ranges: str) -> tuple[int, ...]:
    """Parse "3,5-7" as 3, 5, 6, 7 and "-" as nothing."""
    ends = (part.partition("-") for part in ranges.split(",") if ranges != "-")
    return tuple(number for first, _, last in ends for number in range(int(first), int(last or first) + 1))
