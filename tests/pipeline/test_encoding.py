"""The encoded files, as a player and a tag editor read them."""

from io import BytesIO

import numpy as np
import pytest
import soundfile
from mutagen.id3 import ID3

from pipeline.audio import Audio
from pipeline.encoding import initial_key, mp3, wav
from pipeline.mastering import RATE, decibels, master, true_peaks
from tests.support.marks import TAGS

COVER = b"\xff\xd8\xff\xe0 not really a picture"


def music(seconds: int = 10) -> Audio:
    """Return a mastered chord with hard attacks, which MP3 encoding makes peak higher."""
    time = np.arange(seconds * RATE) / RATE
    attack = np.exp(-4 * (time % 0.5))
    wave = sum(np.sign(np.sin(2 * np.pi * hertz * time)) for hertz in (220, 277, 330)) * attack
    return master(Audio(np.stack([wave, wave[::-1]], axis=1).astype(np.float32), RATE), seconds).audio


def test_mp3_carries_title_music_and_provenance() -> None:
    """The tags have the title, key and tempo, and say that an AI made the music, and which one."""
    found = ID3(BytesIO(mp3(music(), TAGS, COVER)))
    texts = {name: str(found[name]) for name in ("TIT2", "TPE1", "TCON", "TBPM", "TKEY", "TLAN")}
    assert texts == {
        "TIT2": "달빛 산책",
        "TPE1": "musicgenerator",
        "TCON": "bossa nova",
        "TBPM": "124",
        "TKEY": "F#m",
        "TLAN": "kor",
    }
    said = {frame.desc: str(frame) for frame in found.getall("TXXX")}
    made_by = {"engine": "composer", "model": "composer-3", "seed": "42", "prompt version": "1"}
    assert {"AI-generated": "yes"} | made_by == said
    assert str(found.getall("COMM")[0]) == "달빛 아래 걷는 사람"
    assert (found.getall("APIC")[0].mime, found.getall("APIC")[0].data) == ("image/jpeg", COVER)


def test_mp3_needs_no_cover() -> None:
    """Without a cover there is no picture frame."""
    assert ID3(BytesIO(mp3(music(), TAGS, None))).getall("APIC") == []


def test_decoded_mp3_keeps_length_and_true_peak() -> None:
    """The decoded MP3 is as long as the master, and still peaks below -1 dBTP."""
    samples, rate = soundfile.read(BytesIO(mp3(music(), TAGS, COVER)), dtype="float32")
    assert len(samples) / rate == pytest.approx(10, abs=0.1)
    assert decibels(float(true_peaks(samples).max())) <= -0.95


def test_files_are_the_same_bytes_each_time() -> None:
    """Dither and encoder are deterministic."""
    audio = music()
    assert wav(audio, TAGS) == wav(audio, TAGS)
    assert mp3(audio, TAGS, COVER) == mp3(audio, TAGS, COVER)


def test_wav_is_16_bit_stereo_within_a_step() -> None:
    """The PCM is the master with rounding and dither of up to 2.6 steps."""
    audio = music()
    file = BytesIO(wav(audio, TAGS))
    assert ((info := soundfile.info(file)).subtype, info.channels, info.samplerate) == ("PCM_16", 2, RATE)
    file.seek(0)
    samples, _ = soundfile.read(file, dtype="float32")
    assert float(np.abs(samples - audio.samples).max()) < 2.6 / 32768


@pytest.mark.parametrize(("key", "expected"), [("Db major", "Db"), ("F# minor", "F#m"), ("C minor", "Cm")])
def test_keys_are_spelt_as_id3_does(key: str, expected: str) -> None:
    """A minor key ends with ``m``."""
    assert initial_key(key) == expected
