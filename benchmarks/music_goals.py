"""The limits of the music's evaluation. A limit of a figure applies to the median over the grid."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import inf
from typing import Final, Protocol

import libsonare
import numpy as np
from scipy.stats import spearmanr

from benchmarks import score_figures
from benchmarks.figures import sound
from benchmarks.music_briefs import FIRSTS, GRID, Row
from benchmarks.music_pieces import SEED, Track, cost
from pipeline.engines import engine_named
from pipeline.engines.composer.composing import compose
from pipeline.engines.composer.score import Piece

_SEEDS: Final = (SEED, 2)
_SWEEP: Final = (0.1, 0.3, 0.5, 0.7, 0.9)
_VALENCES: Final = (-0.8, -0.4, 0.0, 0.4, 0.8)
_SWEEP_SECONDS: Final = 20
_BRIGHTNESS_SECONDS: Final = 10
_MELODY_SECONDS: Final = 60
_HEARD_SECONDS: Final = 60  # the length whose key, tempo and limits are checked
_USUAL: Final = "jazz"
_COSTLY: Final = "electronic"  # it has the most notes
_SHARED: Final = 0.2  # the maximum share of figures that two melodies have in common


@dataclass(frozen=True)
class Goal:
    """A figure of the summary with its limits."""

    name: str
    figure: float
    lowest: float = -inf
    highest: float = inf
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the figure is within its limits; NaN is not."""
        return self.lowest <= self.figure <= self.highest

    @property
    def bound(self) -> str:
        """The limits in words."""
        if self.highest == inf:
            return f"at least {self.lowest:g}{self.unit}"
        return f"at most {self.highest:g}{self.unit}" if self.lowest == -inf else f"{self.lowest:g} to {self.highest:g}"

    def __str__(self) -> str:
        """Return the line of the summary."""
        return f"{'ok' if self.met else 'MISSED':<7}{self.name:<62}{self.figure:>8.3g}{self.unit:<4} {self.bound}"


# Figure, seconds of the pieces, lowest, highest, unit.
_LIMITS: Final = (
    ("again 30 s", 30, 0.35, inf, ""),
    ("again 60 s", 60, 0.45, inf, ""),
    ("same notes", 60, 0.7, inf, ""),
    ("steps", 60, 0.45, inf, ""),
    ("fourths to fifths", 60, -inf, 0.13, ""),
    ("silence", 60, 0.08, 0.2, ""),
    ("parts range", 60, 2.0, inf, ""),
    ("parts range", 180, 2.5, inf, ""),
    ("density ratio", 60, 1.8, inf, ""),
    ("chords", 60, 7, inf, ""),
    ("chords", 180, 9, inf, ""),
    ("harmonies", 180, 9, inf, ""),
    ("dominant endings", 60, -inf, 0.5, ""),
    ("dominant endings", 180, -inf, 0.5, ""),
    ("outer parallels", 60, -inf, 0.08, ""),
    ("voice movement", 60, -inf, 2.5, ""),
    ("drum bars", 180, 3, inf, ""),
    ("kick with bass", 60, 0.65, inf, ""),
    ("force range", 60, 3.5, inf, " dB"),
    ("level range", 60, 9, inf, " dB"),
    ("loudness range", 60, 4, inf, " LU"),
    ("side to mid", 60, -5.5, inf, " dB"),
    ("bass side to mid", 60, -inf, -20, " dB"),
    ("centroid deviation", 60, 0.45, inf, ""),
    ("ending", 60, 2.0, inf, " s"),
)


class Measured(Protocol):
    """A piece with its length in seconds and its figures by name."""

    @property
    def seconds(self) -> int: ...

    @property
    def figures(self) -> Mapping[str, float]: ...


def figure_goals(pieces: Sequence[Measured]) -> list[Goal]:
    """Compare the medians of scores and audio with their limits; leave out the figures that no piece has."""
    goals = [
        Goal(f"{name} ({seconds} s)", median(pieces, name, seconds), lowest, highest, unit)
        for name, seconds, lowest, highest, unit in _LIMITS
    ]
    return [goal for goal in goals if not np.isnan(goal.figure)]


