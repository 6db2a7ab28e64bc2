"""The performance as a standard MIDI file."""

from collections.abc import Sequence
from io import BytesIO
from typing import Final

import mido
import numpy as np
from numpy.typing import NDArray

from pipeline.engines.composer.instruments import INSTRUMENTS
from pipeline.engines.composer.mixes import MIXES
from pipeline.engines.composer.performing import Performance
from pipeline.engines.composer.score import LEAD_IN_SECONDS, Piece

_TICKS: Final = 480
_DRUM_CHANNEL: Final = 9


def write(piece: Piece, performances: Sequence[Performance], title: str, said: str = "") -> bytes:
    """Return a MIDI file of type 1: a track with tempo and key, then a track for each part.

    The first track says ``said`` as a text.
    """
    file = mido.MidiFile(type=1, ticks_per_beat=_TICKS, charset="utf-8")
    letter, mode = piece.key.name.split()
    # In the bar that slows down every beat has its tempo event, so that the notes stay on the grid.
    slow = np.arange(piece.final_beat - piece.beats, piece.final_beat + 1)
    beats = np.unique([0.0, *slow, piece.final_beat + 1000])
    seconds = np.array([piece.seconds_at(float(beat)) for beat in beats])
    conductor = mido.MidiTrack(
        [
            mido.MetaMessage("track_name", name=title),
            *([mido.MetaMessage("text", text=said)] if said else []),
            mido.MetaMessage("time_signature", numerator=piece.beats, denominator=4),
            mido.MetaMessage("key_signature", key=letter + ("m" if mode == "minor" else "")),
        ]
    )
    last_beat = 0.0
    for beat, tempo in zip(beats, np.diff(seconds) / np.diff(beats), strict=False):
        conductor.append(
            mido.MetaMessage("set_tempo", tempo=round(tempo * 1e6), time=round((float(beat) - last_beat) * _TICKS))
        )
        last_beat = float(beat)
    conductor.append(mido.MetaMessage("end_of_track"))
    file.tracks.append(conductor)
    channels = [channel for channel in range(16) if channel != _DRUM_CHANNEL]
    for performance in performances:
        instrument = INSTRUMENTS[performance.part.instrument]
        channel = _DRUM_CHANNEL if instrument.bank else channels.pop(0)
        _, program = MIXES[piece.genre].program(performance.part.instrument)
        file.tracks.append(_track(performance, program, channel, (seconds, beats)))
    out = BytesIO()
    file.save(file=out)
    return out.getvalue()


def _track(
    performance: Performance, program: int, channel: int, grid: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> mido.MidiTrack:
    name = f"{performance.part.role}: {performance.part.instrument}"
    track = mido.MidiTrack(
        [mido.MetaMessage("track_name", name=name), mido.Message("program_change", program=program, channel=channel)]
    )

    def tick_at(second: float) -> int:
        return round(float(np.interp(second - LEAD_IN_SECONDS, *grid)) * _TICKS)

    # At the same tick, notes end, then controllers move, then notes start.
    moments: list[tuple[int, int, int, int]] = [
        (tick_at(each.at), 1, each.number, each.value) for each in performance.movements
    ]
    for event in performance.events:
        on, off = tick_at(event.on), tick_at(event.off)
        moments += [(on, 2, event.pitch, event.velocity), (max(off, on + 1), 0, event.pitch, 0)]
    last_tick = 0
    for tick, kind, number, value in sorted(moments):
        wait = tick - last_tick
        if kind == 1:
            track.append(mido.Message("control_change", control=number, value=value, channel=channel, time=wait))
        else:
            name = "note_on" if kind else "note_off"
            track.append(mido.Message(name, note=number, velocity=value, channel=channel, time=wait))
        last_tick = tick
    track.append(mido.MetaMessage("end_of_track"))
    return track
