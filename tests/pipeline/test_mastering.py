"""Mastering, checked by its own measurements and by an independent analyser."""

import math

import libsonare
import numpy as np
import pytest

from pipeline.audio import Audio, Samples
from pipeline.mastering import RATE, SilentMusicError, decibels, master, true_peaks


def tone(seconds: float, *, rate: int = RATE, level: float = 0.1, hertz: float = 440.0) -> Samples:
    """Return a stereo tone that pulses twice a second."""
    time = np.arange(int(seconds * rate)) / rate
    wave = level * np.sin(2 * np.pi * hertz * time) * (0.3 + 0.7 * (time % 0.5 < 0.2))
    return np.stack([wave, wave], axis=1).astype(np.float32)


@pytest.mark.parametrize("level", [0.001, 0.1, 1.0, 6.0])
def test_any_level_becomes_minus_14_lufs(level: float) -> None:
    """The master of a quiet or an overloaded take is at -14 LUFS with a true peak below -1 dBTP."""
    mastered = master(Audio(tone(12, level=level), RATE), 12)
    judged = libsonare.lufs_interleaved(np.ascontiguousarray(mastered.audio.samples).ravel(), 2, RATE)
    assert judged.integrated_lufs == pytest.approx(-14, abs=0.3)
    assert mastered.loudness_lufs == pytest.approx(-14, abs=0.3)
    assert mastered.true_peak_dbtp <= -1


def test_peaks_are_limited_not_clipped() -> None:
    """Single high spikes end below the ceiling, and no two neighbouring samples have the same cut height."""
    samples = tone(12)
    samples[RATE::RATE] = 1.0
    mastered = master(Audio(samples, RATE), 12)
    assert decibels(float(true_peaks(mastered.audio.samples).max())) <= -1
    loudest = np.abs(mastered.audio.samples[:, 0])
    at_top = loudest > loudest.max() * 0.9999
    assert not np.any(at_top[1:] & at_top[:-1])


def test_true_peak_between_samples_is_seen() -> None:
    """A tone at a quarter of the rate, sampled beside its crests, peaks 3 dB above its samples."""
    time = np.arange(4096)
    wave = np.sin(np.pi / 2 * time + np.pi / 4).astype(np.float32)
    peaks = true_peaks(np.stack([wave, wave], axis=1))[100:-100]
    assert decibels(float(peaks.max()) / math.sqrt(0.5)) == pytest.approx(3.01, abs=0.15)


@pytest.mark.parametrize("given", [6.0, 11.8, 12.0, 15.0])
def test_length_is_exactly_as_asked(given: float) -> None:
    """Shorter music is repeated without a gap, longer music is faded out; neither ends with a click."""
    mastered = master(Audio(tone(given), RATE), 12)
    samples = mastered.audio.samples
    assert samples.shape == (12 * RATE, 2)
    assert float(np.abs(samples[-8:]).max()) < 1e-3
    quiet = np.abs(samples[: 10 * RATE]).reshape(-1, RATE // 2, 2).max(axis=(1, 2))
    assert float(quiet.min()) > 0.01


@pytest.mark.parametrize("rate", [22_050, 32_000, 48_000])
def test_mono_and_other_rates_are_converted(rate: int) -> None:
    """A mono array of any rate becomes stereo at 44.1 kHz with its pitch unchanged."""
    mastered = master(Audio(tone(10, rate=rate)[:, 0], rate), 10)
    spectrum = np.abs(np.fft.rfft(mastered.audio.samples[:, 1]))
    assert (mastered.audio.rate, mastered.audio.samples.shape[1]) == (RATE, 2)
    assert np.argmax(spectrum) / 10 == pytest.approx(440, abs=2.5)


def test_waveform_peaks_are_ready_to_draw() -> None:
    """There are 200 values from 0 to 1, and the largest is 1."""
    peaks = master(Audio(tone(10), RATE), 10).peaks
    assert (len(peaks), max(peaks)) == (200, 1.0)
    assert min(peaks) >= 0


def test_blocks_above_the_bound_keep_their_peaks() -> None:
    """Blocks above the bound have their exact peaks; the others stay below it."""
    samples = tone(4) * np.linspace(0, 1, 4 * RATE, dtype=np.float32)[:, None] + 0.01 * noise(4)
    exact = true_peaks(samples)
    for above in (0.01, 0.05, float(exact.max())):
        bounded = true_peaks(samples, above)
        assert np.array_equal(bounded[exact > above], exact[exact > above])
        assert np.all(bounded[exact <= above] <= above)
    assert (math.ceil(4 * RATE / 16),) == exact.shape


def noise(seconds: float) -> Samples:
    """Return stereo white noise of full scale."""
    return np.random.default_rng(1).uniform(-1, 1, (int(seconds * RATE), 2)).astype(np.float32)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros((RATE, 2)),
        np.empty((0, 2)),
        np.full((RATE, 2), np.nan),
        np.full((RATE, 2), 0.001),
        np.eye(RATE, 2),
    ],
    ids=["zeros", "none", "not numbers", "direct current", "a click"],
)
def test_silence_is_refused(samples: Samples) -> None:
    """A take with nothing to hear is an error."""
    with pytest.raises(SilentMusicError, match="empty, silent or not finite"):
        master(Audio(samples.astype(np.float32), RATE), 10)


def test_one_sample_that_is_not_finite_is_refused() -> None:
    """One infinite sample in good audio is an error, too, since no filter recovers from it."""
    samples = tone(10)
    samples[RATE, 0] = -np.inf
    with pytest.raises(SilentMusicError):
        master(Audio(samples, RATE), 10)
