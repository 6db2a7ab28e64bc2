"""How the composer sounds: the soundfont, the levels of the score, the mix of each genre, and the ending."""

from functools import cache
from importlib.resources import files
from io import BytesIO
from itertools import pairwise
from math import log10
from struct import iter_unpack, unpack_from

import numpy as np
import pytest
import soundfile

from benchmarks.figures.sound import bass_side_to_mid, ending, off_target, side_to_mid, third_octaves
from musicgenerator.briefs import GENRES, Brief
from pipeline.audio import Audio, Samples
from pipeline.engines.composer import bus, soundfont
from pipeline.engines.composer.composing import compose
from pipeline.engines.composer.instruments import INSTRUMENTS
from pipeline.engines.composer.mixes import MIXES, Mix
from pipeline.engines.composer.performing import Event, Movement, Performance, perform
from pipeline.engines.composer.playing import RATE, Player, loudness
from pipeline.engines.composer.rendering import render
from pipeline.engines.composer.score import EXPRESSION, VIBRATO, Part
from pipeline.mastering import master

SECONDS = 30
ROLES = {"L": "lead", "C": "chords", "A": "arpeggio", "P": "pad", "B": "bass", "D": "drums"}


def decibels(ratio: float) -> float:
    """Return a ratio of amplitudes in dB."""
    return 20 * log10(max(ratio, 1e-9))


def performance(instrument: str, events: tuple[Event, ...], movements: tuple[Movement, ...] = ()) -> Performance:
    """Return a part that plays these events in the best role of its instrument."""
    return Performance(Part(ROLES[INSTRUMENTS[instrument].roles[0]], instrument, ()), events, movements)


def played(instrument: str, *events: Event, movements: tuple[Movement, ...] = (), mix: Mix | None = None) -> Samples:
    """Return two seconds of a part's sound, before the mix."""
    part = performance(instrument, events, movements)
    out = np.empty((2 * RATE, 2), np.float32)
    Player([part], mix or Mix(), None).play(part, out)
    return out


def middle(instrument: str) -> int:
    """Return the middle of an instrument's range, or the kick of the drum kit."""
    preset = INSTRUMENTS[instrument]
    return 36 if preset.bank else (preset.low + preset.high) // 2


def brief(genre: str, instruments: list[str], energy: float = 0.6) -> Brief:
    """Return a brief of a genre."""
    texts = {"title": "곡", "caption": "설명", "altText": "설명", "language": "ko", "prompt": "music", "avoid": ""}
    music = {"genre": genre, "instruments": instruments, "key": "A minor", "tempoBpm": 112}
    return Brief.from_mapping(texts | music | {"moods": ["calm"], "energy": energy, "valence": 0.2})


@cache
def finished(genre: str, instruments: tuple[str, ...]) -> Audio:
    """Return the master of a short piece of a genre."""
    asked = brief(genre, list(instruments))
    piece = compose(asked, SECONDS, 3)
    return master(render(perform(piece, 3), piece, SECONDS, asked), SECONDS).audio


BANDS = {
    "classical piano": ("piano",),
    "string ensemble": ("strings", "cello"),
    "jazz": ("saxophone", "piano", "double bass", "drums"),
    "rock": ("electric guitar", "distortion guitar", "bass guitar", "drums"),
    "electronic": ("saw lead", "synth bass", "drums"),
    "korean traditional": ("koto", "pan flute"),
}


def mixed(middle: Samples, side: Samples, mix: Mix, tilt: float, lands: float) -> Samples:
    """Return a mix as its bus finishes it; middle and side are overwritten."""
    return bus.decide(middle, side, mix, tilt, lands).of_mix(middle, side)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_velocity_is_heard(instrument: str) -> None:
    """A hard stroke of every instrument is 6 to 14 dB louder than a soft one."""
    soft, hard = (played(instrument, Event(0.0, 1.5, middle(instrument), velocity)) for velocity in (50, 110))
    assert 6 < decibels(loudness(hard) / loudness(soft)) < 14


@pytest.mark.parametrize("instrument", ["piano", "strings", "acoustic guitar", "french horn"])
def test_hard_strokes_are_brighter(instrument: str) -> None:
    """The share of what is above 2 kHz grows with the velocity."""
    soft, hard = (played(instrument, Event(0.0, 1.5, middle(instrument), velocity)) for velocity in (40, 118))
    spectra = [np.square(np.abs(np.fft.rfft(each.mean(axis=1)))) for each in (soft, hard)]
    bright = [float(spectrum[4000:].sum() / spectrum.sum()) for spectrum in spectra]
    assert bright[1] > 1.5 * bright[0]


