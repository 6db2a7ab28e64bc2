"""Render the performance: play each part with the soundfont, balance and pan it, and add a reverb."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import tinysoundfont
from numpy.typing import NDArray
from scipy import signal

from musicgenerator.briefs import Brief
from pipeline.audio import Audio, Samples
from pipeline.engines.composer import soundfont
from pipeline.engines.composer.instruments import INSTRUMENTS
from pipeline.engines.composer.moods import bend
from pipeline.engines.composer.performing import Performance
from pipeline.engines.composer.styles import Style

RATE: Final = 44_100

# The level of a part while it plays, in dB relative to full scale, and how much of it goes to the reverb.
_LEVELS: Final = {
    "lead": -19.0, "counter": -25.0, "chords": -24.5, "arpeggio": -27.0, "pad": -29.0, "bass": -21.5, "drums": -22.0,
}  # fmt: skip
_SENDS: Final = {
    "lead": 1.0, "counter": 1.1, "chords": 0.8, "arpeggio": 1.1, "pad": 1.0, "bass": 0.12, "drums": 0.35,
}  # fmt: skip
# The high-pass of a part, in Hz; only the bass plays lower frequencies.
_CUTS: Final = {"lead": 140.0, "counter": 120.0, "chords": 130.0, "arpeggio": 160.0, "pad": 170.0}
_TILT: Final = 0.4
_QUIET: Final = 1e-6
_BLOCK: Final = 1 << 17  # frames processed at a time, to bound the memory
# The roles that each kick lowers in genres that pump, and the time constant in which they recover.
_PUMPED: Final = frozenset({"chords", "arpeggio", "pad", "bass"})
_PUMP_SECONDS: Final = 0.11
_KICKS: Final = frozenset({35, 36})


def render(
    performances: Sequence[Performance], style: Style, seconds: float, brief: Brief, font: Path | None = None
) -> Audio:
    """Return ``seconds`` of unmastered sound; the same performance and soundfont give the same samples.

    The brief's moods change the reverb, its valence the treble. ``font`` None is the shipped soundfont.
    """
    frames = round(seconds * RATE)
    mix = np.zeros((frames, 2), np.float32)
    room = np.zeros(frames, np.float32)
    stem = np.empty((frames, 2), np.float32)
    synth = _Synth(performances, font)
    ducking = _ducking(performances, frames, style.pump)
    for performance in performances:
        role = performance.part.role
        synth.play(performance, stem)
        _shape(stem, role, style)
        if ducking is not None and role in _PUMPED:
            for side in (0, 1):
                stem[:, side] *= ducking
        left_right = _gain(stem, _LEVELS[role] + style.levels.get(role, 0.0)) * _panned(performance)
        send = np.float32(_SENDS[role] / 2)
        for block in _blocks(frames):
            # NumPy multiplies and adds along an axis of two values ten times as slowly as column by column.
            left, right = (stem[block, side] * left_right[side] for side in (0, 1))
            mix[block, 0] += left
            mix[block, 1] += right
            room[block] += send * (left + right)
    del synth, stem
    length, wet = style.reverb
    _reverberate(mix, room, length, wet * bend(brief.moods).wet)
    _tilt(mix, _TILT * brief.valence)
    return Audio(mix, RATE)


class _Synth:
    """Plays the soundfont, one part at a time."""

    def __init__(self, performances: Sequence[Performance], font: Path | None) -> None:
        played = (INSTRUMENTS[performance.part.instrument] for performance in performances)
        presets = {(instrument.bank, instrument.program) for instrument in played}
        self._synth = tinysoundfont.Synth(gain=-3.0, samplerate=RATE)
        self._font = self._synth.sfload(soundfont.read(font, presets), max_voices=192)

    def play(self, performance: Performance, out: Samples) -> None:
        """Write the sound of one part, shape (frames, 2)."""
        instrument = INSTRUMENTS[performance.part.instrument]
        self._synth.sounds_off()
        self._synth.program_select(0, self._font, instrument.bank, instrument.program, instrument.bank > 0)
        moments: list[tuple[int, int, int, int]] = []
        for event in performance.events:
            moments.append((round(event.on * RATE), 1, event.pitch, event.velocity))
            moments.append((round(event.off * RATE), 0, event.pitch, 0))
        frames = len(out)
        view = out.data.cast("B")
        position = 0
        for frame, starts, pitch, velocity in sorted(moments):
            until = min(frame, frames)
            if until > position:
                self._synth.generate(until - position, view[position * 8 : until * 8])
                position = until
            if starts:
                self._synth.noteon(0, pitch, velocity)
            else:
                self._synth.noteoff(0, pitch)
        if frames > position:
            self._synth.generate(frames - position, view[position * 8 :])


def _blocks(frames: int) -> Iterator[slice]:
    for start in range(0, frames, _BLOCK):
        yield slice(start, min(frames, start + _BLOCK))


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


def _shape(stem: Samples, role: str, style: Style) -> None:
    """Cut the low frequencies, which the bass plays, and the treble if the genre has a low-pass."""
    if role in _CUTS:
        _filter(stem, signal.butter(2, _CUTS[role], "highpass", fs=RATE, output="sos"))
    if style.lowpass and role != "bass":
        _filter(stem, signal.butter(2, style.lowpass, "lowpass", fs=RATE, output="sos"))


def _tilt(mix: Samples, amount: float) -> None:
    """Scale what is above 1.8 kHz by ``1 + amount``, with a first-order shelf."""
    ((b0, b1, b2, a0, a1, a2),) = signal.butter(1, 1800.0, "highpass", fs=RATE, output="sos")
    shelf = [[a0 + amount * b0, a1 + amount * b1, a2 + amount * b2, a0, a1, a2]]
    _filter(mix, np.array(shelf))


def _filter(samples: Samples, sections: NDArray[np.float64]) -> None:
    """Filter in place, block by block."""
    sections = sections.astype(np.float32)
    state = np.zeros((len(sections), 2, 2), np.float32)
    for block in _blocks(len(samples)):
        samples[block], state = signal.sosfilt(sections, samples[block], axis=0, zi=state)


def _gain(stem: Samples, decibels: float) -> np.float32:
    """Return the factor that brings a part to a level in dB, measured while it plays."""
    block = RATE // 10
    blocks = stem[: len(stem) // block * block].reshape(-1, block * 2)
    power = np.einsum("ij,ij->i", blocks, blocks) / (block * 2)
    playing = power[power > power.max() * 0.01]
    mean = float(playing.mean()) if playing.size else 0.0
    return np.float32(0.0 if mean < _QUIET**2 else 10 ** (decibels / 20) / np.sqrt(mean))


def _panned(performance: Performance) -> Samples:
    """Return the factors of left and right for a part's pan."""
    pan = INSTRUMENTS[performance.part.instrument].pan
    pan = {"lead": 0.4 * pan, "bass": 0.0}.get(performance.part.role, pan)
    angle = (pan + 1) * np.pi / 4
    return np.asarray(np.array([np.cos(angle), np.sin(angle)]) * np.sqrt(2), np.float32)


