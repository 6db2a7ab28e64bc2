"""Render the performance: play each part, balance and pan it, add a reverb, and process the mix as a whole."""

from collections.abc import Callable, Sequence
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
_FAR: Final = 0.9  # the pan of doubled parts
# The high-pass of a part, in Hz; only bass and drums play lower frequencies.
_CUTS: Final = {"lead": 140.0, "counter": 120.0, "chords": 110.0, "arpeggio": 160.0, "pad": 150.0}
# A guitar's loudspeaker: the passband in Hz.
_CABINET: Final = (85.0, 4600.0)
_AMPLIFIED: Final = frozenset({(0, 29), (0, 30)})
_TILT: Final = 0.32
# The roles that each kick lowers in genres that pump, and the time constant in which they recover.
_PUMPED: Final = frozenset({"chords", "arpeggio", "pad", "bass"})
_PUMP_SECONDS: Final = 0.11
_KICKS: Final = frozenset({35, 36})


class _Buses:
    """The mix as its middle and its side, and what is sent to the reverb and to the sides; each has shape (frames,)."""

    def __init__(self, frames: int) -> None:
        self.middle, self.side, self.room, self.spread = (np.zeros(frames, np.float32) for _ in range(4))

    def add(self, left: Samples, right: Samples, gains: Samples, sends: Samples, ducking: Samples | None) -> None:
        """Add a part with the gains of its left and right, and of what it sends to reverb and sides."""
        for start in range(0, len(left), bus.CHUNK):
            part = slice(start, start + bus.CHUNK)
            one, other = left[part] * gains[0], right[part] * gains[1]
            if ducking is not None:
                one *= ducking[part]
                other *= ducking[part]
            both = one + other
            self.middle[part] += both
            self.side[part] += one - other
            self.room[part] += both * sends[0]
            self.spread[part] += both * sends[1]


def render(
    performances: Sequence[Performance], piece: Piece, seconds: float, brief: Brief, font: Path | None = None
) -> Audio:
    """Return ``seconds`` of unmastered sound; the same performance and soundfont give the same samples.

    The brief's moods change the reverb, its valence and energy the treble. ``font`` None is the shipped soundfont.
    """
    mix = MIXES[piece.genre]
    frames = round(seconds * RATE)
    buses = _Buses(frames)
    player = Player(performances, mix, font)
    ducking = _ducking(performances, frames, mix.pump)
    stem = np.empty((frames, 2), np.float32)
    for performance in performances:
        role = performance.part.role
        doubled = performance.part.instrument in mix.doubled
        level = _LEVELS[role] + mix.levels.get(role, 0.0) - 3.0 * doubled
        gain = 0.5 * 10 ** (level / 20) / max(1e-6, player.level(performance))
        sends = np.array((_SENDS[role], 0.0 if doubled else _SPREADS[role]), np.float32)
        for play, pan in _takes(player, performance, doubled=doubled):
            play(performance, stem)
            left, right = _shaped(stem, role, mix, amplified=player.program(performance) in _AMPLIFIED)
            buses.add(left, right, _panned(pan, gain), sends, ducking if role in _PUMPED else None)
    del player, stem, left, right, ducking
    length, wet = mix.reverb
    bus.spread(buses.side, buses.spread)
    bus.reverberate(buses.middle, buses.side, buses.room, length, wet * bend(brief.moods).wet)
    del buses.room, buses.spread
    return Audio(bus.finish(buses.middle, buses.side, mix, _tilt(brief), _lands(piece)), RATE)


def _takes(
    player: Player, performance: Performance, *, doubled: bool
) -> tuple[tuple[Callable[[Performance, Samples], None], float], ...]:
    """Return the ways to play a part, with the pan of each."""
    if doubled:
        return ((player.play, -_FAR), (player.play_again, _FAR))
    return ((player.play, _pan(performance)),)


def _tilt(brief: Brief) -> float:
    """Return how much brighter than its genre a piece is: by its valence, and by its energy."""
    return _TILT * (brief.valence + brief.energy - 0.5)


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


def _panned(pan: float, gain: float) -> Samples:
    """Return the factors of left and right for a pan from -1 to 1."""
    angle = (pan + 1) * np.pi / 4
    return np.asarray(np.array([np.cos(angle), np.sin(angle)]) * np.sqrt(2) * gain, np.float32)
