"""Choose the music for a picture: moods, genre, tempo, key and instruments.

The theme decides most; measurements vary it, so that two pictures of the same thing sound different.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from localcloud.openai.describer.measurements import Measurements
from localcloud.openai.describer.recognition import Subject, is_crowd
from localcloud.openai.describer.vocabulary import MOODS, NOUNS, STYLES, THEMES
from localcloud.openai.describer.wishes import Wishes
from musicgenerator.briefs import GENRES, KEYS, TEMPO_BPM

MIDDLING_ENERGY: Final = 0.4
# The means of the pictures in `photos` and `evaluation/pictures`, rounded, and the energy of such a picture.
_USUAL_EDGES, _USUAL_CONTRAST, _USUAL_COLOUR, _USUAL_SMOOTH = 0.2, 0.17, 0.45, 0.45
_USUAL_ENERGY: Final = 0.18 + 0.45 * _USUAL_EDGES + 0.55 * _USUAL_CONTRAST + 0.16 * _USUAL_COLOUR - 0.08 * _USUAL_SMOOTH
# Neighbouring hues get keys a fifth apart. These are positions in both halves of KEYS, major and minor.
_FIFTHS: Final = (0, 7, 2, 9, 4, 11, 6, 1, 8, 3, 10, 5)


@dataclass(frozen=True)
class Music:
    """The musical fields of a brief; lists start with the best choice."""

    valence: float
    energy: float
    moods: tuple[str, ...]
    genres: tuple[str, ...]
    instruments: tuple[str, ...]
    tempo: int
    key: str


def compose_for(subject: Subject, light: Measurements, wishes: Wishes) -> Music:
    """Choose the music for a subject and its light; wishes outweigh the picture."""
    theme = THEMES[subject.concept.theme]
    valence, energy = _feeling(subject, light)
    if wishes.moods:
        asked = [MOODS[name] for name in wishes.moods]
        valence = 0.35 * valence + 0.65 * float(np.mean([mood.valence for mood in asked]))
        energy = 0.35 * energy + 0.65 * float(np.mean([mood.energy for mood in asked]))
    for name in wishes.not_moods:  # move away by half of the mood's own values
        valence -= 0.5 * MOODS[name].valence
        energy -= 0.5 * (MOODS[name].energy - MIDDLING_ENERGY)
    valence, energy = float(np.clip(valence, -1, 1)), float(np.clip(energy + 0.2 * wishes.pace, 0, 1))
    genres = _ranked_genres(theme.genres, valence, energy, light, wishes)
    return Music(
        valence=round(valence, 2),
        energy=round(energy, 2),
        moods=_moods(valence, energy, theme.moods, wishes),
        genres=genres,
        instruments=_instruments(subject, genres[0], light, wishes),
        tempo=_tempo(STYLES[genres[0]].tempo, energy, light, wishes.pace),
        key=_key(valence, light),
    )


def valence_parts(subject: Subject, m: Measurements) -> dict[str, float]:
    """Return what the theme and each measurement add to the valence."""
    return {
        "theme": THEMES[subject.concept.theme].valence,
        "lightness": 1.1 * (m.lightness - 0.52),
        "colour": 0.3 * (_colour(m) - _USUAL_COLOUR),
        "warmth": 0.12 * m.warmth,
        "greys": -0.25 * max(m.share("slate", "charcoal", "black") - 0.45, 0),
    }


def energy_parts(subject: Subject, m: Measurements) -> dict[str, float]:
    """Return what the theme and each measurement add to the energy of a usual picture."""
    return {
        "theme": THEMES[subject.concept.theme].energy,
        "edges": 0.45 * (m.edges - _USUAL_EDGES),
        "contrast": 0.55 * (m.contrast - _USUAL_CONTRAST),
        "colour": 0.16 * (_colour(m) - _USUAL_COLOUR),
        "hues": 0.06 * m.hue_spread,
        "crowd": 0.12 * is_crowd(subject),
        "smooth": -0.08 * (m.smooth - _USUAL_SMOOTH),
    }


def _feeling(subject: Subject, m: Measurements) -> tuple[float, float]:
    """Return valence and energy: light, colour and warmth raise valence; edges and contrast raise energy."""
    valence = sum(valence_parts(subject, m).values())
    energy = _USUAL_ENERGY + sum(energy_parts(subject, m).values())
    return float(np.clip(valence, -1, 1)), float(np.clip(energy, 0.02, 0.98))


def _colour(m: Measurements) -> float:
    return min(m.saturation / 0.12, 1.3)


def _ranked_genres(
    liked: Sequence[str], valence: float, energy: float, m: Measurements, wishes: Wishes
) -> tuple[str, ...]:
    def fitness(name: str) -> float:
        genre = STYLES[name]
        taste = 0.75 - 0.17 * liked.index(name) if name in liked else 0.0
        distance = np.hypot((genre.valence - valence) * 0.6, genre.energy - energy)
        shape = 0.15 * m.roundness if name == "waltz" else 0.1 * m.symmetry if name == "classical piano" else 0.0
        asked = 10 - wishes.genres.index(name) if name in wishes.genres else 0
        return taste - float(distance) + shape + asked - 10 * (name in wishes.not_genres)

    return tuple(sorted(GENRES, key=fitness, reverse=True))


def _instruments(subject: Subject, genre: str, m: Measurements, wishes: Wishes) -> tuple[str, ...]:
    """Rank instruments: wished, seen, the genre's first two, the theme's, one for the light, the genre's others."""
    core = STYLES[genre].instruments
    seen = NOUNS.instruments.get(subject.concept.english)
    theme = THEMES[subject.concept.theme].instruments
    turn = theme.index(theme_instrument(subject, m))
    colour = light_instrument(m)
    ranked = [
        *wishes.instruments,
        *([seen] if seen else []),
        *core[:2],
        *theme[turn:],
        *theme[:turn],
        colour,
        *core[2:],
    ]
    if "drums" in core and "drums" not in ranked[:4] and m.edges + m.contrast > 0.2:
        ranked.insert(3, "drums")
    return tuple(name for name in dict.fromkeys(ranked) if name not in wishes.not_instruments)


