"""Stems: each part of a piece alone. Their sum is the mix that the master receives.

All of the mix but the saturation and the old record's noise is linear, once the whole mix has decided its levels,
filters and gains. So each part passes through it alone. The saturation lowers each sample of a part by the factor by
which it lowers that sample of the mix, and the noise is a stem of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from musicgenerator.briefs import Brief
from musicgenerator.track_requests import Kept
from pipeline.audio import Audio
from pipeline.engines.composer import bus
from pipeline.engines.composer.keeping import performed
from pipeline.engines.composer.mixes import MIXES
from pipeline.engines.composer.playing import RATE
from pipeline.engines.composer.rendering import Buses, Desk, mixed

NOISE = "old record"


@dataclass(frozen=True)
class Stem:
    """A part with its name and instrument, such as ``lead (piano)``, and its share of the mix before the master."""

    name: str
    audio: Audio


def stems(
    brief: Brief, seconds: float, seed: int, keep: Sequence[Kept] = (), font: Path | None = None
) -> Iterator[Stem]:
    """Yield the parts of the piece that ``Composer.make`` makes of the same arguments, one at a time.

    The sum of all stems is that take's audio. Raise BriefError if ``keep`` names a part or section that does not exist.
    """
    piece, performances = performed(brief, seconds, seed, keep)
    mix = MIXES[piece.genre]
    middle, side, finish = mixed(performances, piece, seconds, brief, font)
    bend = finish.bend(middle, side)
    frames = len(middle)
    del middle, side
    desk = Desk(performances, mix, frames, font)
    for name, performance in zip(piece.part_names(), performances, strict=True):
        buses = Buses(frames)
        desk.play(performance, buses)
        samples = finish.of_part(*buses.mix_down(mix, brief))
        del buses
        if bend is not None:
            samples *= bend
        yield Stem(f"{name} ({performance.part.instrument})", Audio(samples, RATE))
        del samples
    if mix.noise:
        yield Stem(NOISE, Audio(bus.vinyl(frames, mix.noise), RATE))
