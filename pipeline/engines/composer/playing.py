"""Play the parts of a performance with the soundfont, each at the level of its instrument."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import pi, sin
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

import numpy as np
import tinysoundfont

from pipeline.audio import Samples
from pipeline.engines.composer import soundfont
from pipeline.engines.composer.instruments import INSTRUMENTS
from pipeline.engines.composer.mixes import Mix, Program
from pipeline.engines.composer.performing import Event, Movement, Performance
from pipeline.engines.composer.score import EXPRESSION, VIBRATO

RATE: Final = 44_100

# A stroke of this velocity, in the middle of the range, has the level of the part's role.
_MIDDLING: Final = 80
_STROKE_SECONDS: Final = 0.7
_DRUM_STROKES: Final = (36, 38)
# Decibels by which bright strokes of the drum kit are softer, because they are heard through everything.
_STROKES: Final = {
    42: -5.0, 44: -5.0, 46: -6.0, 49: -4.0, 51: -2.0, 54: -6.0, 69: -8.0, 70: -8.0, 81: -6.0, 82: -8.0,
}  # fmt: skip
# The second take of a doubled part: seconds of standard deviation in its timing, and the tuning between the takes.
_LOOSE: Final = 0.009
_DETUNED_CENTS: Final = 7.0
_BEND_CENTS: Final = 200.0
_BEND_CENTRE: Final = 8192
_VIBRATO_HERTZ: Final = 5.4
_VIBRATO_CENTS: Final = 32.0
_VIBRATO_STEP: Final = 441  # frames from one bend to the next
_EXPRESSION_POWER: Final = 2 / 3  # TinySoundFont's loudness is the expression cubed; MIDI asks for its square
_EARLY: Final = 0.1  # seconds: more than a player's looseness
_OFF, _CONTROL, _BEND, _ON = range(4)
_DRAIN: Final = RATE // 5  # frames


class _Moment(NamedTuple):
    """What to tell the synthesizer. At one frame notes end, then controllers and pitch move, then notes start."""

    frame: int
    kind: int
    number: int
    value: int


class Player:
    """Plays the soundfont, one part at a time."""

    def __init__(self, performances: Sequence[Performance], mix: Mix, font: Path | None) -> None:
        self._mix = mix
        strokes: dict[Program, set[tuple[int, int]]] = {}
        for performance in performances:
            played = strokes.setdefault(self.program(performance), set())
            for event in (*performance.events, *_reference(performance)):
                velocity = _velocity(performance, event)
                # TinySoundFont computes the velocity in floating point and may round it down.
                played.update(((event.pitch, velocity), (event.pitch, velocity - 1)))
        self._synth = tinysoundfont.Synth(gain=-3.0, samplerate=RATE)
        self._font = self._synth.sfload(soundfont.read(font, strokes), max_voices=192)

    def program(self, performance: Performance) -> Program:
        """Return the preset that plays a part."""
        return self._mix.program(performance.part.instrument)

    def play(self, performance: Performance, out: Samples) -> None:
        """Write the sound of one part, shape (frames, 2)."""
        doubled = performance.part.instrument in self._mix.doubled
        self._play(performance, performance.events, out, -_DETUNED_CENTS / 2 if doubled else 0.0)

    def play_again(self, performance: Performance, out: Samples) -> None:
        """Write a second take of a part, with its own timing and tuning."""
        rng = Random(f"{performance.part.role}/{performance.part.instrument}")
        events = [
            replace(event, on=max(0.0, event.on + late), off=max(event.on + late, event.off))
            for event in performance.events
            for late in (rng.gauss(0, _LOOSE),)
        ]
        self._play(performance, events, out, _DETUNED_CENTS / 2)

    def level(self, performance: Performance) -> float:
        """Return the mean amplitude of a middling stroke on the instrument of a part while it sounds."""
        events = _reference(performance)
        out = np.empty((round(events[-1].off * RATE), 2), np.float32)
        self._play(Performance(performance.part, events), events, out, 0.0)
        return loudness(out)

    def _play(self, performance: Performance, events: Sequence[Event], out: Samples, cents: float) -> None:
        synth, (bank, program) = self._synth, self.program(performance)
        synth.sounds_off()
        synth.generate(_DRAIN)  # what still sounds fades first
        synth.program_select(0, self._font, bank, program, bank > 0)
        synth.control_change(0, EXPRESSION, 127)
        synth.pitchbend(0, _bend(cents))
        frames = len(out)
        view = out.data.cast("B")
        position = 0
        for moment in _moments(performance, events, cents, frames):
            until = min(moment.frame, frames)
            if until > position:
                synth.generate(until - position, view[position * 8 : until * 8])
                position = until
            self._tell(moment)
        if frames > position:
            synth.generate(frames - position, view[position * 8 :])

    def _tell(self, moment: _Moment) -> None:
        if moment.kind == _ON:
            self._synth.noteon(0, moment.number, moment.value)
        elif moment.kind == _OFF:
            self._synth.noteoff(0, moment.number)
        elif moment.kind == _BEND:
            self._synth.pitchbend(0, moment.value)
        else:
            self._synth.control_change(0, moment.number, moment.value)


def loudness(samples: Samples) -> float:
    """Return the mean amplitude of the blocks of 100 ms within 20 dB of the loudest."""
    block = RATE // 10
    blocks = samples[: len(samples) // block * block].reshape(-1, samples.shape[1] * block)
    power = np.einsum("ij,ij->i", blocks, blocks) / blocks.shape[1]
    return float(np.sqrt(power[power >= power.max() * 0.01].mean()))


def _velocity(performance: Performance, event: Event) -> int:
    softer = _STROKES.get(event.pitch, 0.0) if INSTRUMENTS[performance.part.instrument].bank else 0.0
    return max(2, soundfont.played_velocity(event.velocity, softer))


def _reference(performance: Performance) -> tuple[Event, ...]:
    """Return the strokes that show the level of a part's instrument: one note, or kick and snare."""
    instrument = INSTRUMENTS[performance.part.instrument]
    pitches = _DRUM_STROKES if instrument.bank else ((instrument.low + instrument.high) // 2,)
    return tuple(
        Event(index * _STROKE_SECONDS, (index + 1) * _STROKE_SECONDS, pitch, _MIDDLING)
        for index, pitch in enumerate(pitches)
    )


def _moments(performance: Performance, events: Sequence[Event], cents: float, frames: int) -> list[_Moment]:
    moments: list[_Moment] = []
    for event in events:
        moments.append(_Moment(round(event.on * RATE), _ON, event.pitch, _velocity(performance, event)))
        moments.append(_Moment(round(event.off * RATE), _OFF, event.pitch, 0))
    first = min((event.on for event in events), default=0.0)
    for index, movement in enumerate(each for each in performance.movements if each.number == EXPRESSION):
        value = round(127 * (movement.value / 127) ** _EXPRESSION_POWER)
        # A first note that is played early would sound with full expression, and then drop.
        is_late = index == 0 and first < movement.at < first + _EARLY
        moments.append(_Moment(round((first if is_late else movement.at) * RATE), _CONTROL, EXPRESSION, value))
    moments += _vibrato([each for each in performance.movements if each.number == VIBRATO], cents, frames)
    return sorted(moments)


def _vibrato(depths: Sequence[Movement], cents: float, frames: int) -> Iterator[_Moment]:
    """Yield the pitch bends between the first depth and the end, where the depth is not zero."""
    ends = [round(each.at * RATE) for each in depths[1:]] + [frames]
    for each, end in zip(depths, ends, strict=False):
        start = round(each.at * RATE)
        if not each.value:
            yield _Moment(start, _BEND, 0, _bend(cents))
            continue
        for frame in range(start, min(end, frames), _VIBRATO_STEP):
            sway = _VIBRATO_CENTS * each.value / 127 * sin(2 * pi * _VIBRATO_HERTZ * frame / RATE)
            yield _Moment(frame, _BEND, 0, _bend(cents + sway))


def _bend(cents: float) -> int:
    return round(_BEND_CENTRE * (1 + cents / _BEND_CENTS))
