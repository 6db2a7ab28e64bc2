"""The embedded engine: it composes a piece for the brief and renders it with a soundfont, on a CPU, offline."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from musicgenerator.briefs import COMPOSER, Brief
from musicgenerator.exports import ComposerChangedError
from musicgenerator.track_requests import Kept
from pipeline.engines import Take, made_by
from pipeline.engines.composer import midi_file
from pipeline.engines.composer.keeping import performed
from pipeline.engines.composer.rendering import render
from pipeline.engines.composer.score import Piece

MODEL: Final = "composer-3"  # raise it when a change gives other notes for the same brief and seed


class Composer:
    """The composer. The same brief, seconds, seed and soundfont give the same bytes.

    ``soundfont`` is the path of a General MIDI soundfont (sf2 or sf3); None means the shipped one.
    """

    name = COMPOSER

    def __init__(self, soundfont: Path | None = None) -> None:
        self.soundfont = soundfont

    @property
    def model(self) -> str:
        """Return what decides the notes and the sound: the composer's version, and the soundfont if it is another."""
        return f"{MODEL} ({self.soundfont.name})" if self.soundfont else MODEL

    def require(self, model: str) -> None:
        """Raise ComposerChangedError if ``model`` is another composer, which may have written other notes."""
        if model != self.model:
            raise ComposerChangedError(f"the source is by {model}, this is {self.model}")

    @classmethod
    def from_environment(cls) -> Self:
        """Return a composer with the soundfont that the variable ``SOUNDFONT`` names, or with the shipped one."""
        path = os.environ.get("SOUNDFONT")
        return cls(Path(path) if path else None)

    def make(
        self,
        brief: Brief,
        seconds: float,
        seed: int,
        picture: bytes | None = None,
        keep: Sequence[Kept] = (),
        *,
        first_seconds: float = math.inf,
    ) -> Take:
        """Compose, perform and render; the take lasts exactly ``seconds``, to a frame.

        With ``keep``, oldest first, the piece is that of the first seed, each exception made from the seed after it.
        Raise BriefError if the piece lacks a part or section that ``keep`` excepts.

        With ``first_seconds``, only the start of the piece is rendered; the MIDI file is that of the whole piece, and
        there is no MusicXML.
        """
        del picture
        piece, performances = performed(brief, seconds, seed, keep)
        audio = render(performances, piece, min(seconds, first_seconds), brief, self.soundfont)
        said = made_by(self.name, self.model)
        midi = midi_file.write(piece, performances, brief.title, said)
        score = None if first_seconds < math.inf else _score(piece, brief.title, said)
        return Take(audio, self.name, self.model, seed, 0.0, midi, piece.form(), score=score)


def _score(piece: Piece, title: str, said: str) -> bytes:
    # The sketcher has no music21.
    from pipeline.engines.composer import musicxml

    return musicxml.write(piece, title, said)
