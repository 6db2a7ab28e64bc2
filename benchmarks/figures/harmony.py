"""Figures of the harmony: chords, progressions and how phrases end."""

import re
from io import BytesIO
from typing import Final

import mido
import numpy as np

from pipeline.engines.composer.score import Piece, Section

_DOMINANT: Final = re.compile(r"V(?!I)|v(?!i)|vii")  # the numerals of the fifth and of the leading tone


def chords(piece: Piece) -> int:
    """Return the number of different chords, by their symbols without the bass: C and C/E are one chord."""
    return len({span.chord.symbol.partition("/")[0] for span in piece.chords})


def harmonies(piece: Piece) -> int:
    """Return the number of different progressions: the chords of a phrase in their order, with their lengths."""
    return len({
        tuple((span.chord.symbol, span.length) for span in piece.chords_in(section)) for section in _phrases(piece)
    })  # fmt: skip


def dominant_endings(piece: Piece) -> float:
    """Return the share of the phrases whose last chord is V, v or vii in its key, with any extension."""
    last = [piece.chords_in(section)[-1].chord.numeral for section in _phrases(piece)]
    return float(np.mean([_DOMINANT.match(numeral) is not None for numeral in last]))


def controllers(midi: bytes) -> float:
    """Return the controller and pitch-bend messages a second of a MIDI file, without those at its start."""
    file = mido.MidiFile(file=BytesIO(midi))
    moved = sum(
        message.type in {"control_change", "pitchwheel", "aftertouch"} for track in file.tracks
        for message in _after_start(track)
    )  # fmt: skip
    return float(moved / max(file.length, 1e-6))


def _after_start(track: mido.MidiTrack) -> list[mido.Message]:
    ticks = np.cumsum([message.time for message in track])
    return [message for message, tick in zip(track, ticks, strict=True) if tick > 0]


def _phrases(piece: Piece) -> list[Section]:
    return [section for section in piece.sections if section.theme != "end"]
