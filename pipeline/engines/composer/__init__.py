"""The embedded engine: it composes a piece for the brief and renders it with a soundfont, on a CPU, offline."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from musicgenerator.briefs import Brief
from musicgenerator.track_requests import Kept
from pipeline.engines import Take
from pipeline.engines.composer import midi_file
from pipeline.engines.composer.composing import compose
from pipeline.engines.composer.performing import perform
from pipeline.engines.composer.rendering import render

MODEL: Final = "composer-3"  # raise it when a change gives other notes for the same brief and seed


class Composer:
    """The composer. The same brief, seconds, seed and soundfont give the same bytes.

    ``soundfont`` is the path of a General MIDI soundfont (sf2 or sf3); None means the shipped one.
    """

    name = "composer"

    def __init__(self, soundfont: Path | None = None) -> None:
        self._soundfont = soundfont

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
        *,
        keep: Sequence[Kept] = (),
        first_seconds: float = math.inf,
    ) -> Take:
        """Compose, perform and render; the take lasts exactly ``seconds``, to a frame.

        With ``first_seconds``, only the start of the piece is rendered; the score is that of the whole piece.
        """
        del picture
        seed = keep[0].seed if keep else seed
        piece = compose(brief, seconds, seed)
        performances = perform(piece, seed)
        audio = render(performances, piece, min(seconds, first_seconds), brief, self._soundfont)
        midi = midi_file.write(piece, performances, brief.title)
        model = f"{MODEL} ({self._soundfont.name})" if self._soundfont else MODEL
        return Take(audio, self.name, model, seed, 0.0, midi, piece.form())