def test_loudness_of_a_part_does_not_depend_on_what_it_plays() -> None:
    """The level of a part is that of its instrument, so a soft part stays soft."""
    levels = []
    for velocity in (40, 110):
        part = performance("piano", (Event(0.0, 1.0, 60, velocity),))
        levels.append(Player([part], Mix(), None).level(part))
    assert levels[0] == pytest.approx(levels[1], rel=0.02)


def test_a_part_that_is_cut_off_is_not_heard_in_the_next() -> None:
    """A sketch ends in the middle of notes; the next part's level and sound are those that it has alone."""
    loud = performance("distortion guitar", tuple(Event(0.0, 9.0, pitch, 127) for pitch in range(40, 60)))
    soft = performance("warm pad", (Event(0.0, 1.0, 60, 40),))
    alone, after = (Player([loud, soft], Mix(), None) for _ in range(2))
    after.play(loud, np.empty((RATE, 2), np.float32))
    assert after.level(soft) == pytest.approx(alone.level(soft), rel=1e-3)
    after.play(loud, np.empty((RATE, 2), np.float32))
    one, other = (np.empty((RATE, 2), np.float32) for _ in range(2))
    alone.play(soft, one)
    after.play(soft, other)
    assert np.abs(one - other).max() < 0.01 * np.abs(one).max()