def _reverberate(mix: Samples, send: Samples, seconds: float, level: float) -> None:
    """Add the reverb of ``send`` to the mix: decaying noise that loses its treble first, different left and right."""
    response = _room(seconds) * np.float32(level)
    for block in _blocks(len(send)):
        wet = signal.oaconvolve(send[block, None], response, axes=0)
        end = min(len(send), block.start + len(wet))
        mix[block.start : end] += wet[: end - block.start]


def _room(seconds: float) -> Samples:
    """Return an impulse response that decays by 60 dB in ``seconds``; each side has unit energy."""
    rng = np.random.Generator(np.random.PCG64(20))
    frames = int(seconds * RATE)
    time = np.arange(frames) / RATE
    noise = rng.standard_normal((frames, 2))
    response = np.zeros((frames, 2))
    for low, high, decay in ((200.0, 900.0, 1.0), (900.0, 3500.0, 0.8), (3500.0, 9000.0, 0.45)):
        band = signal.sosfilt(signal.butter(2, (low, high), "bandpass", fs=RATE, output="sos"), noise, axis=0)
        response += band * 10 ** (-3 * time / (seconds * decay))[:, None]
    predelay = int(0.018 * RATE)
    response[: len(response) - predelay] *= np.minimum(1, time[: len(response) - predelay] / 0.01)[:, None]
    response = np.concatenate([np.zeros((predelay, 2)), response])
    return np.asarray(response / np.sqrt((response**2).sum(axis=0)), np.float32)
