# ruff: noqa: PLR2004  thresholds found on pictures stand best where they decide
"""From what was seen to what should be heard: mood, genre, tempo, key, instruments.

Tastes come from the theme, nuances from the measurements, so that two pictures of the same thing sound different.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from localcloud.vision.measurements import Measurements
from localcloud.vision.recognition import Subject, is_crowd
from localcloud.vision.vocabulary import MOODS, THEMES
from musicgenerator.briefs import GENRES, INSTRUMENTS, KEYS, TEMPO_BPM


@dataclass(frozen=True)
class Genre:
    """Where a genre lies, how fast it goes (beats a minute), what plays it, and the words that ask for it."""

    valence: float
    energy: float
    tempo: tuple[int, int]
    instruments: tuple[str, ...]
    words: tuple[str, ...]
    name: tuple[str, str]
    """What it is called in a sentence, Korean and English."""
    form: tuple[str, str]
    """What a piece of it is called in a title, Korean and English."""


STYLES: Final = {
    "ambient": Genre(
        0.0,
        0.1,
        (50, 76),
        ("warm pad", "sweep pad", "piano", "harp", "choir"),
        ("앰비언트", "명상", "ambient"),
        ("앰비언트", "ambient music"),
        ("숨결", "Drift"),
    ),
    "classical piano": Genre(
        0.15,
        0.3,
        (58, 112),
        ("piano", "strings", "harp", "celesta"),
        ("클래식", "classical"),
        ("피아노 소품", "classical piano"),
        ("소품", "Prelude"),
    ),
    "string ensemble": Genre(
        -0.05,
        0.35,
        (54, 100),
        ("strings", "cello", "slow strings", "harp"),
        ("현악", "오케스트라", "string ensemble", "orchestra", "orchestral"),
        ("현악 합주", "string music"),
        ("아다지오", "Adagio"),
    ),
    "jazz": Genre(
        0.25,
        0.45,
        (84, 152),
        ("piano", "double bass", "drums", "saxophone", "vibraphone"),
        ("재즈", "스윙", "jazz", "swing"),
        ("재즈", "jazz"),
        ("재즈", "Blue Note"),
    ),
    "bossa nova": Genre(
        0.5,
        0.4,
        (96, 140),
        ("nylon guitar", "double bass", "drums", "flute", "electric piano"),
        ("보사노바", "보사", "bossa"),
        ("보사노바", "bossa nova"),
        ("보사노바", "Bossa"),
    ),
    "lo-fi": Genre(
        0.2,
        0.3,
        (66, 92),
        ("electric piano", "bass guitar", "drums", "vibraphone"),
        ("로파이", "lo-fi", "lofi", "lo fi"),
        ("로파이", "lo-fi"),
        ("로파이", "Loop"),
    ),
    "folk": Genre(
        0.4,
        0.4,
        (78, 126),
        ("acoustic guitar", "double bass", "flute", "clarinet"),
        ("포크", "어쿠스틱", "folk", "acoustic"),
        ("포크", "folk"),
        ("노래", "Song"),
    ),
    "rock": Genre(
        0.2,
        0.85,
        (108, 166),
        ("electric guitar", "bass guitar", "drums", "distortion guitar"),
        ("록", "락", "rock", "metal"),
        ("록", "rock"),
        ("록", "Anthem"),
    ),
    "electronic": Genre(
        0.2,
        0.75,
        (104, 138),
        ("saw lead", "synth bass", "drums", "fantasia"),
        ("일렉트로닉", "전자", "테크노", "하우스", "edm", "electronic", "techno", "synth"),
        ("일렉트로닉", "electronic music"),
        ("신호", "Pulse"),
    ),
    "cinematic": Genre(
        -0.1,
        0.6,
        (60, 124),
        ("strings", "french horn", "taiko", "choir", "brass section"),
        ("시네마틱", "영화", "사운드트랙", "cinematic", "epic", "film"),
        ("영화 음악", "film music"),
        ("서곡", "Overture"),
    ),
    "waltz": Genre(
        0.4,
        0.45,
        (88, 156),
        ("piano", "strings", "clarinet", "celesta"),
        ("왈츠", "waltz"),
        ("왈츠", "waltz music"),
        ("왈츠", "Waltz"),
    ),
    "korean traditional": Genre(
        0.0,
        0.35,
        (50, 96),
        ("koto", "pan flute", "taiko", "cello"),
        ("국악", "전통", "가야금", "korean traditional", "gugak"),
        ("국악", "traditional Korean music"),
        ("가락", "Garak"),
    ),
}

_INSTRUMENT_WORDS: Final = {
    "피아노": "piano",
    "기타": "acoustic guitar",
    "첼로": "cello",
    "하프": "harp",
    "플루트": "flute",
    "색소폰": "saxophone",
    "트럼펫": "trumpet",
    "클라리넷": "clarinet",
    "오보에": "oboe",
    "오르간": "church organ",
    "합창": "choir",
    "현악": "strings",
    "드럼": "drums",
    "가야금": "koto",
    "guitar": "acoustic guitar",
}
# Played by what is seen: a violin on the picture asks for strings.
_SEEN_INSTRUMENTS: Final = {
    "an acoustic guitar": "acoustic guitar",
    "an electric guitar": "electric guitar",
    "a piano": "piano",
    "a cello": "cello",
    "a violin": "strings",
    "a harp": "harp",
    "drums": "drums",
    "a flute": "flute",
    "an oboe": "oboe",
    "a saxophone": "saxophone",
    "a trumpet": "trumpet",
    "a trombone": "brass section",
    "a French horn": "french horn",
    "a pipe organ": "church organ",
    "a marimba": "vibraphone",
    "a pan flute": "pan flute",
}
_FASTER: Final = ("빠른", "빠르게", "fast", "upbeat", "업비트")
_SLOWER: Final = ("느린", "느리게", "천천히", "slow")
# Neighbouring hues get keys a fifth apart; positions in KEYS, whose major and minor halves share their order.
_FIFTHS: Final = (0, 7, 2, 9, 4, 11, 6, 1, 8, 3, 10, 5)


@dataclass(frozen=True)
class Wishes:
    """What a person asked for, as far as it is understood; words only, never instructions."""

    genres: tuple[str, ...] = ()
    moods: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    pace: float = 0.0
    """-1 slower, 1 faster."""

    @classmethod
    def read(cls, style: str, hint: str) -> "Wishes":
        """Find genres, moods, instruments and pace in a style and a hint, in Korean or English; the style first."""
        style, hint = style.lower(), hint.lower()
        text = f"{style}\n{hint}"
        players = [name for name in sorted(INSTRUMENTS, key=len, reverse=True) if _mentions(text, name)]
        players += [name for word, name in _INSTRUMENT_WORDS.items() if _mentions(text, word)]
        genres = [name for part in (style, hint) for name, genre in STYLES.items() if _names_any(part, genre.words)]
        if not genres and _names_any(style, ("피아노", "piano")):
            genres = ["classical piano"]
        return cls(
            genres=tuple(dict.fromkeys(genres)),
            moods=tuple(name for name, mood in MOODS.items() if _names_any(text, mood.words)),
            instruments=tuple(dict.fromkeys(players))[:3],
            pace=float(_names_any(text, _FASTER)) - float(_names_any(text, _SLOWER)),
        )


@dataclass(frozen=True)
class Music:
    """The musical half of a brief, its lists ranked from the best choice down."""

    valence: float
    energy: float
    moods: tuple[str, ...]
    genres: tuple[str, ...]
    instruments: tuple[str, ...]
    tempo: int
    key: str


def compose_for(subject: Subject, light: Measurements, wishes: Wishes) -> Music:
    """Choose the music for a subject in its light; a wish outweighs what the picture suggests."""
    theme = THEMES[subject.concept.theme]
    valence, energy = _feeling(subject, light)
    if wishes.moods:
        asked = [MOODS[name] for name in wishes.moods]
        valence = 0.35 * valence + 0.65 * float(np.mean([mood.valence for mood in asked]))
        energy = 0.35 * energy + 0.65 * float(np.mean([mood.energy for mood in asked]))
    energy = float(np.clip(energy + 0.2 * wishes.pace, 0, 1))
    genres = _ranked_genres(theme.genres, valence, energy, light, wishes.genres)
    return Music(
        valence=round(valence, 2),
        energy=round(energy, 2),
        moods=_moods(valence, energy, theme.moods, wishes.moods),
        genres=genres,
        instruments=_instruments(subject, genres[0], light, wishes.instruments),
        tempo=_tempo(STYLES[genres[0]].tempo, energy, light, wishes.pace),
        key=_key(valence, light),
    )


def _names_any(text: str, words: Iterable[str]) -> bool:
    return any(_mentions(text, word) for word in words)


def _mentions(text: str, word: str) -> bool:
    """Tell whether an English word stands in a text, or a Korean stem; one of a single syllable begins a word."""
    if word.isascii():
        return re.search(rf"(?<![a-z]){re.escape(word)}(?![a-z])", text) is not None
    return word in text if len(word) > 1 else re.search(rf"(?<![가-힣]){re.escape(word)}", text) is not None


def _feeling(subject: Subject, m: Measurements) -> tuple[float, float]:
    """Return valence and energy: bright, colourful and warm pictures cheer up, edges and contrast wake up."""
    theme = THEMES[subject.concept.theme]
    colour = min(m.saturation / 0.12, 1.3)
    valence = theme.valence + 1.1 * (m.lightness - 0.52) + 0.3 * (colour - 0.45) + 0.12 * m.warmth
    valence -= 0.25 * max(m.share("slate", "charcoal", "black") - 0.45, 0)
    energy = 0.18 + theme.energy + 0.45 * m.edges + 0.55 * m.contrast + 0.16 * colour + 0.06 * m.hue_spread
    energy += 0.12 * is_crowd(subject) - 0.08 * m.smooth
    return float(np.clip(valence, -1, 1)), float(np.clip(energy, 0.02, 0.98))


def _ranked_genres(
    liked: Sequence[str], valence: float, energy: float, m: Measurements, asked: Sequence[str]
) -> tuple[str, ...]:
    def fitness(name: str) -> float:
        genre = STYLES[name]
        taste = 0.75 - 0.17 * liked.index(name) if name in liked else 0.0
        distance = np.hypot((genre.valence - valence) * 0.6, genre.energy - energy)
        shape = 0.15 * m.roundness if name == "waltz" else 0.1 * m.symmetry if name == "classical piano" else 0.0
        return taste - float(distance) + shape + (10 - asked.index(name) if name in asked else 0)

    return tuple(sorted(GENRES, key=fitness, reverse=True))


def _instruments(subject: Subject, genre: str, m: Measurements, asked: Iterable[str]) -> tuple[str, ...]:
    """Rank: asked for, seen, the genre's first two, the theme's, one for the light, the rest of the genre's."""
    core = STYLES[genre].instruments
    seen = _SEEN_INSTRUMENTS.get(subject.concept.english)
    theme = THEMES[subject.concept.theme].instruments
    turn = int(m.hue * 12 + m.lightness * 6) % len(theme)
    colour = _light_instrument(m)
    ranked = [*asked, *([seen] if seen else []), *core[:2], *theme[turn:], *theme[:turn], colour, *core[2:]]
    if "drums" in core and "drums" not in ranked[:4] and m.edges + m.contrast > 0.2:
        ranked.insert(3, "drums")
    return tuple(dict.fromkeys(ranked))


