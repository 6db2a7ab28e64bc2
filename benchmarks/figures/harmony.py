"""Figures of the harmony: chords, progressions and how phrases end."""

from io import BytesIO
from typing import Final

import mido
import numpy as np

from pipeline.engines.composer.score import Piece, Section

_DOMINANT: Final = frozenset({7, 11})  # the roots of V and vii, in semitones above the tonic


def chords(piece: Piece) -> int:
    """Return the number of different chords, by their symbols without the bass: C and C/E are one chord."""
    return len({span.chord.symbol.partition("/")[0] for span in piece.chords})


def harmonies(piece: Piece) -> int:
    """Return the number of different progressions: the chords of a phrase in their order, with their lengths."""
    return len({
        tuple((span.chord.symbol, span.length) for span in piece.chords_in(section)) for section in _phrases(piece)
    })  # fmt: skip


def dominant_endings(piece: Piece) -> float:
    """Return the share of the phrases whose last chord has its root on the fifth or the seventh degree."""
    last = [piece.chords_in(section)[-1].chord for section in _phrases(piece)]
    return float(np.mean([(chord.root - piece.key.tonic) % 12 in _DOMINANT for chord in last]))


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
