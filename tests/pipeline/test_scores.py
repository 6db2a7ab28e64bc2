"""The written score of a composed piece, and the times of its form."""

from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element, fromstring

import mido
import pytest
import xmlschema

from musicgenerator.briefs import GENRES, KEYS
from pipeline.engines.composer import Composer, midi_file, musicxml
from pipeline.engines.composer.composing import compose
from pipeline.engines.composer.genres import STYLES
from pipeline.engines.composer.keeping import performed
from pipeline.engines.composer.performing import perform
from pipeline.engines.composer.score import LEAD_IN_SECONDS, Piece
from pipeline.engines.composer.theory import Key, chord
from tests.pipeline.test_composer import brief

SECONDS = 20
SEED = 5
SCHEMAS = Path(__file__).parent / "musicxml"
CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


class Heard(NamedTuple):
    """A note in beats; a grace note has no length."""

    start: float
    pitch: int
    length: float


@pytest.fixture(scope="module", params=GENRES)
def piece(request: pytest.FixtureRequest) -> Piece:
    return performed(brief(genre=request.param, energy=0.7), SECONDS, SEED)[0]


@pytest.fixture(scope="module")
def score(piece: Piece) -> bytes:
    return musicxml.write(piece, "밤의 <고양이> & co.")


@pytest.fixture(scope="session")
def schema() -> xmlschema.XMLSchema:
    places = [
        ("http://www.w3.org/1999/xlink", str(SCHEMAS / "xlink.xsd")),
        ("http://www.w3.org/XML/1998/namespace", str(SCHEMAS / "xml.xsd")),
    ]
    return xmlschema.XMLSchema(SCHEMAS / "musicxml.xsd", locations=places, allow="local")


def parsed(score: bytes) -> Element:
    return fromstring(score)  # noqa: S314  # made here


def number(element: Element, path: str) -> int:
    return int(element.findtext(path) or 0)


def keys_of_drums(root: Element) -> dict[str, int]:
    return {each.get("id", ""): number(each, "midi-unpitched") - 1 for each in root.iter("midi-instrument")}


def pitch(note: Element, drums: dict[str, int]) -> int:
    instrument = note.find("instrument")
    if instrument is not None:
        return drums[instrument.get("id", "")]
    step = note.findtext("pitch/step") or ""
    return 12 * (number(note, "pitch/octave") + 1) + CLASSES[step] + number(note, "pitch/alter")


def written(root: Element, part: Element, beats: int) -> Iterator[Heard]:
    """Yield the notes of a part, tied ones as one; every measure must be full."""
    drums = keys_of_drums(root)
    divisions = number(part, ".//divisions")
    tied: dict[int, Heard] = {}
    for index, measure in enumerate(part.iter("measure")):
        at = started = Fraction(index * beats)
        for note in measure.iter("note"):
            length = Fraction(number(note, "duration"), divisions)
            if note.find("chord") is None:
                started, at = at, at + length
            if note.find("rest") is not None:
                continue
            ties = {each.get("type") for each in note.findall("tie")}
            heard = Heard(float(started), pitch(note, drums), float(length))
            if "stop" in ties:
                before = tied.pop(heard.pitch)
                assert before.start + before.length == pytest.approx(heard.start)
                heard = before._replace(length=before.length + heard.length)
            if "start" in ties:
                tied[heard.pitch] = heard
            else:
                yield heard
        assert at == (index + 1) * beats
    assert not tied


def played(piece: Piece) -> Iterator[list[Heard]]:
    """Yield the notes of each track of the MIDI file, in beats."""
    file = mido.MidiFile(file=BytesIO(midi_file.write(piece, perform(piece, SEED), "")))
    for track in file.tracks[1:]:
        at = 0
        sounding: dict[int, int] = {}
        heard: list[Heard] = []
        for message in track:
            at += message.time
            if message.type == "note_off" and message.note in sounding:
                start = sounding.pop(message.note)
                heard.append(Heard(start / 480, message.note, (at - start) / 480))
            elif message.type == "note_on":
                sounding[message.note] = at
        yield sorted(heard, key=lambda each: (each.pitch, each.start))


def test_a_score_is_musicxml_4(score: bytes, schema: xmlschema.XMLSchema) -> None:
    """It is valid against the W3C's schema, and says that it is of version 4.0."""
    schema.validate(score.decode())
    assert parsed(score).get("version") == "4.0"


