"""The sketch of a `composer` track is the start of its music: the same notes and sound, at the same loudness."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
import pytest
import soundfile
from composed_sketches import MAX_SECONDS, ComposedSketches
from mutagen.mp3 import MP3
from numpy.typing import NDArray
from sketching import NoSketchError, Sketcher

from musicgenerator.briefs import Brief
from musicgenerator.messages import CaptionMessage
from musicgenerator.orders import Order, orders_from_bytes
from musicgenerator.results import MUSIC, MUSIC_MIDI, ResultsBucket
from musicgenerator.states import Status
from musicgenerator.track_requests import Kept
from pipeline import encoding
from pipeline.audio import Audio, Samples
from pipeline.engines import Cloud, Take
from pipeline.engines.choice import chosen
from pipeline.engines.composer import Composer
from pipeline.making import make_music
from pipeline.mastering import LOUDNESS_LUFS, RATE, decibels, loudness_lufs, master, true_peaks
from tests.contracts.recorded import (
    JOB,
    ORDER_NAME,
    PIPELINE_BUCKET,
    SESSION,
    TOKEN,
    TRACK,
    recorded,
    recorded_track,
    recorded_work,
)
from tests.support.command_fakes import MemorySwitch
from tests.support.fakes import MemoryObjects, MemoryPipelines, MemoryTracks
from tests.support.functions import launcher
from tests.support.takes import WrittenFiles

SEED = 7
BUCKET = "musicgenerator-results"


@dataclass
class Twice:
    """One captioned track, of which the sketcher makes a sketch and the step the music."""

    sketch: Samples
    sketch_seed: int
    music: Samples
    midi: bytes
    brief: Brief


def twice(key: str, seconds: int, keep: Sequence[Kept] = ()) -> Twice:
    """Let the sketcher handle a track's message, and the launcher and the step of its job, too."""
    document = recorded(f"track_{Status.CAPTIONED}")
    document["brief"] |= {"key": key}
    document["request"] |= {"durationSeconds": seconds}
    document["request"] |= {"keep": [kept.to_mapping() for kept in keep]}
    tracks, objects, switch = MemoryTracks(), MemoryObjects(), MemorySwitch()
    tracks.hold(document, SESSION, TRACK, recorded_work(published=True))
    message = CaptionMessage(SESSION, TRACK, 1)
    results = ResultsBucket("https://storage.googleapis.com", BUCKET)
    Sketcher(tracks, objects, ComposedSketches(), results, switch).sketch(message)
    launcher(tracks, MemoryPipelines(), objects).launch(message)
    made = WrittenFiles()
    (order,) = orders_from_bytes(objects.objects[PIPELINE_BUCKET, ORDER_NAME])
    assert isinstance(order, Order)
    make_music(JOB, order, chosen(order.engine, order.fallback_engine, Cloud(), order.keep), made, made)
    return Twice(
        sketch=decoded(objects.objects[BUCKET, f"{TOKEN}/sketch.mp3"]),
        sketch_seed=tracks.documents[TRACK]["sketch"]["seed"],
        music=decoded(made.files[MUSIC]),
        midi=made.files[MUSIC_MIDI],
        brief=Brief.from_mapping(document["brief"]),
    )


def decoded(mp3: bytes) -> Samples:
    """Return the samples of an MP3, shape (frames, 2)."""
    samples, rate = soundfile.read(BytesIO(mp3), dtype="float32")
    assert rate == RATE
    return np.asarray(samples, np.float32)


def likeness(sketch: Samples, music: Samples) -> NDArray[np.float64]:
    """Return the correlation of both in each block of two seconds; 1 is the same sound at any level."""
    frames = 2 * RATE
    blocks = range(0, min(len(sketch), len(music)) - frames, frames)
    found = []
    for start in blocks:
        one, other = sketch[start : start + frames].ravel(), music[start : start + frames].ravel()
        found.append(float(one @ other) / max(1e-9, float(np.linalg.norm(one) * np.linalg.norm(other))))
    return np.array(found)


