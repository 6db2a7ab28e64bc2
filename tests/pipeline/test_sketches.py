"""The sketch of a `composer` track is the start of its music: the same notes, at the same loudness."""

import math
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import soundfile
from composed_sketches import MAX_SECONDS, ComposedSketches
from mutagen.mp3 import MP3
from sketching import NoSketchError

from musicgenerator.briefs import Brief
from musicgenerator.states import Status
from pipeline import encoding
from pipeline.audio import Audio
from pipeline.engines import Take
from pipeline.engines.composer import Composer
from pipeline.mastering import LOUDNESS_LUFS, decibels, loudness_lufs, master, true_peaks
from tests.contracts.recorded import recorded_track

SEED = 7


@pytest.fixture(scope="module")
def brief() -> Brief:
    found = recorded_track(Status.CAPTIONED).brief
    assert found
    return found


@pytest.mark.parametrize("seconds", [15, 90])
def test_a_sketch_has_the_music_s_notes_and_loudness(brief: Brief, seconds: int) -> None:
    """A piece of more than a minute is sketched for a minute, and the score is that of the whole piece."""
    sketched = ComposedSketches().make(brief, seconds, SEED, "1")
    samples, rate = soundfile.read(BytesIO(sketched.mp3), dtype="float32")
    music = master(Composer().make(brief, seconds, SEED).audio, seconds)
    assert sketched.duration_seconds == min(seconds, MAX_SECONDS)
    assert loudness_lufs(samples, rate) == pytest.approx(LOUDNESS_LUFS, abs=0.5)
    assert decibels(float(true_peaks(samples).max())) <= -1.0
    assert Composer().make(brief, seconds, SEED, MAX_SECONDS).midi == Composer().make(brief, seconds, SEED).midi
    if seconds <= MAX_SECONDS:
        assert sketched.peaks == music.peaks
        assert loudness_lufs(samples, rate) == pytest.approx(music.loudness_lufs, abs=0.5)


def test_a_sketch_says_what_it_is(brief: Brief) -> None:
    """Its tags are those of the music: title, engine, seed, and that it is generated."""
    sketched = ComposedSketches().make(brief, 15, SEED, "1")
    file = MP3(BytesIO(sketched.mp3))
    assert str(file.tags["TIT2"]) == brief.title
    assert str(file.tags["TXXX:engine"]) == "composer"
    assert str(file.tags["TXXX:AI-generated"]) == "yes"
    assert file.info.bitrate == encoding.SKETCH.kbit * 1000


class SilentComposer(Composer):
    """Composes a piece that nobody can hear."""

    def make(self, brief: Brief, seconds: float, seed: int, first_seconds: float = math.inf) -> Take:
        take = super().make(brief, seconds, seed, first_seconds)
        return replace(take, audio=Audio(np.zeros_like(take.audio.samples), take.audio.rate))


def test_music_that_cannot_be_heard_gives_no_sketch(brief: Brief) -> None:
    """The error says that another attempt is useless, so the message is not delivered again."""
    with pytest.raises(NoSketchError, match="silent"):
        ComposedSketches(SilentComposer()).make(brief, 10, SEED, "1")
