"""Exports of a composed piece: stems that add up to the mix, and a loop without a seam."""

import numpy as np
import pytest
from scipy import signal

from musicgenerator.briefs import GENRES, Brief
from musicgenerator.track_requests import Kept
from pipeline.audio import Audio, Samples
from pipeline.engines.composer import Composer
from pipeline.engines.composer.composing import compose
from pipeline.engines.composer.keeping import composed
from pipeline.engines.composer.looping import Loop, loop
from pipeline.engines.composer.stems import NOISE, stems
from pipeline.mastering import LOUDNESS_LUFS, RATE, loudness_lufs, master
from tests.pipeline.test_composer import brief

SECONDS = 8
SEED = 5
REPEATS = 10
AROUND = RATE // 50  # frames: 20 ms


def of(genre: str) -> Brief:
    """Return a lively brief: all players play, and the saturation is reached."""
    return brief(genre=genre, energy=0.8)


def decibels(residual: Samples, whole: Samples) -> float:
    """Return the power of a residual in dB of the whole."""
    return 10 * float(np.log10(np.square(residual).mean() / np.square(whole).mean()))


@pytest.mark.parametrize("genre", GENRES)
def test_the_stems_add_up_to_what_the_master_receives(genre: str) -> None:
    """The residual is 60 dB below the mix, and every part has a stem of its own, named as in the form."""
    take = Composer().make(of(genre), SECONDS, SEED, first_seconds=SECONDS)
    residual = take.audio.samples.copy()
    names = []
    for stem in stems(of(genre), SECONDS, SEED):
        assert stem.audio.samples.shape == residual.shape
        assert np.abs(stem.audio.samples).max() > 0.001
        residual -= stem.audio.samples
        names.append(stem.name)
    parts = [f"{part['name']} ({part['instrument']})" for part in take.form["parts"]]
    assert names == parts + [NOISE] * (genre == "lo-fi")
    assert decibels(residual, take.audio.samples) < -60


def test_stems_are_those_of_a_version_that_keeps_a_part() -> None:
    """With ``keep``, the stems add up to that version, so its music is the master of their sum."""
    keep = (Kept(SEED, "lead"),)
    mix = Composer().make(of("folk"), SECONDS, 9, keep=keep, first_seconds=SECONDS).audio.samples
    total = sum(stem.audio.samples for stem in stems(of("folk"), SECONDS, 9, keep))
    assert decibels(mix - total, mix) < -60
    music, of_sum = (master(Audio(samples, RATE), SECONDS).audio.samples for samples in (mix, total))
    assert decibels(music - of_sum, music) < -60


def jumps(samples: Samples) -> Samples:
    """Return how much each sample differs from the line through the two before it, in the louder channel."""
    return np.asarray(np.abs(np.diff(samples, 2, axis=0)).max(axis=1), np.float32)


def clicks(samples: Samples) -> bool:
    """Whether a loop that is repeated has a click where it starts again: in the samples, or in the spectrogram."""
    repeated = np.tile(samples, (REPEATS, 1))
    frames = len(samples)
    jump = jumps(repeated[frames - AROUND : frames + AROUND])
    at_seam = jump[AROUND - 3 : AROUND + 2].max()
    beside = max(jump[: AROUND - 3].max(), jump[AROUND + 2 :].max())

    step = 256
    frequencies, _, spectra = signal.stft(repeated.mean(axis=1), RATE, nperseg=1024, noverlap=1024 - step)
    treble = np.log1p(100 * np.abs(spectra[frequencies > 6000]))
    flux = np.maximum(0, np.diff(treble, axis=1)).sum(axis=0)
    seams = {round(number * frames / step) + near for number in range(1, REPEATS) for near in range(-3, 3)}
    elsewhere = np.delete(flux, sorted(seams))
    return bool(at_seam > beside or flux[sorted(seams)].max() > np.quantile(elsewhere, 0.98))


@pytest.mark.parametrize("genre", GENRES)
def test_a_loop_repeats_ten_times_without_a_seam(genre: str) -> None:
    """It has whole bars at the brief's tempo to a frame, the loudness of every master, and no click."""
    made = loop(of(genre), SECONDS, SEED)
    piece = compose(of(genre), SECONDS, SEED)
    assert (made.bars, made.tempo_bpm, made.key) == (piece.sections[-1].bar, 96.0, "D major")
    assert len(made.audio.samples) == round(made.bars * piece.beats * 60 / made.tempo_bpm * RATE)
    assert not clicks(made.audio.samples)
    assert abs(loudness_lufs(made.audio.samples, RATE) - LOUDNESS_LUFS) < 0.15
    assert made.master.true_peak_dbtp <= -1


@pytest.fixture(scope="module")
def rock() -> Loop:
    return loop(of("rock"), SECONDS, SEED)


@pytest.mark.parametrize("cut", [20, 2000])
def test_a_cut_would_click(rock: Loop, cut: int) -> None:
    """The measure of a seam finds one: a loop without its last frames clicks."""
    assert clicks(rock.audio.samples[:-cut])


def test_a_loop_neither_fades_nor_slows_down(rock: Loop) -> None:
    """Its last bar is as loud as its other bars, and what rings at its end is heard at its start."""
    samples = rock.audio.samples
    bars = [float(np.square(bar).mean()) for bar in np.array_split(samples, rock.bars)]
    assert bars[-1] > 0.25 * max(bars)
    assert np.abs(samples[: RATE // 100]).max() > 0.01


def test_a_loop_keeps_what_a_version_keeps() -> None:
    """A version's loop has that version's notes: it differs from the loop of the first piece and has its length."""
    keep = (Kept(SEED, "lead"),)
    first, again = loop(of("folk"), SECONDS, SEED), loop(of("folk"), SECONDS, 9, keep)
    assert len(first.audio.samples) == len(again.audio.samples)
    assert not np.allclose(first.audio.samples, again.audio.samples, atol=0.01)
    assert composed(of("folk"), SECONDS, 9, keep).sections == compose(of("folk"), SECONDS, SEED).sections
