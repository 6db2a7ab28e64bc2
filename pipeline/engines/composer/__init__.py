"""The embedded engine: composes a piece for the brief and renders it with a soundfont, on a CPU, offline."""

from typing import Final

from musicgenerator.briefs import Brief
from pipeline.engines import Take
from pipeline.engines.composer import midi_file
from pipeline.engines.composer.composing import compose
from pipeline.engines.composer.genres import STYLES
from pipeline.engines.composer.performing import perform
from pipeline.engines.composer.rendering import render

MODEL: Final = "composer-1"  # raised whenever the same brief and seed would give other notes


class Composer:
    """An engine that costs nothing: the same brief, seconds and seed give the same bytes."""

    name = "composer"

    def make(self, brief: Brief, seconds: float, seed: int) -> Take:
        """Compose, perform and render; the take lasts exactly ``seconds`` (to a frame)."""
        piece = compose(brief, seconds, seed)
        performances = perform(piece, seed)
        audio = render(performances, STYLES[brief.genre], seconds, brief)
        midi = midi_file.write(piece, performances, brief.title)
        return Take(audio, self.name, MODEL, seed, 0.0, midi, piece.form())
