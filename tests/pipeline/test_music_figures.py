"""The figures of the music's evaluation, on scores and signals whose figures are known."""

from dataclasses import replace
from io import BytesIO

import mido
import numpy as np
import pytest

from benchmarks.figures import arrangement, harmony, sound, tune
from benchmarks.figures.playing import Playing
from pipeline.audio import Audio
from pipeline.engines.composer.score import ChordSpan, Note, Part, Piece, Section
from pipeline.engines.composer.theory import Key, chord

RATE = 44_100
SCALE = (60, 62, 64, 65)


def song(*pitches: int, length: float = 1.0) -> Playing:
    """Return a melody of one note a beat at 60 beats a minute, each held for ``length`` seconds."""
    return Playing.of_events({"lead": [(at, at + length, pitch) for at, pitch in enumerate(pitches)]}, 60, 4)


def piece(*melodies: tuple[int, ...], progressions: tuple[str, ...] = ("I V", "I V", "IV V")) -> Piece:
    """Return phrases of two bars of 4/4, all of theme A, then the final chord."""
    key = Key("C major")
    sections = [Section("A", visit, 2 * visit, 2, 0.5, key) for visit in range(len(melodies))]
    end = Section("end", 0, 2 * len(melodies), 1, 0.5, key)
    notes = [
        Note(8.0 * visit + place, 1.0, pitch, 80)
        for visit, melody in enumerate(melodies)
        for place, pitch in enumerate(melody)
    ]
    spans = [
        ChordSpan(8.0 * visit + 4 * place, 4.0, chord(numeral, key))
        for visit, progression in enumerate(progressions)
        for place, numeral in enumerate(progression.split())
    ]
    return Piece(
        "folk", key, 60.0, 0.0, 4, 0.5, 1.0, 8.0 * len(melodies) + 4, (*sections, end),
        (*spans, ChordSpan(8.0 * len(melodies), 4.0, chord("I", key))), (Part("lead", "flute", tuple(notes)),),
    )  # fmt: skip


def tone(decibels: float, seconds: float, *, right: float = 1.0, frequency: float = 1000.0) -> np.ndarray:
    """Return a sine whose power over both channels is ``decibels``, if right and left have the same level."""
    wave = np.sqrt(2) * 10 ** (decibels / 20) * np.sin(2 * np.pi * frequency * np.arange(round(seconds * RATE)) / RATE)
    return np.stack([wave, right * wave], axis=1).astype(np.float32)


def audio(*parts: np.ndarray) -> Audio:
    return Audio(np.concatenate(parts), RATE)


def test_figure_is_heard_again_when_its_intervals_return() -> None:
    """Twice the same five notes among six figures, the second time a fifth higher; half the time hears none."""
    twice = song(60, 62, 64, 65, 67, 67, 69, 71, 72, 74)
    assert tune.heard_again(twice, 180) == pytest.approx(1 / 6)
    assert tune.heard_again(twice, 9) == 0


def test_moves_are_shares_of_all_moves() -> None:
    """A repeated note, a step, a third, a fifth and an octave."""
    playing = song(60, 60, 62, 65, 72, 60)
    shares = tune.steps(playing), tune.fourths_to_fifths(playing), tune.leaps(playing)
    assert shares == pytest.approx((0.2, 0.2, 0.4))


def test_short_gap_is_articulation_and_a_long_one_is_silence() -> None:
    """Gaps of a fifth of a beat are not silence; gaps of half a beat are."""
    assert tune.silence(song(*SCALE, length=0.8)) == 0
    assert tune.silence(song(*SCALE, length=0.5)) == pytest.approx(1.5 / 3.5)


def test_counter_sings_where_the_lead_has_no_note() -> None:
    """A phrase without lead is sung by the counter; otherwise the counter is not the melody."""
    events = {"lead": [(0.0, 1.0, 60)], "counter": [(1.0, 2.0, 50), (16.0, 17.0, 55)]}
    assert [note.pitch for note in Playing.of_events(events, 60, 4).melody()] == [60, 55]


def test_return_keeps_notes_and_rhythm() -> None:
    """One of four notes changes its pitch, so five pitches are heard, of which three are the same."""
    notes, rhythm = tune.theme_returns(piece(SCALE, (60, 62, 64, 67)))
    assert (notes, rhythm) == pytest.approx((3 / 5, 1))
    assert np.isnan(tune.theme_returns(piece(SCALE))).all()


def test_return_is_compared_in_the_bars_that_both_have() -> None:
    """A return of one bar keeps the first bar of a theme of two."""
    whole = piece((60, 62, 64, 65, 67, 65, 64, 62), SCALE)
    first, second, end = whole.sections
    assert tune.theme_returns(whole)[0] == 0.5
    assert tune.theme_returns(replace(whole, sections=(first, replace(second, bars=1), end)))[0] == 1


def test_chord_of_another_key_is_a_dominant_by_its_numeral() -> None:
    """V, v and vii end on the dominant; VI and VII of minor do not."""
    key = Key("A minor")
    ends = {numeral: chord(numeral, key) for numeral in ("V7", "v", "VI", "VII", "iv")}
    endings = {
        numeral: harmony.dominant_endings(
            replace(played := piece(SCALE), chords=(ChordSpan(0.0, 8.0, last), *played.chords[-1:]))
        )
        for numeral, last in ends.items()
    }
    assert endings == {"V7": 1, "v": 1, "VI": 0, "VII": 0, "iv": 0}


