"""The composer: music for every brief, the same for the same seed."""

import json
import subprocess
import sys
from importlib.resources import files
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest

from benchmarks.score_figures import melody_figures, parallels, shared, theme_recurrence
from musicgenerator.briefs import GENRES, INSTRUMENTS, Brief
from musicgenerator.errors import BriefError
from pipeline.engines import engine_named
from pipeline.engines.composer import Composer, soundfont
from pipeline.engines.composer.composing import compose
from pipeline.engines.composer.genres import JANGDAN, STYLES, style_for
from pipeline.engines.composer.instruments import INSTRUMENTS as PRESETS
from pipeline.engines.composer.instruments import cast
from pipeline.engines.composer.patterns import hits
from pipeline.engines.composer.performing import perform
from pipeline.engines.composer.score import Part, Piece
from pipeline.engines.composer.theory import Key, chord, scale_for, voicing


def brief(**changes: Any) -> Brief:
    """Return a plausible brief with some fields changed."""
    fields = {
        "title": "밤의 고양이",
        "caption": "창가의 고양이가 밤거리를 본다.",
        "altText": "고양이",
        "language": "ko",
        "prompt": "a quiet night piece",
        "avoid": "",
        "moods": ["calm"],
        "genre": "folk",
        "instruments": ["flute", "acoustic guitar"],
        "tempoBpm": 96,
        "key": "D major",
        "valence": 0.3,
        "energy": 0.5,
    }
    return Brief.from_mapping(fields | changes)


def notes_of(piece: Piece) -> list[tuple[str, float, int]]:
    """Return every note as role, beat and pitch."""
    return [(part.role, note.start, note.pitch) for part in piece.parts for note in part.notes]


def the(piece: Piece, role: str) -> Part:
    """Return the first part of a role."""
    return next(part for part in piece.parts if part.role == role)


def test_same_brief_and_seed_give_the_same_bytes_in_another_process() -> None:
    """The music does not depend on hash randomisation or any other state of the process."""
    program = (
        "import sys, json, hashlib\nfrom musicgenerator.briefs import Brief\n"
        "from pipeline.engines import engine_named\n"
        "take = engine_named('composer').make(Brief.from_mapping(json.loads(sys.argv[1])), 10, 7)\n"
        "print(hashlib.sha256(take.audio.samples.tobytes() + take.midi).hexdigest())"
    )
    document = json.dumps(brief().to_mapping())
    command = [sys.executable, "-c", program, document]
    digests = {
        subprocess.run(
            command, env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": salt}, capture_output=True, check=True
        ).stdout
        for salt in ("1", "2")
    }
    assert len(digests) == 1


def test_another_seed_is_another_piece() -> None:
    """Most of the melody differs between two seeds of one brief."""
    one, two = (compose(brief(), 30, seed) for seed in (1, 2))
    first, second = ({(note.start, note.pitch) for note in the(piece, "lead").notes} for piece in (one, two))
    assert len(first & second) < len(first) * 0.6


def test_the_title_does_not_change_the_music() -> None:
    """The composer reads only the musical fields."""
    assert compose(brief(title="Another", caption="Other words"), 30, 3) == compose(brief(), 30, 3)


@pytest.mark.parametrize("genre", GENRES)
@pytest.mark.parametrize("seconds", [10, 11, 17, 61, 180])
@pytest.mark.parametrize("tempo", [40, 97, 200])
def test_every_genre_ends_on_its_tonic_with_time_to_ring(genre: str, seconds: int, tempo: int) -> None:
    """At any length and tempo the piece starts on the tonic, and its final tonic chord rings before the end."""
    key = "Eb major" if seconds % 2 else "F# minor"
    piece = compose(brief(genre=genre, tempoBpm=tempo, key=key), seconds, 5)
    lands = piece.seconds_at(piece.final_beat)
    assert (piece.chords[0].chord.root, piece.chords[-1].chord.root) == (piece.key.tonic, piece.key.tonic)
    assert 1.8 < seconds - lands < 9
    assert abs(piece.tempo / tempo - 1) < 0.016


@pytest.mark.parametrize("genre", GENRES)
def test_theme_is_stated_contrasted_and_returns(genre: str) -> None:
    """Theme A is first and last, with theme B between."""
    piece = compose(brief(genre=genre), 60, 4)
    themes = [section.theme for section in piece.sections if section.theme in {"A", "B", "C"}]
    assert (themes[0], themes[-1], "B" in themes) == ("A", "A", True)


@pytest.mark.parametrize("genre", GENRES)
def test_melody_fits_its_chord(genre: str) -> None:
    """On a downbeat the lead plays a tone of the chord that is no semitone away from another of its tones."""
    style = STYLES[genre]
    for key in ("C major", "A minor"):
        piece = compose(brief(genre=genre, key=key, energy=0.7), 60, 6)
        assert piece.beats == style.beats or style.pentatonic
        spans = {span.start: span.chord for span in piece.chords}
        sung = [
            n for n in the(piece, "lead").notes if n.start in spans and n.length > 0.2 and n.start % piece.beats == 0
        ]
        off = [n for n in sung if n.pitch % 12 not in spans[n.start].singable]
        assert len(off) <= len(sung) * (0.25 if style.pentatonic else 0.0)