@pytest.mark.parametrize(
    ("key", "seconds", "keep"),
    [
        ("D major", 20, (Kept(3, "lead", Composer().model),)),
        ("F# minor", 30, ()),
        ("Bb major", 60, ()),
        ("A minor", 180, ()),
    ],
)
def test_a_sketch_is_the_start_of_the_music(key: str, seconds: int, keep: Sequence[Kept]) -> None:
    """The functions and the step agree on brief, length and seed; a longer piece is sketched for its first minute.

    Another seed or length gives another score and a correlation of about zero.
    """
    both = twice(key, seconds, keep)
    length = min(seconds, MAX_SECONDS)
    assert len(both.sketch) / RATE == pytest.approx(length, abs=0.1)
    take = Composer().make(both.brief, seconds, both.sketch_seed, keep=keep, first_seconds=MAX_SECONDS)
    assert take.midi == both.midi
    alike = likeness(both.sketch, both.music)
    assert len(alike) >= length // 2 - 1
    # The sketch fades out where a longer piece goes on, and its parts are balanced over its own minute.
    assert alike[:-1].min() > (0.99 if seconds <= MAX_SECONDS else 0.95)
    heard, music = loudness_lufs(both.sketch, RATE), loudness_lufs(both.music, RATE)
    assert heard == pytest.approx(LOUDNESS_LUFS, abs=0.2)
    assert heard == pytest.approx(music, abs=0.2)
    assert decibels(float(true_peaks(both.sketch).max())) <= -1.0


@pytest.mark.parametrize("compression", [encoding.MUSIC, encoding.SKETCH])
def test_an_mp3_is_as_loud_as_its_master(compression: encoding.Compression) -> None:
    """LAME lowers the level at low bit rates."""
    brief = recorded_track(Status.CAPTIONED).brief
    assert brief
    take = Composer().make(brief, 15, SEED)
    mastered = master(take.audio, 15)
    tags = encoding.Tags.of(brief, take.engine, take.model, take.seed, "1")
    mp3 = encoding.mp3(mastered.audio, tags, None, compression)
    assert loudness_lufs(decoded(mp3), RATE) == pytest.approx(mastered.loudness_lufs, abs=0.1)


def test_a_sketch_says_what_it_is() -> None:
    """Its tags are those of the music: title, engine, seed, and that it is generated."""
    brief = recorded_track(Status.CAPTIONED).brief
    assert brief
    sketched = ComposedSketches().make(brief, 15, SEED, "1")
    file = MP3(BytesIO(sketched.mp3))
    assert str(file.tags["TIT2"]) == brief.title
    assert str(file.tags["TXXX:engine"]) == "composer"
    assert str(file.tags["TXXX:seed"]) == str(SEED)
    assert str(file.tags["TXXX:AI-generated"]) == "yes"
    assert file.info.bitrate == encoding.SKETCH.kbit * 1000


class SilentComposer(Composer):
    """Composes a piece that nobody can hear."""

    def make(
        self,
        brief: Brief,
        seconds: float,
        seed: int,
        picture: bytes | None = None,
        keep: Sequence[Kept] = (),
        *,
        first_seconds: float = math.inf,
    ) -> Take:
        take = super().make(brief, seconds, seed, picture, keep=keep, first_seconds=first_seconds)
        return replace(take, audio=Audio(np.zeros_like(take.audio.samples), take.audio.rate))


@pytest.mark.parametrize(
    ("kept", "words"), [(Kept(3, "section 99"), "section 99"), (Kept(3, "lead", "composer-2"), "composer-2")]
)
def test_a_version_that_cannot_be_made_gives_no_sketch(kept: Kept, words: str) -> None:
    """The piece lacks the section, or another composer made it. The step's failure ends the track."""
    brief = Brief.from_mapping(recorded("track_captioned")["brief"])
    with pytest.raises(NoSketchError, match=words):
        ComposedSketches().make(brief, 10, SEED, "1", (kept,))


def test_music_that_cannot_be_heard_gives_no_sketch() -> None:
    """The error says that another attempt is useless, so the message is not delivered again."""
    brief = recorded_track(Status.CAPTIONED).brief
    assert brief
    with pytest.raises(NoSketchError, match="silent"):
        ComposedSketches(SilentComposer()).make(brief, 10, SEED, "1")
