"""Render the performance: play each part, balance and pan it, add a reverb, and process the mix as a whole."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Self

import numpy as np
from scipy import signal

from musicgenerator.briefs import Brief
from pipeline.audio import Audio, Samples, unrolled
from pipeline.engines.composer import bus
from pipeline.engines.composer.instruments import INSTRUMENTS
from pipeline.engines.composer.mixes import MIXES, Mix
from pipeline.engines.composer.moods import bend
from pipeline.engines.composer.performing import Performance
from pipeline.engines.composer.playing import RATE, Player
from pipeline.engines.composer.score import LEAD_IN_SECONDS, Piece

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
_TAIL: Final = 6 * RATE  # frames after the end of a circle, in which sounds die away
_FADE: Final = RATE
_KICKS: Final = frozenset({35, 36})


class Buses:
    """Sound as its middle and its side, and what is sent to the reverb and to the sides; each has shape (frames,)."""

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

    def unrolled(self, before: int, after: int) -> Self:
        """Return the buses of a loop with so many frames of what comes before its start and after its end."""
        around = type(self)(0)
        around.middle, around.side, around.room, around.spread = (
            unrolled(each, before, after) for each in (self.middle, self.side, self.room, self.spread)
        )
        return around

    def mix_down(self, mix: Mix, brief: Brief) -> tuple[Samples, Samples]:
        """Return middle and side with the spread sound and the reverb; what was sent to them is released."""
        length, wet = mix.reverb
        bus.spread(self.side, self.spread)
        bus.reverberate(self.middle, self.side, self.room, length, wet * bend(brief.moods).wet)
        del self.room, self.spread
        return self.middle, self.side


class Desk:
    """Plays the parts of a performance of ``frames`` frames at their levels; ``font`` None is the shipped soundfont.

    ``circle`` is a number of frames before the first beat in a piece that starts again where it ends, else None: then
    what is played before the first frame or after the last one is added at the other end.
    """

    def __init__(
        self,
        performances: Sequence[Performance],
        mix: Mix,
        frames: int,
        font: Path | None,
        circle: int | None = None,
    ) -> None:
        self._mix = mix
        self._frames = frames
        self._circle = circle
        self._player = Player(performances, mix, font)
        self._ducking = _ducking(performances, frames, mix.pump, circle)
        self._stem = np.empty((frames if circle is None else circle + frames + _TAIL, 2), np.float32)

    def play(self, performance: Performance, buses: Buses) -> None:
        """Add a part to the buses."""
        mix, player, role = self._mix, self._player, performance.part.role
        doubled = performance.part.instrument in mix.doubled
        level = _LEVELS[role] + mix.levels.get(role, 0.0) - 3.0 * doubled
        gain = 0.5 * 10 ** (level / 20) / max(1e-6, player.level(performance))
        sends = np.array((_SENDS[role], 0.0 if doubled else _SPREADS[role]), np.float32)
        for play, pan in _takes(player, performance, doubled=doubled):
            play(performance, self._stem)
            left, right = _shaped(self._stem, role, mix, amplified=player.program(performance) in _AMPLIFIED)
            if self._circle is not None:
                left, right = (_folded(each, self._circle, self._frames) for each in (left, right))
            buses.add(left, right, _panned(pan, gain), sends, self._ducking if role in _PUMPED else None)


def render(
    performances: Sequence[Performance], piece: Piece, seconds: float, brief: Brief, font: Path | None = None
) -> Audio:
    """Return ``seconds`` of unmastered sound; the same performance and soundfont give the same samples.

    The brief's moods change the reverb, its valence and energy the treble. ``font`` None is the shipped soundfont.
    """
    middle, side, finish = mixed(performances, piece, seconds, brief, font)
    return Audio(finish.of_mix(middle, side), RATE)


def mixed(
    performances: Sequence[Performance], piece: Piece, seconds: float, brief: Brief, font: Path | None
) -> tuple[Samples, Samples, bus.Finish]:
    """Return middle and side of the mix before the gains of its finish, and the finish."""
    mix = MIXES[piece.genre]
    frames = round(seconds * RATE)
    buses = Buses(frames)
    desk = Desk(performances, mix, frames, font)
    for performance in performances:
        desk.play(performance, buses)
    del desk
    middle, side = buses.mix_down(mix, brief)
    return middle, side, bus.decide(middle, side, mix, tilt(brief), _lands(piece))


def _folded(samples: Samples, before: int, frames: int) -> Samples:
    """Return ``frames`` frames, to which what comes before the first and after the last is added at the other end."""
    samples[-_FADE:] *= np.linspace(1, 0, _FADE, dtype=np.float32)  # what still sounds has no sudden end
    out = np.zeros(frames, np.float32)
    for start in range(before - frames, len(samples), frames):
        part = samples[max(0, start) : start + frames]
        place = max(0, -start)
        out[place : place + len(part)] += part
    return out


def _takes(
    player: Player, performance: Performance, *, doubled: bool
) -> tuple[tuple[Callable[[Performance, Samples], None], float], ...]:
    """Return the ways to play a part, with the pan of each."""
    if doubled:
        return ((player.play, -_FAR), (player.play_again, _FAR))
    return ((player.play, _pan(performance)),)


def tilt(brief: Brief) -> float:
    """Return how much brighter than its genre a piece is: by its valence, and by its energy."""
    return _TILT * (brief.valence + brief.energy - 0.5)


def _lands(piece: Piece) -> float:
    """Return when the final chord starts, in seconds from the start of the track."""
    return LEAD_IN_SECONDS + piece.seconds_at(piece.final_beat)


def _ducking(performances: Sequence[Performance], frames: int, decibels: float, circle: int | None) -> Samples | None:
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
    if circle is not None:
        kicks = sorted((kick - circle) % frames for kick in kicks)
    since = np.full(frames, float(RATE), np.float32)
    for start, end in zip(kicks, [*kicks[1:], frames], strict=True):
        since[start:end] = np.arange(max(0, min(end, frames) - start), dtype=np.float32)
    if circle is not None:
        since[: kicks[0]] = np.arange(frames - kicks[-1], frames - kicks[-1] + kicks[0], dtype=np.float32)
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
