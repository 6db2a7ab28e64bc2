"""Measure a picture's colours, contrast, texture, horizon and shapes.

Colours are measured in OKLab (B. Ottosson, 2020), where equal distances look about equally different.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from localcloud.openai.describer.layout import Layout, lay_out
from localcloud.openai.describer.vocabulary import COLOURS

Floats = npt.NDArray[np.float64]

_SIDE: Final = 192
_EDGE: Final = 0.06
_SMOOTH: Final = 0.012
_DARK: Final = 0.33

_RGB_TO_LMS: Final = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LMS_TO_OKLAB: Final = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


@dataclass(frozen=True)
class Measurements:
    """A picture's measurements; shares and strengths are 0 to 1 unless stated."""

    lightness: float
    """Mean OKLab lightness."""
    contrast: float
    """Standard deviation of lightness, about 0 to 0.4."""
    saturation: float
    """Mean OKLab chroma, about 0 to 0.25."""
    warmth: float
    """Share of warm minus share of cool colour, -1 to 1."""
    hue: float
    """Mean hue weighted by chroma, in turns: 0 is crimson, .25 olive, .5 teal, .75 violet-blue."""
    hue_spread: float
    """0 for a single hue, 1 for all hues."""
    colours: tuple[tuple[str, float], ...]
    """Named colours with their shares, the largest first."""
    edges: float
    """Share of pixels on an edge."""
    smooth: float
    """Share of pixels in an even area."""
    coherence: float
    """Correlation of neighbouring pixels: near 0 for noise, near 1 for a photograph; 1 for an even picture."""
    dark: float
    """Share of dark pixels."""
    sparks: float
    """Small bright points in the dark, for every 1,000 pixels."""
    layout: Layout
    """The parts above and below the skyline."""
    symmetry: float
    """Correlation of the picture with its mirror image, 0 to 1."""
    roundness: float
    """How many edges run around the middle, 0 (all directions) to 1 (circles)."""

    def share(self, *names: str) -> float:
        """Return the share of the picture in these named colours."""
        return sum(share for name, share in self.colours if name in names)


def measure(picture: Image.Image) -> Measurements:
    """Measure an RGB picture; it is scaled down to at most 192 pixels a side first."""
    small = picture.copy()
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX, reducing_gap=None)
    lab = _oklab(np.asarray(small, np.float64) / 255)
    light, chroma = lab[..., 0], np.hypot(lab[..., 1], lab[..., 2])
    down, across = (np.gradient(light, axis=axis) if light.shape[axis] > 1 else np.zeros_like(light) for axis in (0, 1))
    slope = np.hypot(down, across)
    pull = lab[..., 1:].reshape(-1, 2).sum(axis=0)
    return Measurements(
        lightness=float(light.mean()),
        contrast=float(light.std()),
        saturation=float(chroma.mean()),
        warmth=_warmth(lab, chroma),
        hue=float(np.arctan2(pull[1], pull[0]) / (2 * np.pi) % 1),
        hue_spread=float(1 - np.hypot(*pull) / (chroma.sum() + 1e-9)),
        colours=_shares(lab),
        edges=float((slope > _EDGE).mean()),
        smooth=float((slope < _SMOOTH).mean()),
        coherence=_correlation(light[:, :-1], light[:, 1:], when_even=1.0),
        dark=float((light < _DARK).mean()),
        sparks=_sparks(light),
        layout=lay_out(lab),
        symmetry=max(_correlation(light, light[:, ::-1], when_even=1.0), 0.0),
        roundness=_roundness(down, across),
    )


def _oklab(srgb: Floats) -> Floats:
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)  # IEC 61966-2-1
    return np.asarray(np.cbrt(linear @ _RGB_TO_LMS.T) @ _LMS_TO_OKLAB.T)


def _warmth(lab: Floats, chroma: Floats) -> float:
    """Project the colours on the axis from blue to orange, relative to the total chroma plus a constant."""
    toward_orange = lab[..., 1] * 0.5 + lab[..., 2] * 0.87
    return float(np.clip(toward_orange.mean() / (chroma.mean() + 0.01), -1, 1))


def _shares(lab: Floats) -> tuple[tuple[str, float], ...]:
    references = _oklab(np.array(list(COLOURS.srgb.values()), np.float64) / 255)
    weights = np.array([0.6, 2.0, 2.0])  # hue separates named colours better than lightness
    pixels = lab.reshape(-1, 1, 3)[:: max(lab.size // 3 // 9000, 1)]
    nearest = (((pixels - references) * weights) ** 2).sum(axis=-1).argmin(axis=1)
    counts = np.bincount(nearest, minlength=len(COLOURS.srgb)) / len(nearest)
    named = sorted(zip(COLOURS.srgb, counts.tolist(), strict=True), key=lambda pair: -pair[1])
    return tuple((name, share) for name, share in named if share > 0)


def _correlation(one: Floats, other: Floats, when_even: float) -> float:
    if not one.size:
        return when_even
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / scale if scale > one.size * 1e-5 else when_even


def _sparks(light: Floats) -> float:
    if min(light.shape) < 3:  # a pixel and its neighbours
        return 0.0
    middle = light[1:-1, 1:-1]
    height, width = light.shape
    neighbours = np.stack(
        [light[1 + dy : height - 1 + dy, 1 + dx : width - 1 + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]
    )
    peaks = (middle >= neighbours.max(axis=0)) & (middle - neighbours.mean(axis=0) > 0.04)
    return float(peaks.sum() * 1000 / middle.size)


def _roundness(down: Floats, across: Floats) -> float:
    """Compare edge directions with the direction to the middle: 0 for edges in all directions, 1 for circles."""
    height, width = down.shape
    ys, xs = np.mgrid[:height, :width]
    ys, xs = ys - (height - 1) / 2, xs - (width - 1) / 2
    strength, radius = np.hypot(down, across), np.hypot(ys, xs)
    towards = np.abs(down * ys + across * xs) / (strength * radius + 1e-9)
    weights = strength * (strength > _EDGE)
    if weights.sum() < 1e-6:  # no edges at all
        return 0.0
    everywhere = 2 / np.pi
    return float(np.clip(((towards * weights).sum() / weights.sum() - everywhere) / (1 - everywhere), 0, 1))
