"""What makes a genre: its metre, harmony, patterns, form, instruments and room.

Patterns divide one bar into as many equal steps as they have characters, whatever the metre:
``.`` holds what sounds, ``_`` is silence, anything else begins something.
Chords and arpeggios: a digit plays that voice from below (beyond the top, an octave higher), ``x`` the whole chord,
``X`` the chord accented, ``u`` all but its lowest voice, ``s`` the whole chord short.
Bass: ``r`` root, ``f`` fifth, ``t`` third, ``o`` octave, ``w`` walking on through the chord, ``a`` a step or fifth and
``c`` a semitone to the next root.
Drums: ``x`` a stroke, ``X`` an accent, ``o`` a soft one.
Melodies: ``x`` a note.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Patterns = tuple[str, ...]
Groove = Mapping[str, str]


@dataclass(frozen=True)
class Harmony:
    """Four-bar progressions (bars parted by ``|``) from the darkest to the brightest, and one-bar cadences."""

    a: tuple[str, ...]
    b: tuple[str, ...]
    c: tuple[str, ...]
    cadence: tuple[str, ...]
    final: tuple[str, ...]


@dataclass(frozen=True)
class Style:
    """A genre's ways. ``levels`` are decibels added to a role in the mix; ``reverb`` is (seconds, level 0 to 1)."""

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
    drums: tuple[Groove, ...] = ()
    fills: tuple[Groove, ...] = ()
    build: Groove | None = None  # what the drums do in the bridge, ever louder, before everything drops in again
    arc: tuple[float, ...] = (0.55, 0.75, 0.95, 1.0, 0.95)  # intensity from the first theme to the last
    ritardando: float = 0.15  # how much longer the last beat before the close is
    swing: float = 0.5
    swing_unit: float = 1.0
    pentatonic: bool = False
    pedal: bool = False  # the bass stays on the tonic
    grace: float = 0.0  # chance of a short note from above before a long one
    chromatic: bool = False  # short notes may approach from outside the scale
    strum: float = 0.0  # seconds between the strings of a strummed chord
    loose: float = 0.008  # seconds of standard deviation in a player's timing
    reverb: tuple[float, float] = (1.6, 0.22)
    lowpass: float = 0.0  # Hz; 0 leaves the top alone
    pump: float = 0.0  # dB by which chords and bass give way to each kick
    melody_density: float = 1.0
    levels: Mapping[str, float] = field(default_factory=dict)
