"""Draw a piece: a piano roll with its form and chords as SVG, and a spectrogram of its sound as PNG."""

from html import escape
from io import BytesIO
from itertools import pairwise
from typing import Final

import numpy as np
from PIL import Image
from scipy import signal

from pipeline.audio import Audio
from pipeline.engines.composer.score import LEAD_IN_SECONDS, Piece

WIDTH: Final = 1200
_PITCH: Final = 4  # pixels
_FORM: Final = 34  # pixels above the notes
_DRUMS: Final = 60  # pixels under the notes
_COLOURS: Final = {
    "lead": "#d62728", "counter": "#ff9f40", "chords": "#1f77b4", "arpeggio": "#17becf", "pad": "#9aa7b8",
    "bass": "#2ca02c", "drums": "#555555",
}  # fmt: skip
_THEMES: Final = {"intro": "#e8e8e8", "A": "#ffd9d9", "B": "#d9e8ff", "C": "#dcf5dc", "D": "#f3e0ff", "end": "#e8e8e8"}
_SPECTRUM_HZ: Final = (40.0, 16_000.0)
_ROWS: Final = 220
_RANGE_DB: Final = 75.0
_HEAT: Final = ((0, 0, 0), (40, 10, 90), (150, 30, 110), (235, 110, 50), (255, 245, 160))


def piano_roll(piece: Piece) -> str:
    """Return an SVG image of all notes over time, a colour for each role; sections and chords are above, drums below.

    A stronger note is darker.
    """
    scale = WIDTH / piece.seconds
    pitched = [note.pitch for part in piece.parts if part.role != "drums" for note in part.notes]
    low, high = min(pitched, default=60), max(pitched, default=72)
    floor = _FORM + (high - low + 1) * _PITCH
    drawn: list[str] = []

    def across(beat: float) -> float:
        return (LEAD_IN_SECONDS + piece.seconds_at(beat)) * scale

    for section in piece.sections:
        left, right = (across(bar * piece.beats) for bar in (section.bar, section.bar + section.bars))
        drawn.append(
            f'<rect x="{left:.1f}" y="0" width="{right - left:.1f}" height="{floor + _DRUMS}"'
            f' fill="{_THEMES.get(section.theme, "#f5f0d5")}" stroke="#fff"/>'
            f'<text x="{left + 3:.1f}" y="12" font-weight="bold">{escape(section.name)}'
            f" {section.bars}, {section.intensity:.2f}</text>"
        )
    last = ""
    for span in piece.chords:
        if span.chord.symbol != last:
            drawn.append(
                f'<text x="{across(span.start) + 2:.1f}" y="28" font-size="8">{escape(span.chord.symbol)}</text>'
            )
        last = span.chord.symbol
    for part in piece.parts:
        colour = _COLOURS.get(part.role, "#000")
        for note in part.notes:
            left, width = across(note.start), max(1.0, across(note.end) - across(note.start) - 0.5)
            top, height = floor - (note.pitch - low + 1) * _PITCH, _PITCH
            if part.role == "drums":
                top, width, height = floor + _DRUMS - 4 - (note.pitch - 27) * (_DRUMS - 6) // 60, 2.0, 3
            drawn.append(
                f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{height}" fill="{colour}"'
                f' opacity="{0.25 + 0.75 * note.velocity / 127:.2f}"/>'
            )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {floor + _DRUMS}"'
        f' font-family="sans-serif" font-size="10">{"".join(drawn)}</svg>'
    )


def spectrogram(audio: Audio) -> bytes:
    """Return a PNG image: time across, 40 Hz to 16 kHz upwards by octaves, 75 dB from dark to bright."""
    hop = max(1024, len(audio.samples) // WIDTH)
    frequencies, _, spectrum = signal.stft(
        audio.samples.mean(axis=1), audio.rate, nperseg=4096, noverlap=max(0, 4096 - hop), boundary=None
    )
    power = np.abs(spectrum) ** 2
    edges = np.geomspace(*_SPECTRUM_HZ, _ROWS + 1)
    at = np.searchsorted(frequencies, edges)
    rows = [power[start : max(end, start + 1)].mean(axis=0) for start, end in pairwise(at)]
    level = 10 * np.log10(np.array(rows)[::-1] + 1e-14)
    place = np.clip((level - level.max() + _RANGE_DB) / _RANGE_DB, 0, 1)
    stops = np.linspace(0, 1, len(_HEAT))
    pixels = np.stack([np.interp(place, stops, [colour[index] for colour in _HEAT]) for index in range(3)], axis=2)
    out = BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).resize((WIDTH, _ROWS)).quantize(64).save(out, "PNG", optimize=True)
    return out.getvalue()


def legend() -> str:
    """Return the roles in their colours, as HTML."""
    return " ".join(f'<span style="color:{colour}">■ {role}</span>' for role, colour in _COLOURS.items())
