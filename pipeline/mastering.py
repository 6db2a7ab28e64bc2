"""Master a take of any engine: exact length, fades, -14 LUFS, and true peaks up to -1 dBTP, also in the MP3.

Loudness is measured by ITU-R BS.1770-4 (pyloudnorm). The true peak is the largest sample after 4x oversampling.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Final

import numpy as np
import pyloudnorm
from numpy.typing import NDArray
from scipy import ndimage, signal

from pipeline.audio import Audio, Samples, rolled, unrolled
from pipeline.engines.errors import NoAudioError

RATE: Final = 44_100
LOUDNESS_LUFS: Final = -14.0
PEAKS: Final = 200

# MP3 encoding raises peaks, so the limiter's ceiling is 1 dB below -1 dBTP.
_CEILING_DBTP: Final = -2.0
_OVERSAMPLING: Final = 4
_FILTER: Final = signal.firwin(12 * _OVERSAMPLING + 1, 1 / _OVERSAMPLING, window=("kaiser", 5.0)).astype(np.float32)
# The highest possible ratio of a peak between samples to the highest sample.
_OVERSHOOT: Final = _OVERSAMPLING * max(float(np.abs(_FILTER[phase::_OVERSAMPLING]).sum()) for phase in range(4))
# The limiter has one gain for each block of frames. A stretch of blocks is oversampled as a whole or not at all.
_BLOCK: Final = 16
_STRETCH: Final = 16
_AT_ONCE: Final = 64  # stretches, few enough for the processor's cache
_MARGIN: Final = 16
_WINDOW_SECONDS: Final = 0.05
_FADE_IN_SECONDS: Final = 0.02
_FADE_OUT_SECONDS: Final = 1.6
_FADE_CUT_SECONDS: Final = 3.0
_CROSSFADE_SECONDS: Final = 2.0
_AROUND_SECONDS: Final = 2.0  # of a loop, which its filter and its limiter hear before its start and after its end
_SILENT: Final = 1e-4
_NOT_AUDIBLE: Final = "the engine's audio is empty, silent or not finite"
_CLOSE_LU: Final = 0.08


class SilentMusicError(NoAudioError):
    """The take is empty, not finite, below -80 dBFS, or too short or too quiet for a loudness measurement."""


@dataclass(frozen=True)
class Master:
    """The master at 44.1 kHz and its measurements; ``peaks`` are 200 values from 0 to 1 for a waveform display."""

    audio: Audio
    loudness_lufs: float
    peaks: tuple[float, ...]

    @cached_property
    def true_peak_dbtp(self) -> float:
        """The true peak in dBTP, measured at its first use: a sketch is limited to it without reporting it."""
        samples = self.audio.samples
        return decibels(float(true_peaks(samples, float(np.abs(samples).max())).max()))


def master(audio: Audio, seconds: float) -> Master:
    """Return the audio in stereo at 44.1 kHz, exactly ``seconds`` long, at -14 LUFS with peaks up to -1 dBTP.

    Convert mono and other rates. Fade longer audio out; repeat shorter audio with a crossfade.
    Raise SilentMusicError if the audio is empty, silent or not finite.
    """
    faded = _faded(*_fitted(_stereo(audio), round(seconds * RATE)))
    loud, loudness = _levelled(faded)
    return Master(Audio(loud, RATE), loudness, peaks(loud))


def master_loop(audio: Audio) -> Master:
    """Return a loop in stereo at 44.1 kHz, as long as it was, at -14 LUFS with peaks up to -1 dBTP.

    It is mastered as a part of an endless repetition, so it has no seam where it starts again.
    Raise SilentMusicError if the audio is empty, silent or not finite.
    """
    around, frames = int(_AROUND_SECONDS * RATE), len(audio.samples)
    endless = _stereo(Audio(unrolled(audio.samples, around, around), audio.rate))
    loud, loudness = _levelled(endless, slice(around, around + frames))
    loop = rolled(loud, around, frames)
    return Master(Audio(loop, RATE), loudness, peaks(loop))


def true_peaks(samples: Samples, above: float = 0.0) -> NDArray[np.float32]:
    """Return the true peak of each block of 16 frames, over both channels; the shape is (blocks,).

    Blocks that cannot exceed ``above`` are not oversampled; they report the sample peak of their stretch of blocks.
    """
    frames = _STRETCH * _BLOCK
    padded = np.zeros((2, -(-len(samples) // frames) * frames + 2 * _MARGIN), np.float32)
    padded[:, _MARGIN : _MARGIN + len(samples)] = samples.T
    # Each stretch includes the frames beside it, which the oversampling filter reads.
    stretches = np.lib.stride_tricks.sliding_window_view(padded, frames + 2 * _MARGIN, axis=1)[:, ::frames]
    highest = np.maximum(stretches.max(axis=2), -stretches.min(axis=2))
    peaks = np.repeat(highest.max(axis=0)[:, None], _STRETCH, axis=1)
    high = np.flatnonzero(highest.max(axis=0) * _OVERSHOOT > above)
    for start in range(0, len(high), _AT_ONCE):
        batch = high[start : start + _AT_ONCE]
        dense = np.abs(signal.resample_poly(stretches[:, batch], _OVERSAMPLING, 1, axis=2, window=_FILTER))
        within = dense[:, :, _OVERSAMPLING * _MARGIN : -_OVERSAMPLING * _MARGIN].max(axis=0)
        peaks[batch] = within.reshape(-1, _STRETCH, _OVERSAMPLING * _BLOCK).max(axis=2)
    return peaks.reshape(-1)[: -(-len(samples) // _BLOCK)]


def loudness_lufs(samples: Samples, rate: int) -> float:
    """Return the integrated loudness in LUFS."""
    return float(pyloudnorm.Meter(rate).integrated_loudness(samples))


def decibels(amplitude: float) -> float:
    """Return an amplitude in dB below full scale."""
    return 20 * float(np.log10(max(amplitude, 1e-9)))


def _stereo(audio: Audio) -> Samples:
    samples = np.asarray(audio.samples, np.float32)
    if samples.ndim == 1:
        samples = samples[:, None]
    # One NaN or infinite sample makes the minimum or the maximum NaN or infinite.
    loudest = max(-float(samples.min()), float(samples.max())) if samples.size else 0.0
    if not _SILENT <= loudest < np.inf:
        raise SilentMusicError(_NOT_AUDIBLE)
    samples = np.repeat(samples, 2, axis=1) if samples.shape[1] == 1 else samples[:, :2]
    if audio.rate != RATE:
        ratio = Fraction(RATE, audio.rate)
        samples = signal.resample_poly(samples, ratio.numerator, ratio.denominator, axis=0).astype(np.float32)
    rumble = signal.butter(2, 28.0, "highpass", fs=RATE, output="sos").astype(np.float32)
    return np.asarray(signal.sosfilt(rumble, samples, axis=0), np.float32)


def _fitted(samples: Samples, frames: int) -> tuple[Samples, float]:
    """Return exactly ``frames`` frames, and the seconds over which they should fade out."""
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
    return samples[:frames], _FADE_CUT_SECONDS


def _faded(samples: Samples, out_seconds: float) -> Samples:
    for length, edge in ((_FADE_IN_SECONDS, slice(None)), (out_seconds, slice(None, None, -1))):
        frames = min(int(length * RATE), len(samples) // 2)
        ramp = (0.5 - 0.5 * np.cos(np.linspace(0, np.pi, frames))).astype(np.float32)
        samples[edge][:frames] *= ramp[:, None]
    return samples


def _levelled(samples: Samples, heard: slice = slice(None)) -> tuple[Samples, float]:
    """Return the samples at -14 LUFS with peaks limited to the ceiling, and the LUFS of those that are ``heard``."""
    ceiling = 10 ** (_CEILING_DBTP / 20)
    loudness = loudness_lufs(samples[heard], RATE)
    if not np.isfinite(loudness):
        raise SilentMusicError(_NOT_AUDIBLE)
    gain = _expected_gain(samples, LOUDNESS_LUFS - loudness, ceiling)
    for _ in range(8):
        factor = np.float32(10 ** (gain / 20))
        reduction = _reduction(true_peaks(samples, ceiling / float(factor)) * factor, ceiling)
        loud = samples * _by_frame(factor * reduction, len(samples))[:, None]
        loudness = loudness_lufs(loud[heard], RATE)
        gain += LOUDNESS_LUFS - loudness
        if abs(LOUDNESS_LUFS - loudness) < _CLOSE_LU:
            break
    return loud, loudness


def _expected_gain(samples: Samples, wanted: float, ceiling: float) -> float:
    """Return the gain in dB that raises the loudness by about ``wanted`` dB, with the limiter's reduction included."""
    blocks = samples[: len(samples) // _BLOCK * _BLOCK].reshape(-1, 2 * _BLOCK)
    peaks, power = true_peaks(samples, np.inf)[: len(blocks)], np.einsum("ij,ij->i", blocks, blocks)
    gain = wanted
    for _ in range(4):
        reduction = _reduction(peaks * np.float32(10 ** (gain / 20)), ceiling)
        gain = wanted - 10 * float(np.log10(power @ np.square(reduction) / power.sum()))
    return gain


def _reduction(peaks: NDArray[np.float32], ceiling: float) -> NDArray[np.float32]:
    """Return the limiter's gain for each block: it falls before a peak and rises smoothly after it.

    The minimum over a window, averaged over a shorter window, never exceeds the gain that its centre block or the two
    blocks beside it allow. So a straight line from block to block also stays below every peak's limit.
    """
    needed = np.minimum(np.float32(1), np.float32(ceiling) / np.maximum(peaks, np.float32(1e-9)))
    window = int(_WINDOW_SECONDS * RATE / _BLOCK) | 1
    lowest = ndimage.minimum_filter1d(needed, window + 2)
    smooth = signal.windows.hann(window + 2)[1:-1]
    return np.asarray(ndimage.convolve1d(lowest, smooth / smooth.sum(), mode="nearest"), np.float32)


def _by_frame(gains: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Return a gain for each frame, on straight lines between the first frames of the blocks."""
    steps = np.diff(gains, append=gains[-1:])[:, None]
    ramp = np.arange(_BLOCK, dtype=np.float32) / _BLOCK
    return np.asarray(gains[:, None] + steps * ramp, np.float32).reshape(-1)[:frames]


def peaks(samples: Samples) -> tuple[float, ...]:
    """Return 200 values from 0 to 1 for a waveform display."""
    edges = np.linspace(0, len(samples), PEAKS + 1).astype(int)[:-1]
    highest = np.maximum.reduceat(np.abs(samples).T, edges, axis=1).max(axis=0)
    return tuple(round(float(value), 3) for value in highest / highest.max())