@pytest.mark.parametrize("genre", GENRES)
def test_every_requested_instrument_plays(genre: str) -> None:
    """Any six requested instruments all play."""
    for start in range(0, len(INSTRUMENTS), 6):
        asked = INSTRUMENTS[start : start + 6]
        piece = compose(brief(genre=genre, instruments=list(asked)), 30, 2)
        assert set(asked) <= {part.instrument for part in piece.parts if part.notes}


def test_parts_stay_within_their_instruments() -> None:
    """Every note is in the range of the preset that plays it."""
    for genre in GENRES:
        for valence, instruments in (
            (1.0, ["oboe", "harp", "cello", "choir"]),
            (-1.0, ["saxophone", "flute", "sitar"]),
        ):
            piece = compose(brief(genre=genre, instruments=instruments, valence=valence), 40, 9)
            for part in piece.parts:
                preset = PRESETS[part.instrument]
                if part.role != "drums":
                    assert all(preset.low <= note.pitch <= preset.high for note in part.notes), part.instrument


def test_a_note_ends_before_the_next_of_its_pitch() -> None:
    """A note-off ends all notes of a pitch, in the soundfont's player as in the MIDI file."""
    for genre in GENRES:
        for performance in perform(compose(brief(genre=genre, energy=0.9), 40, 9), 9):
            ends: dict[int, float] = {}
            for event in performance.events:
                assert ends.get(event.pitch, 0.0) <= event.on
                ends[event.pitch] = event.off


def test_energy_raises_the_number_of_notes_and_their_force() -> None:
    """In every genre a brief with more energy has more and louder notes."""
    for genre in GENRES:
        still, wild = (compose(brief(genre=genre, energy=energy), 40, 3) for energy in (0.05, 0.95))
        force = [np.mean([n.velocity for part in piece.parts for n in part.notes]) for piece in (still, wild)]
        assert len(notes_of(still)) < len(notes_of(wild))
        assert force[0] < force[1]


def test_valence_raises_the_melody() -> None:
    """A brief with a higher valence has a higher melody."""
    dark, bright = (compose(brief(valence=valence), 40, 3) for valence in (-0.9, 0.9))
    heights = [np.mean([note.pitch for note in the(piece, "lead").notes]) for piece in (dark, bright)]
    assert heights[0] < heights[1]


@pytest.mark.parametrize("genre", GENRES)
def test_two_seeds_share_few_figures(genre: str) -> None:
    """The melodies of two seeds share no more than a fifth of their four-note figures."""
    asked = brief(genre=genre, energy=0.6, instruments=["piano"])
    one, two, three = (melody_figures(compose(asked, 45, seed)) for seed in (1, 2, 3))
    assert max(shared(one, two), shared(two, three), shared(one, three)) <= 0.2


@pytest.mark.parametrize("genre", GENRES)
def test_theme_is_kept_in_its_returns(genre: str) -> None:
    """More than a third of the notes of theme A return on the same beats in the same direction, despite ornaments."""
    assert theme_recurrence(compose(brief(genre=genre), 60, 4)) > 0.33


def test_lead_does_not_follow_the_bass_in_parallels() -> None:
    """Over all genres, fewer than one change of chord in twelve has parallel fifths or octaves of lead and bass."""
    found = [parallels(compose(brief(genre=genre), 60, seed)) for genre in GENRES for seed in (1, 2)]
    assert float(np.mean(found)) < 1 / 12


def test_close_slows_down() -> None:
    """The last beat before the final chord of a piano piece is longer than the beats before it."""
    piece = compose(brief(genre="classical piano"), 30, 1)
    end = piece.final_beat
    beats = [piece.seconds_at(beat + 1) - piece.seconds_at(beat) for beat in (end - 6, end - 1)]
    assert 1.2 < beats[1] / beats[0] < 1.4


@pytest.mark.parametrize(("tempo", "beats"), [(60, 4), (100, 3), (140, 4)])
def test_tempo_decides_the_rhythmic_cycle(tempo: int, beats: int) -> None:
    """Slow is Gutgeori with twelve quavers, medium Semachi with nine, fast Jajinmori with twelve."""
    assert style_for(brief(genre="korean traditional", tempoBpm=tempo)).beats == beats


def test_genres_differ_in_harmony_rhythm_and_players() -> None:
    """No two genres share their default instruments, their progressions or their accompaniment."""
    assert len(GENRES) == len({style.defaults for style in STYLES.values()})
    assert len(GENRES) == len({(style.major, style.minor) for style in STYLES.values()})
    assert len(GENRES) == len({(style.chords, style.bass, style.beats) for style in STYLES.values()})


