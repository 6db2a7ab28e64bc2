"""The mastering that every engine shares: exact length, fades, -14 LUFS, and a true peak that survives the encoders.

Loudness is that of ITU-R BS.1770-4 (pyloudnorm); the true peak is the largest sample after oversampling four times.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from pipeline.audio import Audio, Samples
from pipeline.engines.errors import NoAudioError

RATE: Final = 44_100
LOUDNESS_LUFS: Final = -14.0
TRUE_PEAK_DBTP: Final = -1.0
PEAKS: Final = 200

# Lossy encoding moves peaks: the limiter stays this far below what is promised.
_CEILING_DBTP: Final = -2.0
_OVERSAMPLING: Final = 4
_BLOCK: Final = 1 << 15  # fits the processor's cache
_MARGIN: Final = 64
_WINDOW_SECONDS: Final = 0.05
_FADE_IN_SECONDS: Final = 0.02
_FADE_OUT_SECONDS: Final = 1.6
_FADE_CUT_SECONDS: Final = 3.0
_CROSSFADE_SECONDS: Final = 2.0
_SILENT: Final = 1e-4
_CLOSE_LU: Final = 0.08


class SilentMusicError(NoAudioError):
    """The engine gave no sound: nothing in it, nothing that is finite, or nothing above -80 dBFS."""


@dataclass(frozen=True)
class Master:
    """Finished sound at 44.1 kHz with its measured figures; ``peaks`` are 200 values 0 to 1 for a waveform display."""

    audio: Audio
    loudness_lufs: float
    true_peak_dbtp: float
    peaks: tuple[float, ...]


def master(audio: Audio, seconds: float) -> Master:
    """Return the sound in stereo at 44.1 kHz, exactly ``seconds`` long, at -14 LUFS and at most -1 dBTP.

    Mono and any other rate are converted. Longer sound is faded out, shorter sound is repeated with a crossfade.
    Raise SilentMusicError when there is nothing to hear.
    """
    heard = _faded(*_fitted(_stereo(audio), round(seconds * RATE)))
    loud, loudness = _levelled(heard)
    peak = decibels(float(true_peaks(loud).max()))
    return Master(Audio(loud, RATE), loudness, peak, _peaks(loud))


def true_peaks(samples: Samples) -> NDArray[np.float32]:
    """Return for each frame the largest magnitude of either channel, between the samples too; shape (frames,)."""
    out = np.zeros(len(samples), np.float32)
    for start in range(0, len(samples), _BLOCK):
        end = min(len(samples), start + _BLOCK)
        first, last = max(0, start - _MARGIN), min(len(samples), end + _MARGIN)
        for channel in range(samples.shape[1]):
            dense = np.abs(signal.resample_poly(np.ascontiguousarray(samples[first:last, channel]), _OVERSAMPLING, 1))
            within = dense[_OVERSAMPLING * (start - first) : _OVERSAMPLING * (end - first)]
            for phase in range(_OVERSAMPLING):
                np.maximum(out[start:end], within[phase::_OVERSAMPLING], out=out[start:end])
    return out


def loudness_lufs(samples: Samples, rate: int) -> float:
    """Return the integrated loudness in LUFS."""
    import pyloudnorm  # noqa: PLC0415  only a whole track is measured

    return float(pyloudnorm.Meter(rate).integrated_loudness(samples))


def decibels(amplitude: float) -> float:
    """Return an amplitude in dB below full scale."""
    return 20 * float(np.log10(max(amplitude, 1e-9)))


def _stereo(audio: Audio) -> Samples:
    samples = np.asarray(audio.samples, np.float32)
    if samples.ndim == 1:
        samples = samples[:, None]
    # A sample that is not finite makes either extreme so.
    loudest = max(-float(samples.min()), float(samples.max())) if samples.size else 0.0
    if not _SILENT <= loudest < np.inf:
        msg = "the engine's audio is empty, silent or not finite"
        raise SilentMusicError(msg)
    samples = np.repeat(samples, 2, axis=1) if samples.shape[1] == 1 else samples[:, :2]
    if audio.rate != RATE:
        ratio = Fraction(RATE, audio.rate)
        samples = signal.resample_poly(samples, ratio.numerator, ratio.denominator, axis=0).astype(np.float32)
    rumble = signal.butter(2, 28.0, "highpass", fs=RATE, output="sos").astype(np.float32)
    return np.asarray(signal.sosfilt(rumble, samples, axis=0), np.float32)


def _fitted(samples: Samples, frames: int) -> tuple[Samples, float]:
    """Return exactly so many frames, and the seconds over which they should fade out."""
    cross = min(int(_CROSSFADE_SECONDS * RATE), len(samples) // 3)
    missing = frames - len(samples)
    if missing > RATE // 2 and cross:
        turn = np.linspace(0, np.pi / 2, cross, dtype=np.float32)[:, None]
        piece = samples
        while len(samples) < frames:
            seam = samples[-cross:] * np.cos(turn) + piece[:cross] * np.sin(turn)
            samples = np.concatenate([samples[:-cross], seam, piece[cross:]])
        missing = frames - len(samples)
    if missing >= 0:
        return np.concatenate([samples, np.zeros((missing, 2), np.float32)]), _FADE_OUT_SECONDS
    return samples[:frames].copy(), _FADE_CUT_SECONDS


def _faded(samples: Samples, out_seconds: float) -> Samples:
    for length, edge in ((_FADE_IN_SECONDS, slice(None)), (out_seconds, slice(None, None, -1))):
        frames = min(int(length * RATE), len(samples) // 2)
        ramp = (0.5 - 0.5 * np.cos(np.linspace(0, np.pi, frames))).astype(np.float32)
        samples[edge][:frames] *= ramp[:, None]
    return samples


def _levelled(samples: Samples) -> tuple[Samples, float]:
    """Raise or lower to the loudness, limiting what would pass the ceiling, until both hold."""
    peaks = true_peaks(samples)
    ceiling = 10 ** (_CEILING_DBTP / 20)
    gain = LOUDNESS_LUFS - loudness_lufs(samples, RATE)
    for _ in range(8):
        factor = np.float32(10 ** (gain / 20))
        loud = samples * (factor * _reduction(peaks * factor, ceiling))[:, None]
        loudness = loudness_lufs(loud, RATE)
        gain += LOUDNESS_LUFS - loudness
        if abs(LOUDNESS_LUFS - loudness) < _CLOSE_LU:
            break
    return loud, loudness


def _reduction(peaks: NDArray[np.float32], ceiling: float) -> NDArray[np.float32]:
    """Return the limiter's gain for each frame: down before a peak arrives, back up smoothly after it.

    The minimum over a window, averaged over the same window, never exceeds what the peak at its centre allows.
    """
    needed = np.minimum(np.float32(1), np.float32(ceiling) / np.maximum(peaks, np.float32(1e-9)))
    if float(needed.min()) == 1.0:
        return needed
    window = int(_WINDOW_SECONDS * RATE) | 1
    held = ndimage.minimum_filter1d(needed, window)
    smooth = signal.windows.hann(window + 2)[1:-1].astype(np.float32)
    padded = np.pad(held, len(smooth) // 2, mode="edge")
    return np.asarray(signal.oaconvolve(padded, smooth / smooth.sum(), mode="valid"), np.float32)


def _peaks(samples: Samples) -> tuple[float, ...]:
    edges = np.linspace(0, len(samples), PEAKS + 1).astype(int)[:-1]
    highest = np.maximum.reduceat(np.abs(samples).T, edges, axis=1).max(axis=0)
    return tuple(round(float(value), 3) for value in highest / highest.max())
