"""Sketches by the embedded engine, mastered as the pipeline masters, in one MP3."""

from collections.abc import Sequence
from typing import Final

from sketching import NoSketchError, Sketched

from musicgenerator.briefs import Brief
from musicgenerator.errors import BriefError
from musicgenerator.exports import ComposerChangedError
from musicgenerator.track_requests import Kept
from pipeline import encoding
from pipeline.engines.composer import Composer
from pipeline.engines.errors import EngineError
from pipeline.mastering import master

MAX_SECONDS: Final = 60


class ComposedSketches:
    """The first ``MAX_SECONDS`` of what the engine `composer` makes of the same brief, length and seed."""

    def __init__(self, composer: Composer | None = None) -> None:
        self._composer = composer or Composer()

    def make(self, brief: Brief, seconds: int, seed: int, prompt_version: str, keep: Sequence[Kept] = ()) -> Sketched:
        """Return the sketch; raise NoSketchError if the brief gives no audible one."""
        try:
            if keep and keep[-1].model:
                self._composer.require(keep[-1].model)
            take = self._composer.make(brief, seconds, seed, keep=keep, first_seconds=MAX_SECONDS)
            mastered = master(take.audio, min(seconds, MAX_SECONDS))
        except (ComposerChangedError, EngineError, BriefError) as error:
            # The step makes nothing either if another composer made what is kept, or if the piece lacks the part.
            raise NoSketchError(str(error)) from error
        tags = encoding.Tags.of(brief, take.engine, take.model, take.seed, prompt_version)
        mp3 = encoding.mp3(mastered.audio, tags, None, encoding.SKETCH)
        return Sketched(mp3, round(mastered.audio.seconds, 3), mastered.peaks)
