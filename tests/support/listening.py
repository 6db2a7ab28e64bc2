"""Measure music with libsonare, which neither the composer nor the mastering uses."""

import io
from dataclasses import dataclass

import libsonare
import numpy as np
import soundfile

_ENHARMONIC = {"C#": "Db", "D#": "Eb", "F#": "Gb", "G#": "Ab", "A#": "Bb"}
_SILENT_DBFS = -60.0
_FRAME_SECONDS = 0.05


@dataclass(frozen=True)
class Figures:
    """What was measured: the length in seconds, LUFS, dBTP, the longest silence in seconds, the key and the tempo.

    Silence is below -60 dBFS.
    """

    seconds: float
    loudness_lufs: float
    true_peak_dbtp: float
    longest_silence: float
    key: str
    tempo_bpm: float


def listen(data: bytes) -> Figures:
    """Decode an MP3 or WAV and measure it."""
    samples, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    return Figures(
        seconds=len(samples) / rate,
        loudness_lufs=libsonare.lufs_interleaved(samples.ravel(), samples.shape[1], rate).integrated_lufs,
        true_peak_dbtp=max(libsonare.metering_true_peak_db(channel, rate) for channel in samples.T.copy()),
        longest_silence=_longest_silence(mono, rate),
        key=_key(mono, rate),
        tempo_bpm=libsonare.detect_bpm(mono, rate),
    )


def same_key(heard: str, briefed: str) -> bool:
    """Say whether two key names mean the same key."""
    return _flat(heard) == _flat(briefed)


def same_tempo(heard: float, briefed: float, tolerance: float = 0.06) -> bool:
    """Say whether two tempi agree within the tolerance; half, double and triple time count as equal."""
    factors = (1.0, 2.0, 0.5, 3.0, 1 / 3, 1.5, 2 / 3)
    return any(abs(heard * factor - briefed) <= tolerance * briefed for factor in factors)


def _flat(key: str) -> str:
    tonic, _, mode = key.partition(" ")
    return f"{_ENHARMONIC.get(tonic, tonic)} {mode}"


def _key(mono: "np.ndarray", rate: int) -> str:
    return str(libsonare.detect_key(mono, rate))


def _longest_silence(mono: "np.ndarray", rate: int) -> float:
    frame = int(rate * _FRAME_SECONDS)
    frames = mono[: len(mono) // frame * frame].reshape(-1, frame)
    level = 20 * np.log10(np.sqrt((frames**2).mean(axis=1)) + 1e-9)
    longest = run = 0
    for silent in level < _SILENT_DBFS:
        run = run + 1 if silent else 0
        longest = max(longest, run)
    return longest * _FRAME_SECONDS
