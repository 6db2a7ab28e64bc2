"""What the composer plays: form, arrangement, themes, the rhythm section, dynamics and controllers."""

from collections.abc import Callable, Iterable
from io import BytesIO
from itertools import pairwise

import mido
import numpy as np
import pytest

from benchmarks.figures import arrangement, harmony, tune
from benchmarks.figures.playing import Playing
from musicgenerator.briefs import GENRES
from pipeline.engines import engine_named
from pipeline.engines.composer import bass, drumming, midi_file, themes
from pipeline.engines.composer.composing import compose
from pipeline.engines.composer.genres import STYLES
from pipeline.engines.composer.mixes import MIXES
from pipeline.engines.composer.patterns import stretched
from pipeline.engines.composer.performing import perform
from pipeline.engines.composer.score import EXPRESSION, LEAD_IN_SECONDS, VIBRATO, Piece
from tests.pipeline.test_composer import brief, the

_SEED = 8
_KEYS = ("G major", "C minor")


def pieces(seconds: int, genres: Iterable[str] = GENRES, energy: float = 0.6) -> list[Piece]:
    """Return a piece of each genre in a major or a minor key."""
    return [
        compose(brief(genre=genre, key=_KEYS[at % 2], energy=energy, tempoBpm=88 + 4 * at), seconds, _SEED)
        for at, genre in enumerate(genres)
    ]


def median(figure: Callable[[Playing], float], played: Iterable[Piece]) -> float:
    """Return the median of a figure without the pieces that lack it."""
    return float(np.nanmedian([figure(Playing.of(piece)) for piece in played]))


@pytest.mark.parametrize(("seconds", "fewest"), [(60, 2.0), (180, 2.5)])
def test_players_join_and_drop_out(seconds: int, fewest: float) -> None:
    """Between the fullest and the most sparse four bars lie at least two parts, and the notes' density changes."""
    played = pieces(seconds)
    assert median(arrangement.parts_range, played) >= fewest
    assert median(arrangement.density_ratio, played) >= 1.7


def test_first_bar_is_not_everything_and_last_return_is() -> None:
    """In every genre the first bar has at most half of the parts; the last statement of theme A has all of them."""
    for piece in pieces(60):
        beats = piece.beats
        last = next(section for section in reversed(piece.sections) if section.theme == "A")
        sounding = [
            sum(any(n.start < end * beats and n.end > first * beats for n in part.notes) for part in piece.parts)
            for first, end in ((0, 1), (last.bar, last.bar + last.bars))
        ]
        assert sounding[0] <= (len(piece.parts) + 1) / 2
        assert sounding[1] == len(piece.parts)


def test_music_breaks_off_before_the_last_return() -> None:
    """In the two bars before the last return neither drums nor bass play."""
    piece = compose(brief(genre="rock", energy=0.8, tempoBpm=120), 60, _SEED)
    returns = next(section.bar for section in reversed(piece.sections) if section.theme == "A") * piece.beats
    for role in ("drums", "bass"):
        assert not [n for n in the(piece, role).notes if returns - 2 * piece.beats <= n.start < returns]