def heard_goals(tracks: Sequence[Track]) -> list[Goal]:
    """Compare the pieces of 60 s with the target's third octaves and with their briefs."""
    listened = [track for track in tracks if track.seconds == _HEARD_SECONDS]
    if not listened:
        return []
    octaves = np.mean([[track.figures[f"{hertz} Hz"] for hertz in sound.TARGET] for track in listened], axis=0)
    rock = [track.figures["side to mid"] for track in listened if track.row.genre == "rock"]
    count = len(listened)
    keys, tempi = (sum(getattr(t, name) for t in listened) for name in ("key_is_right", "tempo_is_right"))
    return [
        Goal("third octaves off the target, of the grid's mean", sound.off_target(octaves), highest=2.0, unit=" dB"),
        *(Goal("side to mid of rock, mean", float(np.mean(each)), lowest=-9, unit=" dB") for each in [rock] if each),
        Goal(f"keys of {count} heard as briefed", keys, lowest=count - count // 12),
        Goal(f"tempi of {count} heard as briefed", tempi, lowest=count - count // 24),
        Goal("within the mastering limits, as decoded", sum(t.is_mastered for t in tracks), lowest=len(tracks)),
    ]


def median(pieces: Sequence[Measured], figure: str, seconds: int) -> float:
    """Return the median of a figure over the pieces of a length that have it, or NaN if none has."""
    values = [piece.figures.get(figure, float("nan")) for piece in pieces if piece.seconds == seconds]
    known = [value for value in values if not np.isnan(value)]
    return float(np.median(known)) if known else float("nan")


def melody_goals() -> list[Goal]:
    """Compare each pair of melodies, of all briefs and both seeds."""
    melodies = [
        score_figures.melody_figures(compose(row.brief(), _MELODY_SECONDS, seed)) for row in GRID for seed in _SEEDS
    ]
    pairs = list(combinations(melodies, 2))
    most = max(score_figures.shared(one, other) for one, other in pairs)
    crowded = sum(score_figures.shared_of_fewer(one, other) > _SHARED for one, other in pairs)
    return [
        Goal("most four-note figures that two pieces share", 100 * most, highest=100 * _SHARED, unit=" %"),
        Goal("pairs above 20 % of the shorter melody's figures", 100 * crowded / len(pairs), highest=3, unit=" %"),
    ]


def feeling_goals(tracks: Sequence[Track]) -> list[Goal]:
    """Sweep energy and valence in each genre with all else fixed; correlate tempo and mode over the grid."""
    listened = [track for track in tracks if track.seconds == _HEARD_SECONDS]
    energies, valences = ([getattr(track.row, name) for track in listened] for name in ("energy", "valence"))
    heard_major = [track.heard.key.endswith("major") for track in listened]
    rows = [
        ("tempo heard by energy, over the grid", _rho(energies, [track.tempo_heard for track in listened])),
        ("mode heard by valence, over the grid", _rho(valences, heard_major)),
        ("notes a second by energy, mean of the genres", _swept("energy", _SWEEP, score_figures.density)),
        ("force by energy, mean of the genres", _swept("energy", _SWEEP, score_figures.force)),
        ("register by valence, mean of the genres", _swept("valence", _VALENCES, score_figures.register)),
        ("brightness by valence, mean of the genres", float(np.mean([_rho(_VALENCES, _centroids(r)) for r in FIRSTS]))),
    ]
    return [Goal(f"rank correlation of {name}", rho, lowest=0.7) for name, rho in rows]


def cost_goals() -> list[Goal]:
    """Measure CPU time and memory; a further second costs the same early and late if the cost is linear."""
    usual = cost(_USUAL, 60)
    short, middle, long = (cost(_COSTLY, seconds) for seconds in (15, 60, 180))
    early, late = (middle["cpu"] - short["cpu"]) / 45, (long["cpu"] - middle["cpu"]) / 120
    return [
        Goal(f"60 s of {_USUAL}: MP3, WAV and MIDI, CPU without imports", usual["cpu"], highest=2.5, unit=" s"),
        Goal(f"the same of {_COSTLY}", middle["cpu"], highest=5, unit=" s"),
        Goal("the same, peak memory", middle["mb"], highest=300, unit=" MB"),
        Goal("a further second's cost after 60 s against before", late / early, highest=1.5),
    ]


def _swept(field: str, places: Sequence[float], figure: Callable[[Piece], float]) -> float:
    """Return the rank correlation of a brief's field with a figure, averaged over genres and seeds."""
    rhos = [
        _rho(places, [figure(compose(row.brief(**{field: at}), _SWEEP_SECONDS, seed)) for at in places])
        for row in FIRSTS
        for seed in _SEEDS
    ]
    return float(np.mean(rhos))


def _rho(one: Sequence[float], other: Sequence[float]) -> float:
    """Return Spearman's rank correlation, or 0 if one side is constant."""
    return float(spearmanr(one, other).statistic) if len(set(other)) > 1 else 0.0


def _centroids(row: Row) -> list[float]:
    """Return the mean spectral centroid in Hz of the engine's take for each valence of the sweep."""
    takes = [engine_named("composer").make(row.brief(valence=at), _BRIGHTNESS_SECONDS, SEED) for at in _VALENCES]
    monos = [np.ascontiguousarray(take.audio.samples.mean(axis=1)) for take in takes]
    return [float(np.mean(libsonare.spectral_centroid(mono, takes[0].audio.rate))) for mono in monos]
