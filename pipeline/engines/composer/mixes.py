"""How each genre is mixed: levels, width, reverb, the colour of the whole, and the presets that fit it better."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pipeline.engines.composer.instruments import INSTRUMENTS

Program = tuple[int, int]

_JAZZ_GUITAR: Final[Program] = (0, 26)
_OVERDRIVE: Final[Program] = (0, 29)
_PICKED_BASS: Final[Program] = (0, 34)
_POWER_KIT: Final[Program] = (128, 16)
_ELECTRONIC_KIT: Final[Program] = (128, 24)
_ROLAND_808: Final[Program] = (128, 25)
_JAZZ_KIT: Final[Program] = (128, 32)
_BRUSHES: Final[Program] = (128, 40)
_ORCHESTRA_KIT: Final[Program] = (128, 48)


@dataclass(frozen=True)
class Mix:
    """The mix of one genre.

    ``levels`` are decibels added to a role; ``programs`` replace an instrument's preset, as pairs of bank and program.
    ``reverb`` is (seconds, level 0 to 1). ``width`` is the side's level above 250 Hz in dB of the middle's.
    ``lows`` and ``highs`` are decibels added to the target curve below 100 Hz and above 2.5 kHz.
    ``drive`` is how far the loud parts reach into saturation, 0 to 1; ``glue`` is the bus compressor's ratio.
    """

    levels: Mapping[str, float] = field(default_factory=dict)
    programs: Mapping[str, Program] = field(default_factory=dict)
    reverb: tuple[float, float] = (1.6, 0.22)
    width: float = -3.5
    lows: float = 0.0
    highs: float = 0.0
    drive: float = 0.3
    glue: float = 1.4
    doubled: frozenset[str] = frozenset()  # instruments played twice, left and right
    lowpass: float = 0.0  # Hz; 0 filters nothing
    pump: float = 0.0  # dB by which each kick lowers chords and bass
    noise: float = 0.0  # dB of the vinyl's noise below full scale; 0 is none
    wow: float = 0.0  # cents by which the tape's speed sways

    def program(self, instrument: str) -> Program:
        """Return the preset that plays an instrument."""
        usual = INSTRUMENTS[instrument]
        return self.programs.get(instrument, (usual.bank, usual.program))


MIXES: Final[Mapping[str, Mix]] = {
    "ambient": Mix(
        levels={"pad": 4.0, "lead": -1.0, "bass": -1.0, "drums": -6.0},
        reverb=(4.5, 0.5), width=-2.0, lows=2.0, highs=-1.0, glue=1.5, drive=0.1,
    ),
    "classical piano": Mix(
        levels={"chords": -2.0, "bass": -2.0, "drums": -8.0},
        reverb=(1.9, 0.24), width=-3.5, glue=1.3, drive=0.05,
    ),
    "string ensemble": Mix(
        levels={"pad": -2.0, "drums": -8.0},
        programs={"drums": _ORCHESTRA_KIT},
        reverb=(3.8, 0.34), width=-1.5, glue=1.3, drive=0.05,
    ),
    "jazz": Mix(
        levels={"drums": 3.0, "bass": 1.0},
        programs={"drums": _BRUSHES, "electric guitar": _JAZZ_GUITAR},
        reverb=(1.1, 0.18), width=-2.5, highs=-2.0, drive=0.25,
    ),
    "bossa nova": Mix(
        levels={"drums": -1.0, "bass": 1.0, "chords": 2.5},
        programs={"drums": _JAZZ_KIT, "electric guitar": _JAZZ_GUITAR},
        reverb=(1.2, 0.2), width=-2.0, highs=-1.5, drive=0.2,
    ),
    "lo-fi": Mix(
        levels={"drums": -0.5, "bass": 1.5, "lead": -2.5},
        programs={"drums": _ROLAND_808, "electric guitar": _JAZZ_GUITAR},
        reverb=(1.3, 0.2), width=-2.0, lows=2.5, highs=-9.0, glue=1.5, drive=0.6,
        lowpass=5200.0, pump=2.5, noise=-49.0, wow=6.0,
    ),
    "folk": Mix(
        levels={"drums": -6.0, "chords": 1.0},
        reverb=(1.3, 0.16), width=-2.0, drive=0.15,
        doubled=frozenset({"acoustic guitar"}),
    ),
    "rock": Mix(
        levels={"drums": 1.5, "chords": 1.0, "arpeggio": 1.0, "bass": 1.5},
        programs={"drums": _POWER_KIT, "electric guitar": _OVERDRIVE, "bass guitar": _PICKED_BASS},
        reverb=(0.9, 0.12), width=-4.0, lows=1.0, highs=-0.5, glue=1.55, drive=0.7,
        doubled=frozenset({"distortion guitar", "electric guitar", "acoustic guitar"}),
    ),
    "electronic": Mix(
        levels={"drums": 2.0, "bass": 1.5, "chords": 1.0},
        programs={"drums": _ELECTRONIC_KIT},
        reverb=(1.5, 0.2), width=-1.0, lows=3.0, highs=1.5, glue=1.5, drive=0.6, pump=6.0,
    ),
    "cinematic": Mix(
        levels={"drums": 0.0, "pad": -1.0, "bass": 1.0},
        programs={"drums": _ORCHESTRA_KIT},
        reverb=(3.6, 0.36), width=-1.0, lows=2.0, highs=-0.5, glue=1.4, drive=0.2,
    ),
    "waltz": Mix(
        levels={"drums": -5.0, "bass": 1.0, "chords": 1.0, "lead": 0.0},
        programs={"drums": _ORCHESTRA_KIT},
        reverb=(2.4, 0.3), width=-1.0, drive=0.1,
    ),
    "korean traditional": Mix(
        levels={"drums": -1.0, "bass": -2.0, "lead": 1.0, "chords": 1.0},
        programs={"pan flute": (0, 77)},
        reverb=(3.2, 0.26), width=-2.0, highs=-0.5, drive=0.1,
    ),
}  # fmt: skip
