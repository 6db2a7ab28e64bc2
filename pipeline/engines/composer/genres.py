"""The twelve genres by name."""

from collections.abc import Mapping
from typing import Final

from musicgenerator.briefs import Brief
from pipeline.engines.composer.groove_genres import BOSSA_NOVA, ELECTRONIC, JAZZ, LO_FI, ROCK
from pipeline.engines.composer.scenic_genres import (
    AMBIENT,
    CINEMATIC,
    CLASSICAL_PIANO,
    FOLK,
    JANGDAN,
    KOREAN_TRADITIONAL,
    STRING_ENSEMBLE,
    WALTZ,
)
from pipeline.engines.composer.styles import Style

STYLES: Final[Mapping[str, Style]] = {
    "ambient": AMBIENT,
    "classical piano": CLASSICAL_PIANO,
    "string ensemble": STRING_ENSEMBLE,
    "jazz": JAZZ,
    "bossa nova": BOSSA_NOVA,
    "lo-fi": LO_FI,
    "folk": FOLK,
    "rock": ROCK,
    "electronic": ELECTRONIC,
    "cinematic": CINEMATIC,
    "waltz": WALTZ,
    "korean traditional": KOREAN_TRADITIONAL,
}


def style_for(brief: Brief) -> Style:
    """Return the style of a brief's genre; in Korean traditional music the tempo decides the rhythmic cycle."""
    if brief.genre == "korean traditional":
        return next(style for fastest, style in JANGDAN if brief.tempo_bpm <= fastest)
    return STYLES[brief.genre]
