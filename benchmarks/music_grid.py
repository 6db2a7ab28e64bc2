"""Judge the composer on a fixed grid of briefs: ``python -m benchmarks.music_grid`` or ``make eval-music``.

Audio is measured by libsonare, which neither the composer nor the mastering uses; notes are read from the score.
Tempo and mode come from the brief and are checked in the audio. Density, force, register and brightness are the
composer's choice. Exits with 1 if a goal is missed.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from math import inf
from pathlib import Path
from typing import Final, NamedTuple

import libsonare
import numpy as np
from scipy.stats import spearmanr

from benchmarks import score_figures
from musicgenerator.briefs import GENRES, Brief
from pipeline import encoding
from pipeline.engines import engine_named
from pipeline.engines.composer.composing import compose
from pipeline.engines.composer.score import Piece
from pipeline.mastering import master
from tests.support.listening import Figures, listen, same_key

_SEEDS: Final = (1, 2)
_SWEEP: Final = (0.1, 0.3, 0.5, 0.7, 0.9)
_VALENCES: Final = (-0.8, -0.4, 0.0, 0.4, 0.8)
_SWEEP_SECONDS: Final = 20
_BRIGHTNESS_SECONDS: Final = 10
_COST_SECONDS: Final = (15, 60, 180)
_COSTED: Final = "electronic"  # the genre with the most notes
_TEMPO_TOLERANCE: Final = 0.04
_LOUDNESS_LUFS: Final = (-14.0, 0.5)  # the tolerance
_TRUE_PEAK_DBTP: Final = -1.0
_LONGEST_SILENCE: Final = 1.0
_LENGTH_TOLERANCE: Final = 0.2  # seconds: an MP3 has whole frames
_SHARED: Final = 0.2  # the maximum share of figures that two melodies have in common


class _Row(NamedTuple):
    """A brief of the grid and its seconds."""

    genre: str
    instruments: str
    key: str
    tempo: int
    energy: float
    valence: float
    mood: str
    seconds: int

    def brief(self, **changes: float) -> Brief:
        """Return the brief with some numbers changed."""
        texts = {"title": "곡", "caption": "설명", "altText": "설명", "language": "ko", "prompt": "music", "avoid": ""}
        music = {"genre": self.genre, "instruments": self.instruments.split(","), "key": self.key}
        feeling = {"moods": [self.mood], "energy": self.energy, "valence": self.valence, "tempoBpm": self.tempo}
        return Brief.from_mapping(texts | music | feeling | changes)


GRID: Final = tuple(_Row(*row) for row in (
    ("ambient", "warm pad,harp", "A major", 72, 0.3, 0.4, "dreamy", 60),
    ("ambient", "fantasia,celesta,cello", "C# minor", 60, 0.15, -0.5, "lonely", 60),
    ("classical piano", "piano", "D minor", 88, 0.4, -0.5, "melancholic", 45),
    ("classical piano", "piano", "Ab major", 116, 0.6, 0.6, "bright", 60),
    ("string ensemble", "strings,cello", "E major", 100, 0.7, 0.5, "grand", 60),
    ("string ensemble", "strings,oboe", "F minor", 70, 0.35, -0.7, "sad", 45),
    ("jazz", "saxophone,piano,double bass,drums", "F major", 132, 0.6, 0.6, "playful", 60),
    ("jazz", "trumpet,piano,double bass,drums", "Bb minor", 96, 0.4, -0.2, "intimate", 45),
    ("bossa nova", "nylon guitar,flute", "G minor", 100, 0.4, -0.2, "wistful", 45),
    ("bossa nova", "piano,saxophone,drums", "D major", 128, 0.55, 0.7, "warm", 45),
    ("lo-fi", "electric piano,drums", "C# minor", 80, 0.3, -0.4, "nostalgic", 45),
    ("lo-fi", "vibraphone,electric piano,bass guitar,drums", "Eb major", 88, 0.4, 0.3, "cozy", 30),
    ("folk", "acoustic guitar,flute", "G major", 112, 0.5, 0.7, "joyful", 45),
    ("folk", "acoustic guitar,clarinet", "E minor", 84, 0.3, -0.3, "still", 20),
    ("rock", "electric guitar,distortion guitar,drums", "A minor", 138, 0.9, -0.1, "wild", 60),
    ("rock", "electric guitar,bass guitar,drums", "B major", 124, 0.75, 0.5, "driving", 45),
    ("electronic", "saw lead,synth bass,drums", "Bb minor", 126, 0.8, -0.3, "urgent", 60),
    ("electronic", "fantasia,saw lead,synth bass,drums", "F# major", 122, 0.65, 0.4, "energetic", 120),
    ("cinematic", "french horn,strings,taiko", "B minor", 92, 0.7, -0.6, "epic", 45),
    ("cinematic", "choir,strings,brass section", "C major", 84, 0.5, 0.4, "majestic", 60),
    ("waltz", "strings,piano", "Eb major", 132, 0.5, 0.5, "romantic", 60),
    ("waltz", "clarinet,piano,double bass", "C minor", 108, 0.35, -0.4, "bittersweet", 30),
    ("korean traditional", "koto,pan flute", "F minor", 76, 0.4, -0.3, "serene", 60),
    ("korean traditional", "flute,koto,taiko", "Db major", 120, 0.75, 0.6, "lively", 45),
))  # fmt: skip
_FIRSTS: Final = tuple(next(row for row in GRID if row.genre == genre) for genre in GENRES)


@dataclass(frozen=True)
class Track:
    """A finished track of the grid."""

    brief: Brief
    piece: Piece
    heard: Figures
    seconds: int
    cpu_seconds: float

    @property
    def key_is_right(self) -> bool:
        """Whether the analyser finds the brief's key."""
        return same_key(self.heard.key, self.brief.key)

    @property
    def tempo_heard(self) -> float:
        """The measured tempo, doubled or halved towards the brief's."""
        return min(
            (self.heard.tempo_bpm * octave for octave in (0.5, 1, 2)), key=lambda t: abs(t - self.brief.tempo_bpm)
        )

    @property
    def tempo_is_right(self) -> bool:
        """Whether the analyser finds the brief's tempo, or half or double of it."""
        return abs(self.tempo_heard / self.brief.tempo_bpm - 1) < _TEMPO_TOLERANCE

    @property
    def is_mastered(self) -> bool:
        """Whether length, loudness, true peak and silences of the decoded MP3 are within the limits."""
        heard = self.heard
        wished, tolerance = _LOUDNESS_LUFS
        loud = abs(heard.loudness_lufs - wished) <= tolerance and heard.true_peak_dbtp <= _TRUE_PEAK_DBTP
        whole = abs(heard.seconds - self.seconds) < _LENGTH_TOLERANCE and heard.longest_silence <= _LONGEST_SILENCE
        return loud and whole


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

    def __str__(self) -> str:
        """Return the line of the summary."""
        bound = f"at least {self.lowest:g}" if self.highest == inf else f"at most {self.highest:g}"
        return f"{'ok' if self.met else 'MISSED':<7}{self.name:<62}{self.figure:>8.3g}{self.unit:<4} {bound}{self.unit}"