def theme_instrument(subject: Subject, m: Measurements) -> str:
    """Return the instrument of the theme that hue and lightness choose."""
    theme = THEMES[subject.concept.theme].instruments
    return theme[int(m.hue * 12 + m.lightness * 6) % len(theme)]


def light_instrument(m: Measurements) -> str:
    """Return the instrument for the picture's light."""
    if m.lightness < 0.35:
        return "cello" if m.warmth > 0 else "choir"
    if m.lightness > 0.65:
        return "celesta" if m.warmth < 0 else "flute"
    return "clarinet" if m.warmth > 0 else "vibraphone"


def _tempo(span: tuple[int, int], energy: float, m: Measurements, pace: float) -> int:
    """Map energy to the genre's tempo range; hue and skyline shift it a little, so that pictures differ."""
    slowest, fastest = span
    nuance = 0.12 * (m.hue - 0.5) + 0.1 * (m.layout.skyline - 0.5) + 0.08 * (m.symmetry - 0.5)
    place = float(np.clip(0.1 + 0.85 * energy + nuance + 0.15 * pace, 0, 1))
    return int(np.clip(round(slowest + (fastest - slowest) * place), *TEMPO_BPM))


def _key(valence: float, m: Measurements) -> str:
    """Choose the mode by valence and the tonic by hue (0 for grey), lightness and contrast."""
    turn = (2.3 * m.hue if m.saturation > 0.02 else 0.0) + 1.3 * m.lightness + 1.7 * m.contrast
    tonic = _FIFTHS[int(turn * 12) % 12]
    half = len(KEYS) // 2
    return KEYS[tonic if valence >= 0 else half + tonic]


def _moods(valence: float, energy: float, theme: Sequence[str], wishes: Wishes) -> tuple[str, ...]:
    """Return up to four moods: wished, then the theme's that fit valence and energy, then the nearest."""

    def distance(name: str) -> float:
        return float(np.hypot((MOODS[name].valence - valence) * 0.7, MOODS[name].energy - energy))

    fitting = [name for name in theme if distance(name) < 0.45]
    nearest = sorted((name for name, mood in MOODS.items() if mood.everywhere), key=distance)
    ranked = [*wishes.moods[:2], *fitting, *nearest[: 3 + len(wishes.not_moods)]]
    return tuple(name for name in dict.fromkeys(ranked) if name not in wishes.not_moods)[:4]