def test_expression_and_vibrato_are_heard() -> None:
    """Expression lowers a held note while it sounds, and vibrato moves its pitch."""
    note = Event(0.0, 2.0, 72, 90)
    plain = played("flute", note)
    swelling = played("flute", note, movements=(Movement(1.0, EXPRESSION, 64),))
    assert np.array_equal(plain[: RATE // 2], swelling[: RATE // 2])
    later = slice(round(1.2 * RATE), round(1.8 * RATE))
    assert decibels(loudness(plain[later]) / loudness(swelling[later])) == pytest.approx(11.9, abs=0.6)
    swaying = played("flute", note, movements=(Movement(0.5, VIBRATO, 127), Movement(1.5, VIBRATO, 0)))
    assert np.array_equal(plain[: RATE // 4], swaying[: RATE // 4])
    assert not np.allclose(plain[RATE : RATE + 2000], swaying[RATE : RATE + 2000], atol=0.01)


def test_a_first_note_that_is_played_early_has_its_expression() -> None:
    """It starts a few milliseconds before the beat on which its expression is written, and does not drop there."""
    note = Event(0.06, 1.0, 72, 90)
    early, exact = (played("flute", note, movements=(Movement(at, EXPRESSION, 64),)) for at in (0.08, 0.06))
    assert np.array_equal(early, exact)


def test_hats_and_shakers_are_softer_than_the_snare() -> None:
    """In every kit a hat and a shaker of the same velocity are at least 4 dB below the snare."""
    for mix in MIXES.values():
        snare, *rest = (loudness(played("drums", Event(0.0, 1.0, key, 90), mix=mix)) for key in (38, 42, 70))
        assert max(rest) < 0.63 * snare


def test_old_record_hisses_and_sways() -> None:
    """Lo-fi has the noise and the wow of a tape, the same each time; other mixes are silent where the music is."""
    tone = np.sin(np.arange(4 * RATE) * 2 * np.pi * 440 / RATE).astype(np.float32)
    tone[: 2 * RATE] = 0
    noisy, again, clean = (
        mixed(tone.copy(), np.zeros_like(tone), mix, 0.0, 100.0)
        for mix in (MIXES["lo-fi"], MIXES["lo-fi"], MIXES["jazz"])
    )
    assert np.array_equal(noisy, again)
    quiet = slice(RATE // 2, RATE)
    assert -60 < decibels(loudness(noisy[quiet])) < -40
    assert float(np.abs(clean[quiet]).max()) < 1e-4


def test_doubled_guitars_are_wide() -> None:
    """The distortion guitar of rock is played twice, left and right; a mono signal has -60 dB of side and less."""
    asked = brief("rock", ["distortion guitar"])
    piece = compose(asked, 20, 3)
    guitar = [part for part in perform(piece, 3) if part.part.instrument == "distortion guitar"]
    audio = render(guitar, piece, 20, asked)
    assert side_to_mid(audio) > -8


@pytest.mark.parametrize("genre", BANDS)
def test_bass_stays_in_the_middle(genre: str) -> None:
    """Below 120 Hz the side is at least 12 dB below the middle; above it the music is wide."""
    audio = finished(genre, BANDS[genre])
    assert bass_side_to_mid(audio) < -12
    assert -12 < side_to_mid(audio) < -1


@pytest.mark.parametrize("genre", BANDS)
def test_end_dies_away(genre: str) -> None:
    """The last two seconds are below -25 dBFS, and no second is silent."""
    audio = finished(genre, BANDS[genre])
    assert ending(audio) >= 2.0
    levels = np.sqrt(np.mean(np.square(audio.samples[: (SECONDS - 1) * RATE].reshape(-1, RATE // 2, 2)), axis=(1, 2)))
    assert decibels(float(levels.min())) > -60


def test_tone_moves_towards_the_curve() -> None:
    """White noise, which is far too bright, ends nearer to the target; the middle and the side are filtered alike."""
    noise = np.random.default_rng(1).normal(0, 0.1, (10 * RATE, 2)).astype(np.float32)
    loud = mixed(noise[:, 0].copy(), 0.5 * noise[:, 1], Mix(), 0.0, 100.0)
    before, after = (off_target(third_octaves(Audio(each, RATE))) for each in (noise, loud))
    assert after < 0.7 * before


def test_every_genre_has_a_mix() -> None:
    """No genre shares its mix with another."""
    assert set(MIXES) == set(GENRES)
    assert len({repr(mix) for mix in MIXES.values()}) == len(MIXES)


def test_every_key_of_every_preset_sounds() -> None:
    """Within an instrument's range no key is silent, soft or hard, and none is far louder than its neighbours."""
    for name, preset in INSTRUMENTS.items():
        keys = (36, 38, 42, 46) if preset.bank else range(preset.low - 4, preset.high + 5, 6)
        for velocity in (30, 120):
            levels = [decibels(loudness(played(name, Event(0.0, 0.5, key, velocity))[: RATE // 2])) for key in keys]
            assert min(levels) > -75, (name, velocity)
            if not preset.bank:
                assert max(abs(one - two) for one, two in pairwise(levels)) < 14, (name, velocity)


def test_shipped_soundfont_is_sound() -> None:
    """Its tables are consistent, and every sample can be decoded and is longer than its loop reaches."""
    font = (files("pipeline") / "assets" / soundfont.SHIPPED).read_bytes()
    places = {name: (start, size) for name, start, size in soundfont.chunks(font)}
    assert unpack_from("<I", font, 4) == (len(font) - 8,)

    def rows(name: bytes, form: str) -> list[tuple[int, ...]]:
        start, size = places[name]
        return list(iter_unpack(form, font[start : start + size]))

    heads, bags, generators = rows(b"inst", "<20xH"), rows(b"ibag", "<HH"), rows(b"igen", "<HH")
    samples = rows(b"shdr", "<20x5I2B2H")
    assert [first for (first,) in heads] == sorted(first for (first,) in heads)
    assert heads[-1] == (len(bags) - 1,)
    assert [first for first, _ in bags] == sorted(first for first, _ in bags)
    assert bags[-1][0] == len(generators) - 1
    assert max(value for kind, value in generators if kind == 53) < len(samples) - 1
    data, size = places[b"smpl"]
    decoded: dict[int, int] = {}
    for start, end, loop, loop_end, _, _, _, link, kind in samples[:-1]:
        assert start < end <= size
        if start not in decoded:
            decoded[start] = len(soundfile.read(BytesIO(font[data + start : data + end]))[0])
        assert loop <= loop_end <= decoded[start]
        assert kind == 0x11 or samples[link][8] in {0x12, 0x14}


def test_only_played_samples_stay_in_the_soundfont() -> None:
    """One stroke needs a few samples: the whole font takes seconds to decode."""
    whole = (files("pipeline") / "assets" / soundfont.SHIPPED).read_bytes()
    one = soundfont.read(None, {(0, 0): {(60, 80)}})
    assert len(one) < len(whole) / 10
    assert len(one) < len(soundfont.read(None, {(0, 0): {(key, 80) for key in range(40, 80)}}))


def test_second_take_differs_in_time_and_pitch() -> None:
    """A doubled part is not the same sound twice."""
    part = performance("distortion guitar", tuple(Event(0.4 * i, 0.4 * i + 0.3, 45, 90) for i in range(4)))
    player = Player([part], MIXES["rock"], None)
    first, second, again = (np.empty((2 * RATE, 2), np.float32) for _ in range(3))
    player.play(part, first)
    player.play_again(part, second)
    player.play_again(part, again)
    assert np.array_equal(second, again)
    one, two = first.ravel(), second.ravel()
    assert abs(float(one @ two)) < 0.5 * float(np.linalg.norm(one) * np.linalg.norm(two))