def test_a_score_has_the_notes_of_the_midi_file(piece: Piece, score: bytes) -> None:
    """Per part the pitches are the same.

    A note starts where it is played, but for swing, looseness, strum and grace notes. It is written at least as long
    as it sounds, or up to the next note of its part, and not a beat longer.
    """
    root = parsed(score)
    staves = root.findall("part")
    assert len(staves) == len(piece.parts)
    final = piece.final_beat
    for part, staff, sounds in zip(piece.parts, staves, played(piece), strict=True):
        notes = sorted(written(root, staff, piece.beats), key=lambda each: (each.pitch, each.start))
        assert [each.pitch for each in notes] == [each.pitch for each in sounds]
        starts = sorted({each.start for each in notes})
        for sign, sound in zip(notes, sounds, strict=True):
            assert abs(sign.start - sound.start) < 0.36, part.role
            if sign.start >= final or not sign.length:
                continue
            following = next((each for each in starts if each > sign.start), final)
            full = sign.length > sound.length - 0.3 or sign.start + sign.length == pytest.approx(following)
            assert full, (part.role, sign, sound)
            assert sign.length < sound.length + 1.1, (part.role, sign, sound)


def test_a_score_starts_its_notes_on_the_composers_beats(piece: Piece, score: bytes) -> None:
    """A note starts exactly where the composer wrote it; a grace note and its note share one start."""
    root = parsed(score)
    for part, staff in zip(piece.parts, root.findall("part"), strict=True):
        starts = sorted((each.pitch, each.start) for each in written(root, staff, piece.beats))
        composed = sorted((note.pitch, note.start) for note in part.notes)
        assert [each for each, _ in starts] == [each for each, _ in composed]
        away = [abs(one - other) for (_, one), (_, other) in zip(starts, composed, strict=True)]
        assert all(each < 0.001 or abs(each - 0.12) < 0.001 for each in away)


def test_a_score_says_what_a_musician_needs(piece: Piece, score: bytes) -> None:
    """Names, clefs, key, time, tempo, sections, chords and the ritardando; drums have a staff of their own."""
    root = parsed(score)
    form = piece.form()
    assert root.findtext("movement-title") == "밤의 <고양이> & co."
    names = [str(each.text) for each in root.iterfind("part-list/score-part/part-name")]
    assert [name.partition(" (")[0].lower() for name in names] == [part["instrument"] for part in form["parts"]]
    first = root.find("part")
    assert first is not None
    assert number(first, ".//key/fifths") == piece.key.fifths
    assert (number(first, ".//time/beats"), number(first, ".//time/beat-type")) == (piece.beats, 4)
    assert float(first.findtext(".//metronome/per-minute") or 0) == pytest.approx(form["tempoBpm"], abs=0.1)
    assert [each.text for each in first.iter("rehearsal")] == [section["name"] for section in form["sections"]]
    assert len(first.findall(".//harmony")) == len(form["chords"])
    words = {each.text for each in first.iter("words")}
    assert words == {"rit."} | ({"swing"} if piece.swing > 0.5 else set())
    clefs = [staff.findtext(".//clef/sign") for staff in root.findall("part")]
    assert [clef == "percussion" for clef in clefs] == [part.role == "drums" for part in piece.parts]
    assert root.find(".//fermata") is not None
    assert root.find(".//part/measure/attributes/transpose") is None


def test_a_title_cannot_break_the_score() -> None:
    """What XML does not allow is left out; everything else stays, also what it writes in another way."""
    piece = compose(brief(), 10, SEED)
    root = parsed(musicxml.write(piece, '\0\x0b<&>\ufffe "밤" 👩‍🎤' + "가" * 1000))
    assert root.findtext("movement-title") == '<&> "밤" 👩‍🎤' + "가" * 1000


def test_a_score_has_the_same_bytes_on_any_day(piece: Piece, score: bytes) -> None:
    """A second run of the step writes the same file: nothing in it is random or of today."""
    assert musicxml.write(piece, "밤의 <고양이> & co.") == score
    assert b"encoding-date" not in score


def test_notes_leave_with_the_words_that_an_ai_made_them(schema: xmlschema.XMLSchema) -> None:
    """The MIDI file and the score say what the audio's tags say; what is played stays the same bytes."""
    asked = brief(genre="jazz")
    take = Composer().make(asked, SECONDS, SEED)
    said = f"AI-generated: engine composer, model {Composer().model}"
    assert take.midi is not None
    assert take.score is not None
    first = mido.MidiFile(file=BytesIO(take.midi)).tracks[0]
    assert [message.text for message in first if message.type == "text"] == [said]
    unmarked = midi_file.write(*performed(asked, SECONDS, SEED), asked.title)
    assert take.midi.split(b"MTrk")[2:] == unmarked.split(b"MTrk")[2:]
    root = parsed(take.score)
    assert root.findtext("identification/miscellaneous/miscellaneous-field") == said
    assert root.findtext("identification/encoding/software") == "musicgenerator"
    schema.validate(take.score.decode())


