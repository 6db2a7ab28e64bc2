"""An independent analyser checks the finished MP3 of every genre."""

from dataclasses import dataclass
from io import BytesIO

import libsonare
import numpy as np
import pytest
import soundfile

from musicgenerator.briefs import Brief
from pipeline.encoding import Tags, mp3
from pipeline.engines import engine_named
from pipeline.mastering import decibels, master, true_peaks

MUSIC_SECONDS = 20
PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FLATS = {"Db": "C#", "Eb": "D#", "Gb": "F#", "Ab": "G#", "Bb": "A#"}
# genre, instruments, key, tempo, energy, valence
ASKED = (
    ("ambient", ["warm pad", "harp"], "A major", 72, 0.3, 0.4),
    ("classical piano", ["piano"], "D minor", 88, 0.4, -0.5),
    ("string ensemble", ["strings", "cello"], "E major", 100, 0.7, 0.5),
    ("jazz", ["saxophone", "piano", "double bass", "drums"], "F major", 132, 0.6, 0.6),
    ("bossa nova", ["nylon guitar", "flute"], "G minor", 96, 0.4, -0.2),
    ("lo-fi", ["electric piano", "drums"], "C# minor", 80, 0.3, -0.4),
    ("folk", ["acoustic guitar", "flute"], "G major", 112, 0.5, 0.7),
    ("rock", ["electric guitar", "distortion guitar", "drums"], "A minor", 138, 0.9, -0.1),
    ("electronic", ["saw lead", "synth bass", "drums"], "Bb minor", 126, 0.8, -0.3),
    ("cinematic", ["french horn", "strings", "taiko"], "B minor", 90, 0.7, -0.6),
    ("waltz", ["strings", "piano"], "Eb major", 120, 0.5, 0.5),
    ("korean traditional", ["koto", "pan flute"], "F minor", 84, 0.5, -0.3),
)


@dataclass(frozen=True)
class Heard:
    """A brief and the decoded MP3 made from it."""

    brief: Brief
    samples: np.ndarray
    rate: int

    @property
    def mono(self) -> np.ndarray:
        return np.ascontiguousarray(self.samples.mean(axis=1))

    def key_is_right(self) -> bool:
        found = str(libsonare.detect_key(self.mono, self.rate)).split()
        tonic, mode = self.brief.key.split()
        return [FLATS.get(tonic, tonic), mode] == [FLATS.get(found[0], found[0]), found[1]]

    def tempo_is_right(self) -> bool:
        found = libsonare.detect_bpm(self.mono, self.rate)
        return min(abs(found * octave / self.brief.tempo_bpm - 1) for octave in (0.5, 1, 2)) < 0.04


@pytest.fixture(scope="module")
def heard() -> list[Heard]:
    """Make one short track of every genre as the pipeline does."""
    return [_made(asked) for asked in ASKED]


def _made(asked: tuple[str, list[str], str, int, float, float]) -> Heard:
    genre, instruments, key, tempo, energy, valence = asked
    texts = {"title": "곡", "caption": "설명", "altText": "설명", "language": "ko", "prompt": "music", "avoid": ""}
    fields = {"genre": genre, "instruments": instruments, "key": key, "tempoBpm": tempo}
    brief = Brief.from_mapping(texts | fields | {"moods": ["calm"], "energy": energy, "valence": valence})
    take = engine_named("composer").make(brief, MUSIC_SECONDS, 11)
    tags = Tags("곡", "설명", "ko", genre, key, tempo, take.engine, take.model, take.seed)
    samples, rate = soundfile.read(BytesIO(mp3(master(take.audio, MUSIC_SECONDS).audio, tags, None)), dtype="float32")
    return Heard(brief, samples, rate)


def test_every_genre_is_within_the_mastering_limits(heard: list[Heard]) -> None:
    """The decoded MP3 has the requested length, -14 LUFS and a true peak below -1 dBTP."""
    for each in heard:
        loudness = libsonare.lufs_interleaved(np.ascontiguousarray(each.samples).ravel(), 2, each.rate)
        assert len(each.samples) / each.rate == pytest.approx(MUSIC_SECONDS, abs=0.2), each.brief.genre
        assert loudness.integrated_lufs == pytest.approx(-14, abs=0.5), each.brief.genre
        assert decibels(float(true_peaks(each.samples).max())) <= -1, each.brief.genre


def test_no_genre_falls_silent(heard: list[Heard]) -> None:
    """The music is never below -60 dBFS for more than a second."""
    for each in heard:
        block = each.rate // 20
        blocks = each.mono[: len(each.mono) // block * block].reshape(-1, block)
        quiet = np.sqrt((blocks**2).mean(axis=1)) < 10 ** (-60 / 20)
        runs = "".join("q" if silent else " " for silent in quiet).split()
        assert max((len(run) for run in runs), default=0) <= 20, each.brief.genre


def test_briefed_key_is_heard(heard: list[Heard]) -> None:
    """The analyser finds the briefed key, tonic and mode, in at least ten genres of twelve."""
    wrong = [each.brief.genre for each in heard if not each.key_is_right()]
    assert len(wrong) <= 2, wrong


def test_briefed_tempo_is_heard(heard: list[Heard]) -> None:
    """The analyser finds the briefed tempo or its octave in at least ten genres of twelve."""
    wrong = [each.brief.genre for each in heard if not each.tempo_is_right()]
    assert len(wrong) <= 2, wrong
