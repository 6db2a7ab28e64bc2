"""Make a piece of the grid as the pipeline's step does, and measure it.

The analyser (libsonare) shares no code with the composer and the mastering; it hears the decoded MP3.
"""

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import music_pictures
from benchmarks.figures.columns import score_figures, sound_figures
from benchmarks.music_briefs import GRID, Row
from musicgenerator.briefs import Brief
from pipeline import encoding
from pipeline.audio import Audio
from pipeline.engines import Take, engine_named
from pipeline.engines.composer.composing import compose
from pipeline.mastering import master
from tests.support.listening import Figures, listen, same_key

SEED: Final = 1
_WARM_UP_SECONDS: Final = 5
_TEMPO_TOLERANCE: Final = 0.04
_LOUDNESS_LUFS: Final = (-14.0, 0.5)  # the tolerance
_TRUE_PEAK_DBTP: Final = -1.0
_LONGEST_SILENCE: Final = 1.0
_LENGTH_TOLERANCE: Final = 0.2  # seconds: an MP3 has whole frames


@dataclass(frozen=True)
class Track:
    """A finished piece of the grid with its figures by name; ``number`` is the brief's, from 1."""

    number: int
    row: Row
    seconds: int
    heard: Figures
    figures: dict[str, float]
    form: list[str]

    @property
    def name(self) -> str:
        """Return the name of the piece's files."""
        return f"{self.number:02d}-{self.row.genre.replace(' ', '-')}-{self.seconds}"

    @property
    def key_is_right(self) -> bool:
        """Whether the analyser finds the brief's key."""
        return same_key(self.heard.key, self.row.key)

    @property
    def tempo_heard(self) -> float:
        """The measured tempo, doubled or halved towards the brief's."""
        return min((self.heard.tempo_bpm * octave for octave in (0.5, 1, 2)), key=lambda t: abs(t - self.row.tempo))

    @property
    def tempo_is_right(self) -> bool:
        """Whether the analyser finds the brief's tempo, or half or double of it."""
        return abs(self.tempo_heard / self.row.tempo - 1) < _TEMPO_TOLERANCE

    @property
    def is_mastered(self) -> bool:
        """Whether length, loudness, true peak and silences of the decoded MP3 are within the limits."""
        heard = self.heard
        wished, tolerance = _LOUDNESS_LUFS
        loud = abs(heard.loudness_lufs - wished) <= tolerance and heard.true_peak_dbtp <= _TRUE_PEAK_DBTP
        whole = abs(heard.seconds - self.seconds) < _LENGTH_TOLERANCE and heard.longest_silence <= _LONGEST_SILENCE
        return loud and whole


def made(number: int, seconds: int, folder: Path | None) -> Track:
    """Make and measure a piece; write its MP3 and its pictures into the folder, if there is one."""
    row = GRID[number - 1]
    brief = row.brief()
    take, audio, mp3 = finished(brief, seconds)
    piece = compose(brief, seconds, SEED)
    track = Track(
        number, row, seconds, listen(mp3), score_figures(piece, take.midi or b"") | sound_figures(audio, piece),
        [f"{section.name} {section.bars}" for section in piece.sections],
    )  # fmt: skip
    if folder:
        (folder / f"{track.name}.mp3").write_bytes(mp3)
        (folder / f"{track.name}.svg").write_text(music_pictures.piano_roll(piece), encoding="utf-8")
        (folder / f"{track.name}.png").write_bytes(music_pictures.spectrogram(audio))
    return track


def finished(brief: Brief, seconds: int) -> tuple[Take, Audio, bytes]:
    """Make all files as the step does; return the take, the mastered audio and the MP3."""
    take = engine_named("composer").make(brief, seconds, SEED)
    audio = master(take.audio, seconds).audio
    tags = encoding.Tags(
        title=brief.title, caption=brief.caption, language=brief.language, genre=brief.genre, key=brief.key,
        tempo_bpm=brief.tempo_bpm, engine=take.engine, model=take.model, seed=SEED,
    )  # fmt: skip
    encoding.wav(audio, tags)
    return take, audio, encoding.mp3(audio, tags, None)


def cost(genre: str, seconds: int) -> dict[str, float]:
    """Make a piece in another process; return its CPU seconds without imports, and its peak memory in MB."""
    command = [sys.executable, "-m", "benchmarks.music_pieces", genre, str(seconds)]
    measured: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return measured


def main() -> None:
    """Print the cost of a genre's first brief as JSON, for so many seconds of music."""
    genre, seconds = sys.argv[1:]
    brief = next(row for row in GRID if row.genre == genre).brief()
    finished(brief, _WARM_UP_SECONDS)
    began = time.process_time()
    finished(brief, int(seconds))
    took = time.process_time() - began
    print(json.dumps({"cpu": took, "mb": _peak_kilobytes() / 1024}))


def _peak_kilobytes() -> int:
    """Return this process's peak memory; on Linux, ru_maxrss is inherited from the parent."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), highest)


if __name__ == "__main__":
    main()