def test_the_form_says_when_chords_sound(piece: Piece) -> None:
    """What starts with a chord sounds at that time of the track, also in the bar that slows down."""
    loose = 3 * STYLES[piece.genre].loose + 0.005
    form = piece.form()
    performances = perform(piece, SEED)
    for span, said in zip(piece.chords, form["chords"], strict=True):
        for performance in performances:
            if performance.part.role in {"chords", "arpeggio"}:
                continue  # their strings sound one after the other
            for note in performance.part.notes:
                if note.start == span.start:
                    ons = [event.on for event in performance.events if event.pitch == note.pitch]
                    assert min(abs(on - said["startSeconds"]) for on in ons) <= loose
        assert said["bar"] == int(span.start // piece.beats) + 1
    assert form["chords"][0]["startSeconds"] == LEAD_IN_SECONDS


def test_the_form_covers_the_track(piece: Piece) -> None:
    """Sections and chords follow each other without a gap, from the first downbeat to the end of the audio."""
    form = piece.form()
    for kind in ("sections", "chords"):
        ends = [each["endSeconds"] for each in form[kind]]
        assert [LEAD_IN_SECONDS, *ends[:-1]] == [each["startSeconds"] for each in form[kind]]
        assert ends[-1] == SECONDS
    assert form["timeSignature"] == f"{piece.beats}/4"
    bars = [(each["startBar"], each["bars"]) for each in form["sections"]]
    assert [first + count for first, count in bars][:-1] == [first for first, _ in bars][1:]


def test_swing_does_not_move_a_chord() -> None:
    """Chords start on beats, where swing starts nothing later."""
    piece = compose(brief(genre="jazz"), SECONDS, SEED)
    assert all(span.start == int(span.start) for span in piece.chords)


@pytest.mark.parametrize(
    ("key", "numeral", "name"),
    [
        ("A minor", "i7", "Am7"), ("A major", "vi", "F#m"), ("C major", "IM7/3", "Cmaj7/E"),
        ("D minor", "V7/3", "A7/C#"),
        ("C major", "bVI", "Ab"), ("F minor", "iiø7", "Gm7b5"), ("Db major", "IV", "Gb"), ("B major", "viio", "A#dim"),
        ("E minor", "iadd9", "Emadd9"), ("G minor", "VM9", "Dmaj9"), ("C minor", "v7sus4", "G7sus4"),
    ],
)  # fmt: skip
def test_chords_have_the_names_that_musicians_write(key: str, numeral: str, name: str) -> None:
    """Inversions have their bass after a slash, and a leading tone is a sharp one."""
    assert chord(numeral, Key(key)).name == name


@pytest.mark.parametrize("name", KEYS)
def test_every_key_spells_its_scale_with_each_letter_once(name: str) -> None:
    """Seven tones have seven letters, and what the key signature alters is altered."""
    key = Key(name)
    scale = (0, 2, 4, 5, 7, 9, 11) if key.mode == "major" else (0, 2, 3, 5, 7, 8, 10)
    spelled = [key.written((key.tonic + step) % 12) for step in scale]
    assert {letter for letter, _ in spelled} == set("ABCDEFG")
    assert sum(alteration for _, alteration in spelled) == key.fifths
    for letter, alteration in (key.written(pitch) for pitch in range(12)):
        assert (CLASSES[letter] + alteration) % 12 in range(12)
    assert [(CLASSES[letter] + alteration) % 12 for letter, alteration in map(key.written, range(12))] == list(
        range(12)
    )


@pytest.mark.parametrize("name", KEYS)
def test_a_near_key_is_spelled_as_the_key_that_it_is_near(name: str) -> None:
    """The bridge's key has up to one sign more or less: from Db major it is Gb major, and not F# major."""
    key = Key(name)
    near = ((3, "major"), (5, "minor")) if key.mode == "minor" else ((5, "major"), (9, "minor"))
    for semitones, mode in near:
        moved = key.moved(semitones, mode)
        assert (moved.mode, moved.tonic) == (mode, (key.tonic + semitones) % 12)
        assert abs(moved.fifths - key.fifths) <= 1


def test_the_chords_of_a_section_are_spelled_as_those_of_the_piece() -> None:
    """The older field of the form has the same letters."""
    assert [chord("V7/3", Key("D minor")).symbol, chord("IVM7", Key("Gb major")).symbol] == ["A7/C#", "CbM7"]