def test_every_pattern_divides_its_bar() -> None:
    """The steps of every pattern divide evenly into the beats."""
    for style in [*STYLES.values(), *(style for _, style in JANGDAN)]:
        grooves = [*style.drums, *style.fills, *([style.build] if style.build else [])]
        patterns = [*style.chords, *style.arpeggio, *style.bass, *style.rhythms, *style.cadence_rhythms]
        for pattern in [*patterns, *(line for groove in grooves for line in groove.values())]:
            assert all(hit.beat < style.beats for hit in hits(pattern, style.beats))


def test_every_progression_is_in_the_notation() -> None:
    """Each has four bars of known numerals, and theme A starts on the tonic."""
    for style in STYLES.values():
        for harmony, key in ((style.major, Key("G major")), (style.minor, Key("G minor"))):
            for progression in (*harmony.a, *harmony.b, *harmony.c):
                assert len(progression.split(" | ")) == 4
                assert all(chord(numeral, key).tones for bar in progression.split(" | ") for numeral in bar.split())
            assert {chord(each.split()[0], key).root for each in harmony.a} == {key.tonic}


def test_dominant_in_minor_raises_the_seventh() -> None:
    """In A minor the scale has G sharp over V7, and is natural over iv."""
    key = Key("A minor")
    assert 11 in scale_for(key, pentatonic=False, over=chord("V7", key))
    assert scale_for(key, pentatonic=False, over=chord("iv", key)) == (0, 2, 3, 5, 7, 8, 10)


def test_voices_lead_by_small_steps() -> None:
    """From each chord of a progression to the next no voice moves more than a fourth."""
    key = Key("C major")
    previous: tuple[int, ...] = ()
    voicings = []
    for numeral in ("I", "vi7", "ii7", "V7", "I"):
        previous = voicing(chord(numeral, key), previous, 50, 69, 4)
        voicings.append(previous)
    moves = [min(abs(p - q) for q in old) for old, new in pairwise(voicings) for p in new]
    assert max(moves) <= 5


def test_unknown_numeral_is_refused() -> None:
    """The error names the misspelt chord."""
    with pytest.raises(ValueError, match="'IX' is not a chord numeral"):
        chord("IX", Key("C major"))


def test_solo_stays_a_solo() -> None:
    """A piano alone plays every role of a piano piece."""
    casting = cast(["piano"], STYLES["classical piano"].defaults)
    assert {instrument for _, instrument in casting.roles} == {"piano"}


def test_midi_file_holds_the_tempo_key_and_every_part() -> None:
    """The file has one track with tempo and key, then one for each part, with drums on channel 10."""
    asked = brief(genre="jazz", instruments=["saxophone", "piano"], key="Bb major", tempoBpm=120)
    take = engine_named("composer").make(asked, 12, 1)
    assert take.midi is not None
    file = mido.MidiFile(file=BytesIO(take.midi))
    kinds = {message.type: message for message in reversed(file.tracks[0])}
    assert kinds["key_signature"].key == "Bb"
    assert abs(mido.tempo2bpm(kinds["set_tempo"].tempo) / 120 - 1) < 0.016
    assert 1 + len(take.form["instruments"]) == len(file.tracks)
    assert 9 in {message.channel for track in file.tracks for message in track if message.type == "note_on"}
    assert file.length <= 12.1


def test_form_is_plain_json() -> None:
    """The summary of a piece can be written into track.json."""
    take = engine_named("composer").make(brief(), 10, 1)
    assert json.loads(json.dumps(take.form)) == take.form
    assert (take.engine, take.seed, take.cost_usd) == ("composer", 1, 0.0)


def test_unknown_engine_names_the_field() -> None:
    """The error says which field of the request is wrong."""
    with pytest.raises(BriefError) as caught:
        engine_named("orchestra")
    assert caught.value.field == "engine"


def test_another_soundfont_is_played_and_named(tmp_path: Path) -> None:
    """Another soundfont is named in the provenance; a copy of the shipped one makes the same audio."""
    copy = tmp_path / "concert.sf3"
    copy.write_bytes((files("pipeline") / "assets" / soundfont.SHIPPED).read_bytes())
    shipped, other = (Composer(font).make(brief(), 10, 1) for font in (None, copy))
    assert other.model == f"{shipped.model} (concert.sf3)"
    assert np.array_equal(shipped.audio.samples, other.audio.samples)


def test_file_that_is_no_soundfont_is_refused(tmp_path: Path) -> None:
    """The error names the file."""
    path = tmp_path / "notes.sf2"
    path.write_bytes(b"RIFF and no more")
    with pytest.raises(ValueError, match=r"notes\.sf2 is not a soundfont"):
        soundfont.read(path, {(0, 0): {(60, 80)}})
