"""Render the performance: play each part, balance and pan it, add a reverb, and process the mix as a whole."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from scipy import signal

from musicgenerator.briefs import Brief
from pipeline.audio import Audio, Samples
from pipeline.engines.composer import bus
from pipeline.engines.composer.form import LEAD_IN_SECONDS
from pipeline.engines.composer.instruments import INSTRUMENTS
from pipeline.engines.composer.mixes import MIXES, Mix
from pipeline.engines.composer.moods import bend
from pipeline.engines.composer.performing import Performance
from pipeline.engines.composer.playing import RATE, Player
from pipeline.engines.composer.score import Piece

# The level of a middling stroke in a role, in dB relative to full scale, how much of a part goes to the reverb, and how
# much to the sides. Several notes of chords and pads sound at once, so each is softer.
_LEVELS: Final = {
    "lead": -20.0, "counter": -25.0, "chords": -29.0, "arpeggio": -29.0, "pad": -33.0, "bass": -21.5, "drums": -25.0,
}  # fmt: skip
_SENDS: Final = {
    "lead": 1.0, "counter": 1.1, "chords": 0.8, "arpeggio": 1.1, "pad": 1.0, "bass": 0.08, "drums": 0.35,
}  # fmt: skip
_SPREADS: Final = {
    "lead": 0.4, "counter": 0.6, "chords": 1.0, "arpeggio": 1.0, "pad": 1.0, "bass": 0.0, "drums": 0.3,
}  # fmt: skip
_PANNED: Final = {"lead": 0.5, "bass": 0.0}  # the share of an instrument's pan in these roles
_PAN: Final = 1.6
# The high-pass of a part, in Hz; only bass and drums play lower frequencies.
_CUTS: Final = {"lead": 140.0, "counter": 120.0, "chords": 110.0, "arpeggio": 160.0, "pad": 150.0}
# A guitar's loudspeaker: the passband in Hz.
_CABINET: Final = (85.0, 4600.0)
_AMPLIFIED: Final = frozenset({(0, 29), (0, 30)})
_TILT: Final = 0.4
# The roles that each kick lowers in genres that pump, and the time constant in which they recover.
_PUMPED: Final = frozenset({"chords", "arpeggio", "pad", "bass"})
_PUMP_SECONDS: Final = 0.11
_KICKS: Final = frozenset({35, 36})


class _Sides:
    """A stereo signal as its middle and its side, each of shape (frames,)."""

    def __init__(self, frames: int) -> None:
        self.middle = np.zeros(frames, np.float32)
        self.side = np.zeros(frames, np.float32)

    def add(self, left: Samples, right: Samples) -> None:
        """Add the two channels of a part."""
        self.middle += (left + right) * np.float32(0.5)
        self.side += (left - right) * np.float32(0.5)


def render(
    performances: Sequence[Performance], piece: Piece, seconds: float, brief: Brief, font: Path | None = None
) -> Audio:
    """Return ``seconds`` of unmastered sound; the same performance and soundfont give the same samples.

    The brief's moods change the reverb, its valence the treble. ``font`` None is the shipped soundfont.
    """
    mix = MIXES[piece.genre]
    frames = round(seconds * RATE)
    dry = _Sides(frames)
    room = np.zeros(frames, np.float32)
    spread = np.zeros(frames, np.float32)
    player = Player(performances, mix, font)
    ducking = _ducking(performances, frames, mix.pump)
    stem = np.empty((frames, 2), np.float32)
    for performance in performances:
        role = performance.part.role
        doubled = performance.part.instrument in mix.doubled
        level = _LEVELS[role] + mix.levels.get(role, 0.0) - 3.0 * doubled
        gain = np.float32(10 ** (level / 20) / max(1e-6, player.level(performance)))
        for pan in (-0.9, 0.9) if doubled else (_pan(performance),):
            (player.play_again if pan == 0.9 else player.play)(performance, stem)
            left, right = _shaped(stem, role, mix, amplified=player.program(performance) in _AMPLIFIED)
            if ducking is not None and role in _PUMPED:
                left, right = left * ducking, right * ducking
            to_left, to_right = gain * _panned(pan)
            left, right = left * to_left, right * to_right
            dry.add(left, right)
            both = (left + right) * np.float32(0.5)
            room += np.float32(_SENDS[role]) * both
            if not doubled:
                spread += np.float32(_SPREADS[role]) * both
    del player, stem
    length, wet = mix.reverb
    bus.spread(dry.side, spread)
    bus.reverberate(dry.middle, dry.side, room, length, wet * bend(brief.moods).wet)
    return Audio(bus.finish(dry.middle, dry.side, mix, _TILT * brief.valence, _lands(piece)), RATE)


def _lands(piece: Piece) -> float:
    """Return when the final chord starts, in seconds from the start of the track."""
    return LEAD_IN_SECONDS + piece.seconds_at(piece.final_beat)


def _ducking(performances: Sequence[Performance], frames: int, decibels: float) -> Samples | None:
    """Return a factor for each frame that lowers other parts at each kick, or None if the genre does not pump."""
    kicks = [
        round(event.on * RATE)
        for performance in performances
        if performance.part.instrument == "drums"
        for event in performance.events
        if event.pitch in _KICKS
    ]
    if not decibels or not kicks:
        return None
    since = np.full(frames, float(RATE), np.float32)
    for start, end in zip(kicks, [*kicks[1:], frames], strict=True):
        since[start:end] = np.arange(max(0, min(end, frames) - start), dtype=np.float32)
    depth = np.float32(1 - 10 ** (-decibels / 20))
    return np.asarray(1 - depth * np.exp(since / np.float32(-_PUMP_SECONDS * RATE)), np.float32)


def _shaped(stem: Samples, role: str, mix: Mix, *, amplified: bool) -> tuple[Samples, Samples]:
    """Return left and right without low frequencies, which the bass plays, and through the genre's low-pass."""
    sections = []
    if role in _CUTS:
        sections.append(signal.butter(2, _CUTS[role], "highpass", fs=RATE, output="sos"))
    if mix.lowpass and role != "bass":
        sections.append(signal.butter(2, mix.lowpass, "lowpass", fs=RATE, output="sos"))
    if amplified:
        sections.append(signal.butter(2, _CABINET, "bandpass", fs=RATE, output="sos"))
    left, right = np.ascontiguousarray(stem[:, 0]), np.ascontiguousarray(stem[:, 1])
    if not sections:
        return left, right
    filters = np.concatenate(sections)
    mono = np.array_equal(left, right)
    left = bus.filtered(left, filters)
    return left, left if mono else bus.filtered(right, filters)


def _pan(performance: Performance) -> float:
    pan = _PAN * INSTRUMENTS[performance.part.instrument].pan
    return pan * _PANNED.get(performance.part.role, 1.0)


def _panned(pan: float) -> Samples:
    """Return the factors of left and right for a pan from -1 to 1."""
    angle = (pan + 1) * np.pi / 4
    return np.asarray(np.array([np.cos(angle), np.sin(angle)]) * np.sqrt(2), np.float32)