def _light_instrument(m: Measurements) -> str:
    if m.lightness < 0.35:
        return "cello" if m.warmth > 0 else "choir"
    if m.lightness > 0.65:
        return "celesta" if m.warmth < 0 else "flute"
    return "clarinet" if m.warmth > 0 else "vibraphone"


def _tempo(span: tuple[int, int], energy: float, m: Measurements, pace: float) -> int:
    """Place energy in the genre's span, shifted a little by hue and skyline so that no two pictures beat alike."""
    slowest, fastest = span
    nuance = 0.12 * (m.hue - 0.5) + 0.1 * (m.skyline - 0.5) + 0.08 * (m.symmetry - 0.5)
    place = float(np.clip(0.1 + 0.85 * energy + nuance + 0.15 * pace, 0, 1))
    return int(np.clip(round(slowest + (fastest - slowest) * place), *TEMPO_BPM))


def _key(valence: float, m: Measurements) -> str:
    """Choose the mode by valence, the tonic along the circle of fifths by hue (grey has none), lightness, contrast."""
    turn = (2.3 * m.hue if m.saturation > 0.02 else 0.0) + 1.3 * m.lightness + 1.7 * m.contrast
    tonic = _FIFTHS[int(turn * 12) % 12]
    half = len(KEYS) // 2
    return KEYS[tonic if valence >= 0 else half + tonic]


def _moods(valence: float, energy: float, theme: Sequence[str], asked: Sequence[str]) -> tuple[str, ...]:
    """Return asked moods, then the theme's where they are not against the feeling, then the nearest: at most four."""

    def distance(name: str) -> float:
        return float(np.hypot((MOODS[name].valence - valence) * 0.7, MOODS[name].energy - energy))

    fitting = [name for name in theme if distance(name) < 0.45]
    nearest = sorted((name for name, mood in MOODS.items() if mood.everywhere), key=distance)
    return tuple(dict.fromkeys([*asked[:2], *fitting, *nearest[:3]]))[:4]
