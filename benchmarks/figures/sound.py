"""Figures of finished audio: dynamics, spectrum, width and the ending."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import pyloudnorm
from numpy.typing import NDArray
from scipy import signal

from pipeline.audio import Audio, Samples

_WINDOW_SECONDS: Final = 0.1
_SILENT_DB: Final = -60.0
_ENDING_DBFS: Final = -25.0
_FRAME: Final = 2048
_FLOOR: Final = 1e-12
# The third octaves of 99 tracks of real music, in dB of the whole, and their deviation between tracks (issue 21).
TARGET: Final = {
    50: (-21.0, 12.0), 63: (-17.1, 9.9), 80: (-13.5, 7.5), 100: (-13.1, 6.2), 125: (-14.9, 6.2), 160: (-13.8, 3.7),
    200: (-13.2, 3.6), 250: (-14.5, 3.5), 315: (-13.7, 3.9), 400: (-13.6, 4.2), 500: (-15.5, 4.2), 630: (-15.6, 4.8),
    800: (-16.5, 5.1), 1000: (-17.3, 5.2), 1250: (-18.5, 6.0), 1600: (-19.5, 5.8), 2000: (-22.2, 6.0),
    2500: (-23.8, 6.3), 3150: (-25.9, 6.2), 4000: (-28.6, 6.9), 5000: (-31.0, 7.6), 6300: (-32.6, 8.2),
    8000: (-34.4, 9.7), 10000: (-36.7, 9.9), 12500: (-39.5, 10.3), 16000: (-44.1, 12.1),
}  # fmt: skip


def force_range(audio: Audio, bars: Sequence[float], group: int = 4) -> float:
    """Return the difference in dB between the loudest and the quietest four bars; ``bars`` are bar lines in seconds."""
    lines = bars[::group] if len(bars) > 2 * group else bars
    power = _power(audio.samples)
    levels = [
        10 * np.log10(power[round(first * audio.rate) : round(end * audio.rate)].mean() + _FLOOR)
        for first, end in pairwise(lines)
    ]
    return float(max(levels) - min(levels)) if levels else 0.0


def level_range(audio: Audio) -> float:
    """Return the 95th minus the 10th percentile of the levels of 100 ms in dB; levels below -60 dBFS are left out."""
    levels = _levels(audio)
    low, high = np.percentile(levels[levels > _SILENT_DB], [10, 95])
    return float(high - low)


def loudness_range(audio: Audio) -> float:
    """Return the loudness range in LU by EBU Tech 3342."""
    return float(pyloudnorm.Meter(audio.rate).loudness_range(audio.samples))


def third_octaves(audio: Audio) -> NDArray[np.float64]:
    """Return the level of each band of ``TARGET`` in dB of the whole power; a band reaches a sixth octave each way."""
    frequencies, density = signal.welch(audio.samples, audio.rate, nperseg=8192, axis=0)
    power = density.sum(axis=1)
    bands = [
        power[(frequencies >= centre * 2 ** (-1 / 6)) & (frequencies < centre * 2 ** (1 / 6))].sum()
        for centre in TARGET
    ]
    return np.asarray(10 * np.log10(np.array(bands) / power.sum() + _FLOOR))


def off_target(octaves: NDArray[np.float64]) -> float:
    """Return the mean distance in dB of third octaves from the target's, over all bands."""
    return float(np.abs(octaves - np.array([level for level, _ in TARGET.values()])).mean())


def side_to_mid(audio: Audio) -> float:
    """Return the power of the side (left minus right) over that of the middle in dB."""
    left, right = audio.samples.T.astype(np.float64)
    return float(10 * np.log10((((left - right) ** 2).sum() + _FLOOR) / (((left + right) ** 2).sum() + _FLOOR)))


def centroid_deviation(audio: Audio) -> float:
    """Return the standard deviation in octaves of the spectral centroid of frames of 2048 samples.

    Frames more than 40 dB below the loudest are left out.
    """
    frequencies, _, spectrum = signal.stft(
        audio.samples.mean(axis=1), audio.rate, nperseg=_FRAME, noverlap=_FRAME // 2, boundary=None
    )
    magnitude = np.abs(spectrum)
    power = (magnitude**2).sum(axis=0)
    heard = power > power.max() * 1e-4
    centroid = (frequencies[:, None] * magnitude).sum(axis=0)[heard] / magnitude.sum(axis=0)[heard]
    return float(np.log2(centroid).std())


def ending(audio: Audio) -> float:
    """Return the seconds from the last 100 ms with a level above -25 dBFS to the end of the audio."""
    levels = _levels(audio)
    last = int(np.flatnonzero(levels > _ENDING_DBFS).max(initial=-1))
    return float(audio.seconds - (last + 1) * _WINDOW_SECONDS)


def bass_side_to_mid(audio: Audio, below: float = 120.0) -> float:
    """Return ``side_to_mid`` of what is below a frequency in Hz."""
    low = signal.butter(4, below, "lowpass", fs=audio.rate, output="sos")
    return side_to_mid(Audio(np.asarray(signal.sosfilt(low, audio.samples, axis=0), np.float32), audio.rate))


def _levels(audio: Audio) -> NDArray[np.float64]:
    frames = int(audio.rate * _WINDOW_SECONDS)
    power = _power(audio.samples)
    whole = power[: len(power) // frames * frames].reshape(-1, frames).mean(axis=1)
    return np.asarray(10 * np.log10(whole + _FLOOR))


def _power(samples: Samples) -> NDArray[np.float64]:
    """Return the mean power of both channels for each frame."""
    return np.asarray((samples.astype(np.float64) ** 2).mean(axis=1))