def test_parts_that_enter_widen_the_range() -> None:
    """Four bars of one part, then four of three; the percentiles are a tenth inside the two counts, 4 and 12 a bar."""
    lead = [(float(at), at + 1.0, 60) for at in range(32)]
    late = [(float(at), at + 1.0, 60) for at in range(16, 32)]
    assert arrangement.parts_range(Playing.of_events({"lead": lead}, 60, 4)) == 0
    assert arrangement.parts_range(Playing.of_events({"lead": lead, "pad": late, "bass": late}, 60, 4)) == 2
    assert arrangement.density_ratio(
        Playing.of_events({"lead": lead, "pad": late, "bass": late}, 60, 4)
    ) == pytest.approx(11.2 / 4.8)


def test_drum_bars_differ_by_place_and_key() -> None:
    """Sixteen bars with one other bar are two; a silent bar does not count."""
    beat = [(4.0 * bar, 4.0 * bar + 0.1, 36) for bar in range(15)]
    assert arrangement.drum_bars(Playing.of_events({"drums": [*beat, (60.0, 60.1, 38)]}, 60, 4)) == 2
    assert np.isnan(arrangement.drum_bars(song(*SCALE)))


def test_kick_meets_the_bass() -> None:
    """One of two kicks has a bass note; a snare is no kick."""
    drums = [(0.0, 0.1, 36), (1.0, 1.1, 38), (2.0, 2.1, 36)]
    playing = Playing.of_events({"drums": drums, "bass": [(0.01, 1.0, 40), (1.0, 2.0, 40)]}, 60, 4)
    assert arrangement.kick_with_bass(playing) == 0.5


def test_chords_progressions_and_endings_are_counted() -> None:
    """Chords I, IV and V in two different progressions; two of three phrases end on V."""
    played = piece(SCALE, SCALE, SCALE, progressions=("I V", "I V", "IV I"))
    assert (harmony.chords(played), harmony.harmonies(played)) == (3, 2)
    assert harmony.dominant_endings(played) == pytest.approx(2 / 3)


def test_controllers_after_the_start_are_counted() -> None:
    """Two of three messages come after the start, in two seconds."""
    change = mido.Message("control_change", control=11, value=90)
    later = mido.MidiTrack([change, change.copy(time=480), mido.Message("pitchwheel", pitch=100, time=1440)])
    out = BytesIO()
    mido.MidiFile(tracks=[later], ticks_per_beat=480).save(file=out)
    assert harmony.controllers(out.getvalue()) == 1


def test_levels_and_force_have_the_range_of_the_signal() -> None:
    """Half is 10 dB quieter than the other half; silence is left out of the levels."""
    heard = audio(tone(-30, 8), tone(-20, 8), np.zeros((RATE, 2), np.float32))
    assert sound.level_range(heard) == pytest.approx(10, abs=0.1)
    assert sound.force_range(heard, [float(bar) for bar in range(17)]) == pytest.approx(10, abs=0.1)
    assert sound.loudness_range(heard) == pytest.approx(10, abs=0.5)


def test_ending_is_the_time_after_the_last_loud_sound() -> None:
    """What is below -25 dBFS belongs to the ending."""
    assert sound.ending(audio(tone(-24, 4), tone(-26, 2))) == pytest.approx(2, abs=0.11)


def test_width_is_the_power_of_the_sides() -> None:
    """A tone on one side only has equal middle and side; a narrow one is 20 dB below."""
    assert sound.side_to_mid(audio(tone(-20, 1, right=0))) == pytest.approx(0, abs=0.01)
    assert sound.side_to_mid(audio(tone(-20, 1, right=9 / 11))) == pytest.approx(-20, abs=0.01)
    wide_treble = Audio(tone(-20, 1, frequency=60) + tone(-20, 1, right=-1, frequency=4000), RATE)
    assert sound.bass_side_to_mid(wide_treble) < -30 < -1 < sound.side_to_mid(wide_treble)


def test_third_octave_holds_its_tone() -> None:
    """A tone's whole power is in the band of its frequency, and the target itself is not off."""
    levels = dict(zip(sound.TARGET, sound.third_octaves(audio(tone(-20, 2))), strict=True))
    assert levels[1000] == pytest.approx(0, abs=0.01)
    assert levels[4000] < -40
    assert sound.off_target(np.array([level + 2 for level, _ in sound.TARGET.values()])) == pytest.approx(2)


def test_centroid_moves_by_the_octaves_of_the_signal() -> None:
    """Half the time an octave higher: half an octave of deviation."""
    assert sound.centroid_deviation(audio(tone(-20, 2), tone(-20, 2, frequency=2000))) == pytest.approx(0.5, abs=0.05)
    assert sound.centroid_deviation(audio(tone(-20, 2))) < 0.1


def test_piece_ends_before_its_final_chord() -> None:
    """Bars and phrases of a piece leave the final chord out."""
    playing = Playing.of(replace(piece(SCALE, SCALE), tempo=120.0))
    assert (playing.bars, playing.phrases) == ((0, 4, 8, 12, 16), ((0, 8), (8, 16)))
    assert playing.seconds_at(4) == 2
