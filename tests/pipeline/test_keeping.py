"""Another version of a composed piece that keeps everything but one part or one section."""

from io import BytesIO

import mido
import pytest

from musicgenerator.briefs import GENRES, Brief
from musicgenerator.errors import BriefError
from musicgenerator.track_requests import Kept
from pipeline.engines.composer import Composer, midi_file
from pipeline.engines.composer.composing import compose
from pipeline.engines.composer.keeping import composed, performed
from pipeline.engines.composer.performing import perform
from pipeline.engines.composer.score import Part, Piece, Touch
from tests.pipeline.test_composer import brief

SECONDS = 20
FIRST, SECOND, THIRD = 5, 9, 11


def of(genre: str) -> Brief:
    return brief(genre=genre, energy=0.7, instruments=["piano", "strings", "flute"])


def tracks(seed: int, genre: str, *keep: Kept) -> dict[str, bytes]:
    """Return the MIDI track of each part."""
    piece, performances = performed(of(genre), SECONDS, seed, keep)
    file = mido.MidiFile(file=BytesIO(midi_file.write(piece, performances, "")))
    names = ("conductor", *piece.part_names())
    return {
        name: b"".join(message.time.to_bytes(4, "big") + bytes(message.bytes()) for message in track)
        for name, track in zip(names, file.tracks, strict=True)
    }


def notes(part: Part) -> set[tuple[float, int]]:
    return {(note.start, note.pitch) for note in part.notes}


def parts(piece: Piece) -> dict[str, Part]:
    return dict(zip(piece.part_names(), piece.parts, strict=True))


@pytest.mark.parametrize("genre", GENRES)
def test_a_piece_that_keeps_nothing_is_the_piece(genre: str) -> None:
    """Without ``keep``, notes and playing are those that the composer makes."""
    piece, performances = performed(of(genre), SECONDS, FIRST)
    assert [each.events for each in performances] == [
        each.events for each in perform(compose(of(genre), SECONDS, FIRST), FIRST)
    ]
    assert piece.form() == compose(of(genre), SECONDS, FIRST).form()


@pytest.mark.parametrize("genre", GENRES)
def test_a_part_changes_and_the_others_are_byte_identical(genre: str) -> None:
    """For every part: its notes differ, its MIDI track too, and no other track does."""
    before = tracks(FIRST, genre)
    old = parts(composed(of(genre), SECONDS, FIRST))
    for name in old:
        keep = Kept(FIRST, name)
        after = tracks(SECOND, genre, keep)
        assert [each for each in before if after[each] != before[each]] == [name]
        new = composed(of(genre), SECONDS, SECOND, [keep])
        one, other = notes(old[name]), notes(parts(new)[name])
        assert len(one ^ other) > 0.2 * len(one | other), name
        assert new.chords == composed(of(genre), SECONDS, FIRST).chords


@pytest.mark.parametrize("genre", GENRES)
@pytest.mark.parametrize(("instrument", "energy"), [("drums", 0.1), ("taiko", 0.9)])
def test_drums_change_in_a_short_piece_too(genre: str, instrument: str, energy: float) -> None:
    """Also in genres with one groove, in which a short piece has neither fills nor room for variants of a bar."""
    asked = brief(genre=genre, energy=energy, instruments=[instrument, "piano"], tempoBpm=60)
    old, new = (parts(composed(asked, 10, seed, keep)) for seed, keep in ((1, ()), (2, [Kept(1, "drums")])))
    assert notes(old["drums"]) != notes(new["drums"])
    assert [name for name in old if notes(old[name]) != notes(new[name])] == ["drums"]


@pytest.mark.parametrize("name", ["chords", "pad"])
def test_a_part_of_one_bar_changes(name: str) -> None:
    """So short a piece has few other ways to play: most tries are the same notes again."""
    instruments = ["vibraphone", "flute", "synth bass", "church organ"]
    asked = brief(key="D minor", instruments=instruments, tempoBpm=40, energy=0.77, valence=-0.2)
    old = parts(composed(asked, 10, 1))[name]
    new = {seed: parts(composed(asked, 10, seed, [Kept(1, name)]))[name] for seed in range(10, 15)}
    assert [seed for seed, part in new.items() if notes(part) == notes(old)] == []