def main() -> None:
    """Print the table and the summary; ``--cost SECONDS`` makes one track and prints its cost as JSON."""
    if sys.argv[1:2] == ["--cost"]:
        print(json.dumps(_cost(int(sys.argv[2]))))
        return
    with ProcessPoolExecutor() as pool:
        tracks = list(pool.map(_made, GRID))
        centroids = pool.map(_centroids, _FIRSTS)
        brightness = float(np.mean([_rho(_VALENCES, each) for each in centroids]))
    melodies = [
        [score_figures.melody_figures(compose(row.brief(), row.seconds, seed)) for seed in _SEEDS] for row in GRID
    ]
    print(_table(tracks, melodies))
    goals = [*_heard_goals(tracks), *_melody_goals(melodies), *_feeling_goals(tracks, brightness), *_cost_goals()]
    print("\n" + "\n".join(map(str, goals)))
    sys.exit(not all(goal.met for goal in goals))


def _made(row: _Row) -> Track:
    brief = row.brief()
    began = time.process_time()
    mp3 = _finished(brief, row.seconds, _SEEDS[0])
    cpu_seconds = time.process_time() - began
    return Track(brief, compose(brief, row.seconds, _SEEDS[0]), listen(mp3), row.seconds, cpu_seconds)


def _finished(brief: Brief, seconds: int, seed: int) -> bytes:
    """Make all files as the step does and return the MP3."""
    take = engine_named("composer").make(brief, seconds, seed)
    audio = master(take.audio, seconds).audio
    tags = encoding.Tags(
        title=brief.title, caption=brief.caption, language=brief.language, genre=brief.genre, key=brief.key,
        tempo_bpm=brief.tempo_bpm, engine=take.engine, model=take.model, seed=seed,
    )  # fmt: skip
    encoding.wav(audio)
    return encoding.mp3(audio, tags, None)