@pytest.mark.parametrize(("genre", "seconds"), [("jazz", 30), ("jazz", 60), ("waltz", 90)])
def test_melody_is_never_alone(genre: str, seconds: int) -> None:
    """In each bar somebody else than the lead and the drums is heard, so nothing is silent where the melody rests."""
    for instruments in (["vibraphone"], ["celesta"], ["vibraphone", "koto"]):
        for tempo in (44, 60, 90, 120):
            asked = brief(genre=genre, instruments=instruments, energy=0.2, tempoBpm=tempo)
            piece = compose(asked, seconds, 1)
            others = [note for part in piece.parts if part.role not in {"lead", "drums"} for note in part.notes]
            for bar in range(int(piece.final_beat) // piece.beats):
                start, end = bar * piece.beats, (bar + 1) * piece.beats
                assert any(note.start < end and note.end > start for note in others), (instruments, tempo, bar)


@pytest.mark.parametrize("seconds", [10, 30, 60, 180])
@pytest.mark.parametrize("tempo", [40, 100, 200])
def test_melody_begins_within_ten_seconds(seconds: int, tempo: int) -> None:
    """At any length and tempo the theme starts within ten seconds."""
    for genre in GENRES:
        piece = compose(brief(genre=genre, tempoBpm=tempo), seconds, _SEED)
        assert piece.seconds_at(the(piece, "lead").notes[0].start) < 10


def test_theme_returns_note_for_note() -> None:
    """A return of theme A keeps most of its notes; of half a minute three figures in ten were heard before."""
    played = pieces(60)
    kept = [tune.theme_returns(piece)[0] for piece in played]
    assert np.median(kept) >= 0.7
    assert min(kept) >= 0.4
    assert median(lambda playing: tune.heard_again(playing, 60), played) >= 0.45
    assert median(lambda playing: tune.heard_again(playing, 30), played) >= 0.3


def test_lines_move_by_step_and_breathe() -> None:
    """About half of the moves are steps, few are fourths or fifths, and every melody rests."""
    played = pieces(60)
    assert median(tune.steps, played) >= 0.45
    assert median(tune.fourths_to_fifths, played) <= 0.13
    rests = [tune.silence(Playing.of(piece)) for piece in played]
    assert 0.08 <= np.median(rests) <= 0.2
    assert min(rests) > 0.03


def test_no_note_rubs_on_a_strong_beat() -> None:
    """On the first and third beat the lead plays no tone a semitone away from a tone of the chord."""
    for piece in pieces(60, [genre for genre in GENRES if not STYLES[genre].pentatonic]):
        for note in the(piece, "lead").notes:
            span = next((s for s in piece.chords if s.start <= note.start < s.end), piece.chords[-1])
            if note.start % piece.beats in {0, 2} and note.pitch % 12 not in span.chord.tones:
                assert note.pitch % 12 not in span.chord.rubbing


@pytest.mark.parametrize("key", _KEYS)
@pytest.mark.parametrize("valence", [-0.8, 0.6])
def test_theme_d_is_in_another_key_and_leads_home(key: str, valence: float) -> None:
    """In three minutes theme D has another key; its last chord is the dominant of the key of the piece."""
    piece = compose(brief(genre="electronic", key=key, valence=valence, tempoBpm=126), 180, _SEED)
    section = next(section for section in piece.sections if section.theme == "D")
    assert section.key != piece.key
    assert (piece.chords_in(section)[-1].chord.root - piece.key.tonic) % 12 == 7
    assert piece.chords_in(section)[0].chord.root == section.key.tonic
    assert all(other.key == piece.key for other in piece.sections if other.theme != "D")


def test_harmony_of_three_minutes() -> None:
    """Three minutes have many progressions and chords, eight-bar sections, and few of them end on the dominant."""
    played = pieces(180)
    assert np.median([harmony.harmonies(piece) for piece in played]) >= 9
    assert np.median([harmony.chords(piece) for piece in played]) >= 9
    assert np.median([harmony.dominant_endings(piece) for piece in played]) <= 0.5
    assert sum(any(section.bars == 8 for section in piece.sections) for piece in played) > len(played) / 2
    assert np.median([harmony.chords(piece) for piece in pieces(60)]) >= 6


def test_drums_vary_and_the_bass_plays_with_the_kick() -> None:
    """In three minutes the drums have at least three different bars in sixteen; most kicks have a bass note."""
    played = pieces(180, ("jazz", "bossa nova", "lo-fi", "rock", "electronic"))
    assert min(arrangement.drum_bars(Playing.of(piece)) for piece in played) >= 3
    assert median(arrangement.kick_with_bass, played) >= 0.65


def test_bass_pattern_moves_to_the_kick() -> None:
    """Near notes move to a stroke, strong strokes get a root, soft ones do not, and lone notes may stay."""
    assert bass.locked("r.......f.......", "x.....x...o.....", 4) == "r.....f........."
    assert bass.locked("r.......f.....a.", "x.........x.....", 4) == "r.........f...a."
    assert bass.locked("r...", "x...x...", 4) == "r...r..."


def test_still_drums_are_soft_and_bright_ones_have_a_tambourine() -> None:
    """A still groove has no loud kick or snare; a bright and wild one gets a tambourine, a dark one toms."""
    groove = {"kick": "x...x...", "snare": "_.x._.x.", "hat": "xxxxxxxx"}
    assert set(drumming.coloured(groove, 4, 0.1, 0.9)) == {"soft kick", "rim", "hat"}
    assert set(drumming.coloured(groove, 4, 0.8, 0.9)) == {*groove, "tambourine"}
    assert set(drumming.coloured(groove, 4, 0.8, -0.9)) == {*groove, "low tom"}
    assert drumming.coloured(groove, 4, 0.8, 0.0) == groove


def test_rhythm_ends_with_a_rest() -> None:
    """The rest takes half of the last note at most."""
    assert themes.breathing("x...x...", 4, 1.0) == "x...x.__"
    assert themes.breathing("x.x.x.x.", 4, 1.0) == "x.x.x.x_"
    assert themes.breathing("xxxxxxxx", 4, 1.0) == "xxxxxxxx"
    assert stretched("x_.", 6) == "x.__.."


def test_louder_blocks_and_a_brief_with_energy_are_louder() -> None:
    """The loudest four bars are some decibels above the softest, and a wild piece above a still one."""
    loud = []
    for energy in (0.1, 0.9):
        piece = compose(brief(genre="cinematic", instruments=["strings"], energy=energy), 60, _SEED)
        bars = range(0, piece.sections[-1].bar - 3, 4)
        force = [
            np.mean([n.velocity for p in piece.parts for n in p.notes if bar <= n.start / piece.beats < bar + 4])
            for bar in bars
        ]
        assert 20 * np.log10(max(force) / min(force)) >= 2.5
        loud.append(np.mean(force))
    assert 20 * np.log10(loud[1] / loud[0]) >= 3


def test_bright_and_lively_chords_are_shorter() -> None:
    """In a bright and lively piece a larger share of the time between two chords is silent."""

    def held(**feeling: float) -> float:
        notes = the(compose(brief(genre="rock", instruments=["piano"], **feeling), 30, _SEED), "chords").notes
        starts = sorted({note.start for note in notes})
        gaps = dict(pairwise(starts))
        return float(np.mean([min(1.0, n.length / gaps[n.start]) for n in notes if gaps.get(n.start, 9) <= 1]))

    assert held(energy=0.8, valence=0.8) < held(energy=0.8, valence=-0.8) - 0.15


def test_held_sounds_move_and_die_away() -> None:
    """A pad swells by its expression, a flute has vibrato on long notes, and the end of a held sound fades."""
    piece = compose(brief(genre="ambient", instruments=["warm pad", "flute"]), 60, _SEED)
    pad = [each for each in the(piece, "pad").controls if each.number == EXPRESSION]
    assert len({each.value for each in pad}) > 3
    assert pad[-1].start > piece.final_beat
    assert pad[-1].value < 60
    assert any(each.number == VIBRATO and each.value > 40 for each in the(piece, "lead").controls)
    assert not the(piece, "chords").controls  # a plucked sound dies away by itself


def test_waltz_lilts() -> None:
    """The accompaniment plays the second beat a little early and the third softer."""
    piece = compose(brief(genre="waltz", instruments=["clarinet", "piano"]), 60, _SEED)
    played = next(each for each in perform(piece, _SEED) if each.part.role == "chords")
    starts = np.array([LEAD_IN_SECONDS + piece.seconds_at(beat) for beat in range(int(piece.final_beat) - piece.beats)])
    late: dict[int, list[float]] = {1: [], 2: []}
    force: dict[int, list[int]] = {1: [], 2: []}
    for event in played.events:
        beat = int(np.abs(starts - event.on).argmin())
        if beat % piece.beats and abs(event.on - starts[beat]) < 0.08:
            late[beat % piece.beats].append(event.on - starts[beat])
            force[beat % piece.beats].append(event.velocity)
    assert min(len(each) for each in late.values()) > 50
    assert np.mean(late[2]) - np.mean(late[1]) > 0.006
    assert np.mean(force[1]) - np.mean(force[2]) > 4


def test_midi_file_names_the_presets_that_are_heard() -> None:
    """A genre's own presets, such as rock's power kit, are in the file, too."""
    piece = compose(brief(genre="rock", instruments=["electric guitar", "bass guitar", "drums"]), 20, _SEED)
    file = mido.MidiFile(file=BytesIO(midi_file.write(piece, perform(piece, _SEED), "")))
    programs = {message.program for track in file.tracks for message in track if message.type == "program_change"}
    own = {MIXES["rock"].programs[name][1] for name in ("electric guitar", "bass guitar", "drums")}
    assert programs == own == {29, 34, 16}


def test_midi_file_holds_the_controllers() -> None:
    """The controllers of the score are in the file, at the same moments."""
    asked = brief(genre="string ensemble", instruments=["strings"])
    take = engine_named("composer").make(asked, 10, 1)
    assert take.midi is not None
    file = mido.MidiFile(file=BytesIO(take.midi))
    moved = [message for track in file.tracks for message in track if message.type == "control_change"]
    piece = compose(asked, 10, 1)
    assert len(moved) == sum(len(part.controls) for part in piece.parts) > 10
    assert {message.control for message in moved} >= {EXPRESSION}
