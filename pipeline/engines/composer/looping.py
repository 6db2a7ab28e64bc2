"""A loop: the bars of a piece before its final chord, at an even tempo, which start again where they end.

What still sounds at the end is added to the start. Everything that the mix and the master do depends on what comes
before and after; so both process a stretch of the endless repetition, out of which the loop is cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Final

from musicgenerator.briefs import Brief
from musicgenerator.track_requests import Kept
from pipeline.audio import Audio, rolled
from pipeline.engines.composer import bus
from pipeline.engines.composer.keeping import composed
from pipeline.engines.composer.mixes import MIXES
from pipeline.engines.composer.performing import perform
from pipeline.engines.composer.playing import RATE
from pipeline.engines.composer.rendering import Buses, Desk, tilt
from pipeline.engines.composer.score import LEAD_IN_SECONDS, Piece
from pipeline.mastering import Master, master_loop

_AROUND: Final = 2 * RATE  # frames that filters and gains need; before the loop, the reverb needs its own time, too


@dataclass(frozen=True)
class Loop:
    """A mastered loop of whole bars; ``tempo_bpm`` is exact, and ``key`` is such as ``C minor``."""

    master: Master
    bars: int
    tempo_bpm: float
    key: str

    @property
    def audio(self) -> Audio:
        """Return the mastered audio."""
        return self.master.audio


def loop(brief: Brief, seconds: float, seed: int, keep: Sequence[Kept] = (), font: Path | None = None) -> Loop:
    """Return all bars before the final chord of the piece that ``Composer.make`` makes of the same arguments.

    They have the brief's tempo, to a frame: the piece's own one is changed by up to 1.5 % to fit ``seconds``.
    Raise BriefError if ``keep`` names a part or section that does not exist.
    """
    piece = _even(composed(brief, seconds, seed, keep), float(brief.tempo_bpm))
    performances = perform(piece, seed)
    mix = MIXES[piece.genre]
    length = piece.final_beat * 60 / piece.tempo
    frames = round(length * RATE)
    buses = Buses(frames)
    desk = Desk(performances, mix, frames, font, circle=round(LEAD_IN_SECONDS * RATE))
    for performance in performances:
        desk.play(performance, buses)
    del desk
    before = _AROUND + round(mix.reverb[0] * RATE)
    middle, side = buses.unrolled(before, _AROUND).mix_down(mix, brief)
    del buses
    sways = max(1, round(length * bus.SWAYS_HERTZ)) / length
    finish = bus.decide(middle, side, mix, tilt(brief), inf, sways)
    samples = rolled(finish.of_mix(middle, side), before, frames)
    del middle, side
    return Loop(master_loop(Audio(samples, RATE)), piece.sections[-1].bar, piece.tempo, piece.key.name)


def _even(piece: Piece, tempo: float) -> Piece:
    """Return a piece without its final chord and without slowing down."""
    parts = tuple(part.before(piece.final_beat) for part in piece.parts)
    return replace(piece, tempo=tempo, ritardando=0.0, seconds=inf, parts=parts)