def _table(tracks: Sequence[Track], melodies: Sequence[Sequence[frozenset[score_figures.Figure]]]) -> str:
    head = (
        f"{'genre':<19}{'s':>4} {'key':<9}{'heard':<10}{'bpm':>4} {'heard':>6} {'LUFS':>6} {'dBTP':>6} {'quiet':>6}"
        f"{'chords':>7}{'theme':>6}{'paral.':>7}{'voices':>7}{'energy':>7}{'notes/s':>8}{'valence':>8}{'pitch':>6}"
        f"{'seeds':>6}{'cpu/s':>7}"
    )
    lines = []
    for track, (one, other) in zip(tracks, melodies, strict=True):
        brief, piece, heard = track.brief, track.piece, track.heard
        lines.append(
            f"{brief.genre:<19}{track.seconds:>4} {brief.key:<9}{heard.key + '!' * (not track.key_is_right):<10}"
            f"{brief.tempo_bpm:>4} {heard.tempo_bpm:5.0f}{'!' if not track.tempo_is_right else ' '} "
            f"{heard.loudness_lufs:6.2f} {heard.true_peak_dbtp:6.2f} {heard.longest_silence:5.1f}s"
            f"{score_figures.distinct_chords(piece):7}{score_figures.theme_recurrence(piece):6.2f}"
            f"{score_figures.parallels(piece):7.0%}{score_figures.voice_movement(piece):7.2f}"
            f"{brief.energy:7.2f}{score_figures.density(piece):8.1f}{brief.valence:8.2f}"
            f"{score_figures.register(piece):6.1f}{1 - score_figures.shared(one, other):6.0%}"
            f"{track.cpu_seconds / track.seconds:7.3f}"
        )
    return "\n".join([head, *lines])


def _heard_goals(tracks: Sequence[Track]) -> list[Goal]:
    def mean(figure: Callable[[Piece], float]) -> float:
        return float(np.mean([figure(track.piece) for track in tracks]))

    count = len(tracks)
    return [
        Goal(f"keys of {count} heard as briefed", sum(track.key_is_right for track in tracks), lowest=22),
        Goal(f"tempi of {count} heard as briefed, octaves allowed", sum(t.tempo_is_right for t in tracks), lowest=18),
        Goal("within the mastering limits, as decoded", sum(track.is_mastered for track in tracks), lowest=count),
        Goal("fewest distinct chords", min(score_figures.distinct_chords(t.piece) for t in tracks), lowest=3),
        Goal("of theme A kept in its returns, mean", 100 * mean(score_figures.theme_recurrence), 50, unit=" %"),
        Goal("parallel fifths, octaves of lead and bass", 100 * mean(score_figures.parallels), highest=5, unit=" %"),
        Goal("semitones from a voice of a chord to the next", mean(score_figures.voice_movement), highest=2.5),
    ]


