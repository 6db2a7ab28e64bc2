"""From the players to sound: each part through the soundfont, balanced, placed left to right, in one room."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
from scipy import signal

from musicgenerator.briefs import Brief
from pipeline.audio import Audio, Samples
from pipeline.engines.composer.instruments import INSTRUMENTS
from pipeline.engines.composer.moods import bend
from pipeline.engines.composer.performing import Performance
from pipeline.engines.composer.styles import Style

RATE: Final = 44_100

# Loudness of a part while it plays, in dB below full scale, and how much of it goes to the room.
_LEVELS: Final = {
    "lead": -19.0, "counter": -25.0, "chords": -24.5, "arpeggio": -27.0, "pad": -29.0, "bass": -21.5, "drums": -22.0,
}  # fmt: skip
_SENDS: Final = {
    "lead": 1.0, "counter": 1.1, "chords": 0.8, "arpeggio": 1.1, "pad": 1.0, "bass": 0.12, "drums": 0.35,
}  # fmt: skip
# What lies below belongs to the bass: parts are cut there, in Hz.
_CUTS: Final = {"lead": 140.0, "counter": 120.0, "chords": 130.0, "arpeggio": 160.0, "pad": 170.0}
_TILT: Final = 0.4
_QUIET: Final = 1e-6


@cache
def _soundfont() -> bytes:
    return (files("pipeline") / "assets" / "fluidr3_33presets.sf3").read_bytes()


def render(performances: Sequence[Performance], style: Style, seconds: float, brief: Brief) -> Audio:
    """Return ``seconds`` of unmastered sound; the same performance gives the same samples.

    The brief's moods widen the room, its valence opens or dulls the top.
    """
    frames = round(seconds * RATE)
    dry = np.zeros((frames, 2), np.float32)
    room = np.zeros((frames, 2), np.float32)
    synth = _Synth()
    for performance in performances:
        role = performance.part.role
        stem = _shaped(synth.play(performance, frames), role, style)
        stem *= _gain(stem, _LEVELS[role] + style.levels.get(role, 0.0))
        stem *= _panned(performance)
        dry += stem
        room += stem * np.float32(_SENDS[role])
    del synth  # the decoded soundfont is larger than the music
    length, wet = style.reverb
    wetness = wet * bend(brief.moods).wet
    mix = dry + np.float32(wetness) * _reverberated(room, length)
    return Audio(_tilted(mix, _TILT * brief.valence), RATE)


class _Synth:
    """The soundfont player, one part at a time."""

    def __init__(self) -> None:
        import tinysoundfont  # noqa: PLC0415  a C extension that only rendering needs

        self._synth = tinysoundfont.Synth(gain=-3.0, samplerate=RATE)
        self._font = self._synth.sfload(_soundfont(), max_voices=192)

    def play(self, performance: Performance, frames: int) -> Samples:
        """Return the sound of one part, shape (frames, 2)."""
        instrument = INSTRUMENTS[performance.part.instrument]
        self._synth.sounds_off()
        self._synth.program_select(0, self._font, instrument.bank, instrument.program, instrument.bank > 0)
        moments: list[tuple[int, int, int, int]] = []
        for event in performance.events:
            moments.append((round(event.on * RATE), 1, event.pitch, event.velocity))
            moments.append((round(event.off * RATE), 0, event.pitch, 0))
        out = np.zeros((frames, 2), np.float32)
        view = out.data.cast("B")
        now = 0
        for frame, starts, pitch, velocity in sorted(moments):
            until = min(frame, frames)
            if until > now:
                self._synth.generate(until - now, view[now * 8 : until * 8])
                now = until
            if starts:
                self._synth.noteon(0, pitch, velocity)
            else:
                self._synth.noteoff(0, pitch)
        if frames > now:
            self._synth.generate(frames - now, view[now * 8 :])
        return out


def _shaped(stem: Samples, role: str, style: Style) -> Samples:
    """Cut the low end that belongs to the bass, and the top where the genre wants it dull."""
    if role in _CUTS:
        stem = _filtered(stem, _CUTS[role], "highpass")
    if style.lowpass and role != "bass":
        stem = _filtered(stem, style.lowpass, "lowpass")
    return stem


def _tilted(mix: Samples, amount: float) -> Samples:
    """Raise (or, below zero, lower) what lies above 1.8 kHz: a first-order shelf of ``1 + amount``."""
    sections = signal.butter(1, 1800.0, "highpass", fs=RATE, output="sos").astype(np.float32)
    return np.asarray(mix + np.float32(amount) * signal.sosfilt(sections, mix, axis=0), np.float32)


def _filtered(stem: Samples, hertz: float, kind: str) -> Samples:
    sections = signal.butter(2, hertz, kind, fs=RATE, output="sos").astype(np.float32)
    return np.asarray(signal.sosfilt(sections, stem, axis=0), np.float32)


def _gain(stem: Samples, decibels: float) -> np.float32:
    """Return the factor that brings a part, while it plays, to a level."""
    block = RATE // 10
    blocks = stem[: len(stem) // block * block].reshape(-1, block * 2)
    power = np.einsum("ij,ij->i", blocks, blocks) / (block * 2)
    playing = power[power > power.max() * 0.01]
    mean = float(playing.mean()) if playing.size else 0.0
    return np.float32(0.0 if mean < _QUIET**2 else 10 ** (decibels / 20) / np.sqrt(mean))


def _panned(performance: Performance) -> Samples:
    """Return the factors of left and right for a part's place on the stage."""
    pan = INSTRUMENTS[performance.part.instrument].pan
    pan = {"lead": 0.4 * pan, "bass": 0.0}.get(performance.part.role, pan)
    angle = (pan + 1) * np.pi / 4
    return np.asarray(np.array([np.cos(angle), np.sin(angle)]) * np.sqrt(2), np.float32)


def _reverberated(dry: Samples, seconds: float) -> Samples:
    """Convolve with a room: decaying noise whose top dies first, different left and right."""
    response = _room(seconds)
    wet = np.empty_like(dry)
    for side in (0, 1):
        wet[:, side] = signal.oaconvolve(dry[:, side], response[:, side])[: len(dry)]
    return wet


def _room(seconds: float) -> Samples:
    """Return an impulse response that falls by 60 dB in ``seconds``, of unit energy a side."""
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
