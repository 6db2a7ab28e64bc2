"""What defines a genre: metre, harmony, patterns, form and instruments.

A pattern is a text for one bar; each character is one step, and all steps have the same length.
``.`` continues the previous note, ``_`` is silence, and any other symbol starts a note or a stroke:

- Chords and arpeggios: a digit plays one voice of the chord, 0 the lowest (after the highest they repeat an octave
  higher); ``x`` the whole chord, ``X`` with an accent, ``u`` without its lowest voice, ``s`` short.
- Bass: ``r`` the root, ``f`` the fifth, ``t`` the third, ``o`` the octave; ``w`` another tone of the chord, about a
  third away (walking bass); ``a`` a step or a fifth from the next chord's root, ``c`` a semitone from it.
- Drums: ``x`` a stroke, ``X`` an accent, ``o`` a soft stroke.
- Melody: ``x`` a note.
"""

from collections.abc import Mapping
from dataclasses import dataclass

Patterns = tuple[str, ...]
Groove = Mapping[str, str]


@dataclass(frozen=True)
class Harmony:
    """Chords in Roman numerals, from the darkest choice to the brightest.

    ``a``, ``b`` and ``c`` are progressions of four bars, separated by ``|``, for the themes; theme D has one of ``a``
    in another key. The others are one bar each: ``cadence`` leads to ``final`` from the dominant and ``plagal`` from
    the subdominant; ``surprise`` follows a cadence instead of the tonic.
    """

    a: tuple[str, ...]
    b: tuple[str, ...]
    c: tuple[str, ...]
    cadence: tuple[str, ...]
    final: tuple[str, ...]
    plagal: str
    surprise: str


@dataclass(frozen=True)
class Style:
    """One genre: what it plays; ``mixes`` says how it sounds."""

    beats: int
    major: Harmony
    minor: Harmony
    form: str
    defaults: tuple[tuple[str, str], ...]
    chords: Patterns
    arpeggio: Patterns
    bass: Patterns
    rhythms: Patterns
    cadence_rhythms: Patterns
    entries: tuple[str, ...] = ("chords", "pad", "bass", "drums", "counter", "arpeggio")  # who joins first
    drums: tuple[Groove, ...] = ()
    fills: tuple[Groove, ...] = ()
    build: Groove | None = None  # the drums of the bridge: they get louder until all parts come back
    arc: tuple[float, ...] = (0.55, 0.75, 0.95, 1.0, 0.95)  # intensity from the first theme to the last
    ritardando: float = 0.15  # how much longer the last beat before the final chord is, as a share
    swing: float = 0.5
    swing_unit: float = 1.0
    lilt: float = 0.0  # in beats: how early the accompaniment plays the second beat of a bar; its third is softer
    pentatonic: bool = False
    pedal: bool = False  # the bass stays on the tonic
    grace: float = 0.0  # the chance that a longer note has a grace note
    chromatic: bool = False  # short notes may be outside the scale
    strum: float = 0.0  # seconds between the strings of a strummed chord
    loose: float = 0.008  # seconds of standard deviation in a player's timing
    melody_density: float = 1.0