def _melody_goals(melodies: Sequence[Sequence[frozenset[score_figures.Figure]]]) -> list[Goal]:
    """Compare each pair of pieces, of all briefs and both seeds."""
    pairs = list(combinations([figures for each in melodies for figures in each], 2))
    most = max(score_figures.shared(one, other) for one, other in pairs)
    crowded = sum(score_figures.shared_of_fewer(one, other) > _SHARED for one, other in pairs)
    return [
        Goal("most four-note figures that two pieces share", 100 * most, highest=100 * _SHARED, unit=" %"),
        Goal("pairs above 20 % of the shorter melody's figures", 100 * crowded / len(pairs), highest=1, unit=" %"),
    ]


def _feeling_goals(tracks: Sequence[Track], brightness: float) -> list[Goal]:
    """Sweep energy and valence in each genre with all else fixed; correlate tempo and mode over the grid."""
    energies = [track.brief.energy for track in tracks]
    valences = [track.brief.valence for track in tracks]
    heard_major = [track.heard.key.endswith("major") for track in tracks]
    rows = [
        ("tempo heard by energy, over the grid", _rho(energies, [track.tempo_heard for track in tracks])),
        ("mode heard by valence, over the grid", _rho(valences, heard_major)),
        ("notes a second by energy, mean of the genres", _swept("energy", _SWEEP, score_figures.density)),
        ("force by energy, mean of the genres", _swept("energy", _SWEEP, score_figures.force)),
        ("register by valence, mean of the genres", _swept("valence", _VALENCES, score_figures.register)),
        ("brightness by valence, mean of the genres", brightness),
    ]
    return [Goal(f"rank correlation of {name}", rho, lowest=0.7) for name, rho in rows]


def _swept(field: str, places: Sequence[float], figure: Callable[[Piece], float]) -> float:
    """Return the rank correlation of a brief's field with a figure, averaged over genres and seeds."""
    rhos = [
        _rho(places, [figure(compose(row.brief(**{field: at}), _SWEEP_SECONDS, seed)) for at in places])
        for row in _FIRSTS
        for seed in _SEEDS
    ]
    return float(np.mean(rhos))


def _rho(one: Sequence[float], other: Sequence[float]) -> float:
    """Return Spearman's rank correlation, or 0 if one side is constant."""
    return float(spearmanr(one, other).statistic) if len(set(other)) > 1 else 0.0


def _centroids(row: _Row) -> list[float]:
    """Return the mean spectral centroid in Hz of the engine's take for each valence of the sweep."""
    takes = [engine_named("composer").make(row.brief(valence=at), _BRIGHTNESS_SECONDS, _SEEDS[0]) for at in _VALENCES]
    monos = [np.ascontiguousarray(take.audio.samples.mean(axis=1)) for take in takes]
    return [float(np.mean(libsonare.spectral_centroid(mono, takes[0].audio.rate))) for mono in monos]


def _cost(seconds: int) -> dict[str, float]:
    """Make a track in this process; return its CPU seconds with imports, and its peak memory in MB."""
    _finished(next(row for row in GRID if row.genre == _COSTED).brief(), seconds, _SEEDS[0])
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {"cpu": usage.ru_utime + usage.ru_stime, "mb": _peak_kilobytes(usage.ru_maxrss) / 1024}


def _peak_kilobytes(otherwise: int) -> int:
    """Return this process's peak memory; on Linux, ru_maxrss is inherited from the parent."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), otherwise)


def _cost_goals() -> list[Goal]:
    costs = []
    for seconds in _COST_SECONDS:
        command = [sys.executable, "-m", "benchmarks.music_grid", "--cost", str(seconds)]
        costs.append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
    short, middle, long = costs
    # The cost of a further second, early and late; it is the same if the cost is linear.
    early = (middle["cpu"] - short["cpu"]) / (_COST_SECONDS[1] - _COST_SECONDS[0])
    late = (long["cpu"] - middle["cpu"]) / (_COST_SECONDS[2] - _COST_SECONDS[1])
    return [
        Goal("60 s of MP3, WAV and MIDI, in CPU time", middle["cpu"], highest=8, unit=" s"),
        Goal("the same, peak memory", middle["mb"], highest=350, unit=" MB"),
        Goal("a further second's cost after 60 s against before", late / early, highest=1.5),
    ]


if __name__ == "__main__":
    main()
