"""Evaluate the composer: 24 briefs at 30, 60 and 180 s, each made as in the pipeline, measured, drawn and compared.

Prints a table and the limits, writes a page with all pieces, and exits with 1 if a limit is missed.
docs/engines.md defines the figures.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

from benchmarks import music_goals, music_page, reference_tunes
from benchmarks.music_briefs import GRID, LENGTHS_SECONDS
from benchmarks.music_pieces import Track, made

# The figures of a piece's line: the name, the heading, and the format.
_COLUMNS: Final = (
    ("same notes", "notes", "5.2f"),
    ("same rhythm", "rhyth", "5.2f"),
    ("steps", "steps", "5.2f"),
    ("fourths to fifths", "4-5th", "5.2f"),
    ("leaps", "leaps", "5.2f"),
    ("silence", "rests", "5.2f"),
    ("parts range", "parts", "5.2f"),
    ("density ratio", "dens.", "5.2f"),
    ("chords", "chrds", "5.0f"),
    ("harmonies", "harm.", "5.0f"),
    ("dominant endings", "domin", "5.2f"),
    ("outer parallels", "paral", "5.2f"),
    ("drum bars", "drums", "5.1f"),
    ("kick with bass", "kick", "5.2f"),
    ("controllers", "ctrls", "5.1f"),
    ("force range", "force", "5.1f"),
    ("level range", "level", "5.1f"),
    ("loudness range", "LRA", "5.1f"),
    ("off target", "off", "5.1f"),
    ("side to mid", "side", "5.1f"),
    ("centroid deviation", "centr", "5.2f"),
    ("ending", "end", "5.1f"),
)


def main() -> None:
    """Make the chosen briefs and lengths; feelings, shared figures and costs are measured with the whole grid."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.music_grid", description=__doc__)
    parser.add_argument("--briefs", type=int, nargs="+", default=range(1, len(GRID) + 1), help="numbers from 1")
    parser.add_argument("--seconds", type=int, nargs="+", default=LENGTHS_SECONDS, help="lengths of the pieces")
    parser.add_argument("--out", type=Path, default=Path("out/eval"), help="the page's folder")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes at once")
    wished = parser.parse_args()
    wished.out.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(wished.workers) as pool:
        begun = [
            pool.submit(made, number, seconds, wished.out) for number in wished.briefs for seconds in wished.seconds
        ]
        tracks = [each.result() for each in begun]
    print("\n\n".join(table(tracks, seconds) for seconds in wished.seconds))
    goals = [*music_goals.figure_goals(tracks), *music_goals.heard_goals(tracks)]
    if len(wished.briefs) == len(GRID):
        goals += [*music_goals.melody_goals(), *music_goals.feeling_goals(tracks), *music_goals.cost_goals()]
    print("\n" + "\n".join(map(str, goals)))
    figures = {track.name: track.figures for track in tracks}
    (wished.out / "figures.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    print(f"\n{music_page.write(wished.out, tracks, goals, reference_tunes.stored())}")
    sys.exit(not all(goal.met for goal in goals))


def table(tracks: Sequence[Track], seconds: int) -> str:
    """Return a line for each piece of a length, and their medians; a ! marks a key or tempo that is heard wrong."""
    columns = ((f"again {seconds} s", "again", "5.2f"), *_COLUMNS)
    lines = [f"{f'{seconds} s':<24}" + "".join(f"{heading:>6}" for _, heading, _ in columns) + "  heard"]
    for track in tracks:
        if track.seconds == seconds:
            wrong = "!" * (not (track.key_is_right and track.tempo_is_right))
            lines.append(
                f"{track.number:>2} {track.row.genre:<21}"
                + "".join(f" {track.figures.get(name, float('nan')):{shape}}" for name, _, shape in columns)
                + f"  {track.heard.key}, {track.heard.tempo_bpm:.0f} of {track.row.tempo} bpm{wrong}"
            )
    medians = [(music_goals.median(tracks, name, seconds), shape) for name, _, shape in columns]
    return "\n".join([*lines, f"{'median':<24}" + "".join(f" {value:{shape}}" for value, shape in medians)])


if __name__ == "__main__":
    main()
