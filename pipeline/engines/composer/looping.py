"""Make a loop of a piece: whole bars without an ending, whose reverb goes on at the start."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from musicgenerator.briefs import Brief
from musicgenerator.track_requests import Kept
from pipeline.audio import Audio
from pipeline.engines.composer.composing import compose
from pipeline.engines.composer.form import LEAD_IN_SECONDS
from pipeline.engines.composer.performing import perform
from pipeline.engines.composer.rendering import render


@dataclass(frozen=True)
class Loop:
    """A loop of ``bars`` bars; ``key`` is a brief's key."""

    audio: Audio
    bars: int
    tempo_bpm: float
    key: str


def loop(brief: Brief, seconds: float, seed: int, keep: Sequence[Kept] = (), font: Path | None = None) -> Loop:
    """Return a loop of the piece that the composer makes of these arguments."""
    assert not keep
    piece = compose(brief, seconds, seed)
    audio = render(perform(piece, seed), piece, seconds, brief, font)
    bars = max(1, piece.sections[-1].bar - 1)
    start = round(LEAD_IN_SECONDS * audio.rate)
    frames = round(bars * piece.beats * 60 / piece.tempo * audio.rate)
    return Loop(Audio(audio.samples[start : start + frames], audio.rate), bars, piece.tempo, piece.key.name)
