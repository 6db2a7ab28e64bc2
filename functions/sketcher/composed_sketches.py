"""Sketches by the embedded engine, mastered as the pipeline masters, in one MP3."""

from typing import Final

from sketching import Sketched

from musicgenerator.briefs import Brief
from pipeline import encoding
from pipeline.engines.composer import Composer
from pipeline.mastering import master

MAX_SECONDS: Final = 60


class ComposedSketches:
    """The first ``MAX_SECONDS`` of what the engine `composer` makes of the same brief, length and seed."""

    def make(self, brief: Brief, seconds: int, seed: int, prompt_version: str) -> Sketched:
        """Return the sketch; raise BriefError if the brief allows none."""
        take = Composer().make(brief, seconds, seed, MAX_SECONDS)
        mastered = master(take.audio, min(seconds, MAX_SECONDS))
        tags = encoding.Tags.of(brief, take, prompt_version)
        mp3 = encoding.mp3(mastered.audio, tags, None, encoding.SKETCH)
        return Sketched(mp3, round(mastered.audio.seconds, 3), mastered.peaks)