@pytest.mark.parametrize("genre", GENRES)
def test_a_section_changes_and_all_other_notes_start_as_before(genre: str) -> None:
    """For every section: its notes differ. Outside, pitch, velocity and playing of every note stay.

    What changes there: a note that sounds across the section's start by a beat or more ends at it, and of a note that
    sounds across its end by so much, the rest starts at it.
    """
    old = composed(of(genre), SECONDS, FIRST)
    for number, section in enumerate(old.sections, 1):
        new = composed(of(genre), SECONDS, SECOND, [Kept(FIRST, f"section {number}")])
        start = section.bar * old.beats
        end = start + section.bars * old.beats if number < len(old.sections) else 10_000.0

        def outside(part: Part, start: float = start, end: float = end) -> dict[tuple[float, int, int, Touch], float]:
            played = zip(part.notes, part.touches, strict=True)
            return {
                (note.start, note.pitch, note.velocity, touch): note.length
                for note, touch in played
                if not start <= note.start < end
            }

        differing = 0
        assert old.part_names() == new.part_names()
        for one, other in zip(old.parts, new.parts, strict=True):
            was, now = outside(one), outside(other)
            assert was.keys() <= now.keys()
            assert all(key[0] == end for key in now.keys() - was.keys())
            changed = [key for key in was if was[key] != now[key]]
            assert all(key[0] + was[key] >= start + 1 and key[0] < start for key in changed)
            differing += len(notes(one) ^ notes(other))
        assert differing > 3, section.name


def test_what_is_held_goes_on_after_a_section_that_changes() -> None:
    """A pad's tones that sounded across the end of the section still sound after it."""
    pieces = [
        composed(of("ambient"), 40, seed, keep) for seed, keep in ((FIRST, ()), (SECOND, [Kept(FIRST, "section 3")]))
    ]
    end = float((pieces[0].sections[2].bar + pieces[0].sections[2].bars) * pieces[0].beats)
    before, after = (
        {
            (name, note.pitch)
            for name, part in parts(piece).items()
            for note in part.notes
            if note.start <= end < note.end
        }
        for piece in pieces
    )
    assert before <= after


def test_versions_of_versions_keep_their_own_exceptions() -> None:
    """``keep`` is read from the oldest entry on: the lead is of the second seed, the bass of the third."""
    first = tracks(FIRST, "jazz")
    second = tracks(SECOND, "jazz", Kept(FIRST, "lead"))
    third = tracks(THIRD, "jazz", Kept(FIRST, "lead"), Kept(SECOND, "bass"))
    assert [name for name in third if third[name] != second[name]] == ["bass"]
    assert [name for name in third if third[name] != first[name]] == ["lead", "bass"]
    fourth = tracks(FIRST, "jazz", Kept(FIRST, "lead"), Kept(SECOND, "bass"), Kept(THIRD, "section 1"))
    assert fourth != third


def test_a_version_with_the_same_seed_differs() -> None:
    """A part changes even if the next seed is the same."""
    assert tracks(FIRST, "folk", Kept(FIRST, "bass"))["bass"] != tracks(FIRST, "folk")["bass"]


@pytest.mark.parametrize("exception", ["arpeggio", "pad-3", "section 9", "melody"])
def test_what_the_piece_lacks_is_refused(exception: str) -> None:
    """The error names the field and what may be excepted."""
    with pytest.raises(BriefError, match="must except one of") as caught:
        composed(brief(genre="folk"), SECONDS, SECOND, [Kept(FIRST, exception)])
    assert caught.value.field == "keep"


def test_a_take_has_its_own_seed() -> None:
    """A version is made again from the same ``keep`` and seed, byte for byte."""
    keep = [Kept(FIRST, "lead")]
    one, other = (Composer().make(of("waltz"), 8, SECOND, keep=keep) for _ in range(2))
    assert (one.midi, one.score, one.seed) == (other.midi, other.score, SECOND)
    assert (one.audio.samples == other.audio.samples).all()
