"""Write the page on which a person looks at the pieces of the evaluation and listens to them."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

from benchmarks import music_pictures
from benchmarks.figures import sound
from benchmarks.music_goals import Goal, median
from benchmarks.music_pieces import Track

_BANDS: Final = frozenset(f"{hertz} Hz" for hertz in sound.TARGET)
_STYLE: Final = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 1rem auto; max-width: 1240px; padding: 0 1rem; }
table { border-collapse: collapse; } td, th { padding: 0 .6em; text-align: right; } td:first-child { text-align: left; }
.missed { color: #b00020; font-weight: bold; } summary { cursor: pointer; }
.pictures { position: relative; cursor: crosshair; } .pictures img { display: block; width: 100%; }
.place { position: absolute; top: 0; bottom: 0; width: 1px; background: #f0f; pointer-events: none; left: 0; }
audio { width: 100%; }
"""
# A line shows where the player is; a click on a picture plays from there, and one player stops the others.
_SCRIPT: Final = """
const pieces = document.querySelectorAll("article");
for (const piece of pieces) {
  const audio = piece.querySelector("audio"), pictures = piece.querySelector(".pictures");
  const seconds = Number(piece.dataset.seconds), place = piece.querySelector(".place");
  pictures.onclick = (click) => {
    audio.currentTime = seconds * (click.clientX - pictures.getBoundingClientRect().left) / pictures.clientWidth;
    audio.play();
  };
  audio.ontimeupdate = () => { place.style.left = `${100 * audio.currentTime / seconds}%`; };
  audio.onplay = () => { for (const other of pieces) if (other !== piece) other.querySelector("audio").pause(); };
}
"""


def write(folder: Path, tracks: Sequence[Track], goals: Sequence[Goal], reference: dict[str, dict[str, float]]) -> Path:
    """Write ``index.html`` beside the pieces' files and return its path."""
    path = folder / "index.html"
    body = "\n".join([_summary(goals), _medians(tracks, reference), *map(_article, tracks)])
    path.write_text(
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>The composer\'s evaluation</title>'
        f"<style>{_STYLE}</style>\n<h1>The composer's evaluation</h1>\n{body}\n<script>{_SCRIPT}</script></html>\n",
        encoding="utf-8",
    )
    return path


def names(tracks: Sequence[Track]) -> list[str]:
    """Return the figures that the tracks have, in their order, the third octaves left out."""
    longest = sorted(tracks, key=lambda track: -track.seconds)
    return [name for name in dict.fromkeys(name for track in longest for name in track.figures) if name not in _BANDS]


def _summary(goals: Sequence[Goal]) -> str:
    rows = [
        f"<tr{'' if goal.met else ' class=missed'}><td>{escape(goal.name)}<td>{goal.figure:.3g}{goal.unit}"
        f"<td>{goal.bound}<td>{'ok' if goal.met else 'missed'}"
        for goal in goals
    ]
    return f"<h2>Limits</h2><table><tr><th>figure<th>median<th>limit<th>{''.join(rows)}</table>"


def _medians(tracks: Sequence[Track], reference: dict[str, dict[str, float]]) -> str:
    """Return the medians of each length, beside those of the tunes of people."""
    lengths = sorted({track.seconds for track in tracks})
    head = "".join(f"<th>{seconds} s" for seconds in lengths) + "".join(f"<th>{escape(name)}" for name in reference)
    rows = [
        f"<tr><td>{name}"
        + "".join(f"<td>{_number(median(tracks, name, seconds))}" for seconds in lengths)
        + "".join(f"<td>{_number(figures.get(name))}" for figures in reference.values())
        for name in names(tracks)
    ]
    return f"<h2>Medians</h2><table><tr><th>figure{head}{''.join(rows)}</table><p>{music_pictures.legend()}</p>"


def _article(track: Track) -> str:
    row, heard = track.row, track.heard
    wrong = "" if track.key_is_right and track.tempo_is_right and track.is_mastered else ' class="missed"'
    title = f"{track.number}. {row.genre}, {row.mood}, {row.key}, {row.tempo} bpm, {track.seconds} s"
    figures = "; ".join(f"{name} {_number(track.figures[name])}" for name in names([track]))
    octaves = ", ".join(
        f"{hertz}: {track.figures[f'{hertz} Hz'] - level:+.0f}" for hertz, (level, _) in sound.TARGET.items()
    )
    return (
        f'<article data-seconds="{track.seconds}"><h3>{escape(title)}</h3>'
        f"<p>{escape(row.instruments)}; energy {row.energy}, valence {row.valence};"
        f" <span{wrong}>heard {heard.key}, {heard.tempo_bpm:.0f} bpm, {heard.loudness_lufs:.1f} LUFS,"
        f" {heard.true_peak_dbtp:.1f} dBTP</span>; form (bars): {escape(', '.join(track.form))}</p>"
        f'<audio controls preload="none" src="{track.name}.mp3"></audio><div class="pictures">'
        f'<img loading="lazy" src="{track.name}.svg" alt="Piano roll">'
        f'<img loading="lazy" src="{track.name}.png" alt="Spectrogram, 40 Hz to 16 kHz"><div class="place"></div></div>'
        f"<details><summary>Figures</summary><p>{figures}</p><p>Third octaves minus the target, dB: {octaves}</p>"
        f"</details></article>"
    )


def _number(value: float | None) -> str:
    return "" if value is None or value != value else f"{value:.3g}"  # noqa: PLR0124  # NaN differs from itself
