"""A short version of ``make eval-music``: the scores of eight briefs, and the sound of three."""

from dataclasses import dataclass
from html import unescape
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from benchmarks import music_page, reference_tunes
from benchmarks.figures.columns import score_figures
from benchmarks.music_briefs import GRID, LENGTHS_SECONDS
from benchmarks.music_goals import Goal, Measured, figure_goals, heard_goals
from benchmarks.music_grid import table
from benchmarks.music_pieces import SEED, Track, made
from pipeline.engines.composer import midi_file
from pipeline.engines.composer.composing import compose
from pipeline.engines.composer.performing import perform

SOUNDING = (3, 7, 15)  # piano, jazz, rock
# The limits, made for the whole grid, that these few pieces miss. A limit that they meet must leave these lists.
MISSED_BY_SCORES: set[str] = set()
MISSED_BY_SOUND = {
    "side to mid (60 s)", "third octaves off the target, of the grid's mean", "keys of 3 heard as briefed",
}  # fmt: skip


@dataclass(frozen=True)
class Scored:
    seconds: int
    figures: dict[str, float]


@pytest.fixture(scope="module")
def scores() -> list[Measured]:
    """The scores of every third brief at all lengths, which take two seconds."""
    scored: list[Measured] = []
    for row in GRID[::3]:
        for seconds in LENGTHS_SECONDS:
            piece = compose(row.brief(), seconds, SEED)
            midi = midi_file.write(piece, perform(piece, SEED), "")
            scored.append(Scored(seconds, score_figures(piece, midi)))
    return scored


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("eval")


@pytest.fixture(scope="module")
def tracks(folder: Path) -> list[Track]:
    """The finished pieces, which take six seconds."""
    return [made(number, 60, folder) for number in SOUNDING]


def missed(goals: list[Goal]) -> set[str]:
    return {goal.name for goal in goals if not goal.met}


def test_scores_are_within_their_limits(scores: list[Measured]) -> None:
    """The medians of the scores' figures are within the limits, but for those that are known to miss them."""
    assert missed(figure_goals(scores)) == MISSED_BY_SCORES


def test_sound_is_within_its_limits(scores: list[Measured], tracks: list[Track]) -> None:
    """The same of spectrum, dynamics and width, and of key, tempo, loudness, peaks and length as decoded."""
    written = {name for score in scores for name in score.figures}
    heard = [
        Scored(track.seconds, {name: figure for name, figure in track.figures.items() if name not in written})
        for track in tracks
    ]
    assert missed([*figure_goals(heard), *heard_goals(tracks)]) == MISSED_BY_SOUND


def test_goal_is_missed_outside_its_limits_and_without_a_figure() -> None:
    """The limits themselves are allowed; a figure that could not be measured is missed."""
    within, below, above, unknown = (Goal("steps", figure, 0.1, 0.2) for figure in (0.2, 0.05, 0.25, float("nan")))
    assert [goal.met for goal in (within, below, above, unknown)] == [True, False, False, False]
    assert (within.bound, Goal("ending", 2.5, lowest=2, unit=" s").bound) == ("0.1 to 0.2", "at least 2 s")


def test_page_shows_each_piece(folder: Path, tracks: list[Track]) -> None:
    """Each piece has its player, its notes and its spectrogram beside the page, which loads nothing else."""
    goals = [*figure_goals(tracks), *heard_goals(tracks)]
    page = music_page.write(folder, tracks, goals, reference_tunes.stored()).read_text(encoding="utf-8")
    assert "http" not in page
    for track in tracks:
        assert page.count(f'"{track.name}.') == len(("mp3", "svg", "png"))
        notes = ET.fromstring((folder / f"{track.name}.svg").read_text(encoding="utf-8"))  # noqa: S314  # made here
        assert len(notes.findall("{http://www.w3.org/2000/svg}rect")) > 100
        with Image.open(folder / f"{track.name}.png") as image:
            assert image.size == (1200, 220)
        assert (folder / f"{track.name}.mp3").stat().st_size > 500_000
    assert all(goal.name in unescape(page) for goal in goals)


def test_table_has_a_line_for_each_piece_and_the_medians(tracks: list[Track]) -> None:
    """The lines have as many columns as the head."""
    lines = table(tracks, 60).splitlines()
    assert len(lines) == 1 + len(tracks) + 1
    assert len(lines[-1].split()) == len(lines[0].split()) - len(("60", "s", "heard")) + len(("median",))


def test_reference_has_the_melody_figures_of_three_collections() -> None:
    """Each stored figure is one that the composer's melodies have, too."""
    names = {"tunes", "again 30 s", "again 60 s", "steps", "fourths to fifths", "leaps", "silence"}
    stored = reference_tunes.stored()
    assert len(stored) == 3
    assert all(names <= set(figures) <= names | {"again 180 s"} for figures in stored.values())
