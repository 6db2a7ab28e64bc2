"""Find a picture's skyline, the horizontal line that best separates two tones, and measure both parts."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Lab = tuple[float, float, float]

_REACH: Final = 4
_AWAY: Final = 3


@dataclass(frozen=True)
class Layout:
    """The parts above and below the skyline; colours are OKLab, textures mean lightness steps between pixels.

    A sky is smooth, water has long horizontal ripples, grass has blades, and a drawing often has no texture.
    """

    horizon: float
    """How clearly the line separates two tones, 0 to 1."""
    skyline: float
    """The line's height, 0 top to 1 bottom."""
    level: float
    """Share of columns with an edge on the line."""
    above: Lab
    """Mean colour above the line."""
    below: Lab
    """Mean colour below the line."""
    above_texture: float
    """Vertical texture above the line."""
    below_texture: float
    """Vertical texture below the line."""
    below_sideways: float
    """Horizontal texture below the line."""
    flat: float
    """Share of the whole picture with no texture: near 0 for photographs, more than half for drawings."""

    @property
    def open_sky(self) -> bool:
        """Tell whether the part above looks like a sky by day and the part below is darker."""
        light, red, yellow = self.above
        bright = light > 0.6 and abs(red) < 0.05 and yellow < 0.03 and self.below[0] < light - 0.05
        return bright and self.above_texture < 0.013 and 0.15 < self.skyline < 0.85

    @property
    def water(self) -> bool:
        """Tell whether a straight line separates a smooth part from long horizontal ripples."""
        straight = self.level > 0.8 and self.above_texture < 0.013
        ripples = self.below_texture / (self.below_sideways + 1e-4)
        parted = (self.horizon > 0.5 and ripples > 3) or (self.horizon > 0.35 and ripples > 5)
        earthy = self.below[2] > 0.04 and self.above[2] < 0.0
        darker = self.below[0] < self.above[0] - 0.04
        return straight and parted and self.below_texture > 0.005 and darker and not earthy

    @property
    def field(self) -> bool:
        """Tell whether the part below an open sky is green and has texture."""
        _, red, yellow = self.below
        return self.open_sky and self.horizon > 0.35 and red < -0.06 and yellow > 0.06 and self.below_texture > 0.005

    @property
    def drawing(self) -> bool:
        """Tell whether so much of the picture lacks texture that it is no photograph."""
        return self.flat > 0.4


def lay_out(lab: Floats) -> Layout:
    """Measure the layout of a picture in OKLab, of height x width x 3."""
    line, horizon = _skyline(lab)
    above, below = lab[: max(line - _AWAY, 1)], lab[min(line + _AWAY, len(lab) - 1) :]
    below_texture, below_sideways = _textures(below)
    down, across = _steps(lab[..., 0])
    slope = np.hypot(down[:, : across.shape[1]], across[: down.shape[0]])
    return Layout(
        horizon=horizon,
        skyline=line / len(lab),
        level=_level(lab, line),
        above=_mean(above),
        below=_mean(below),
        above_texture=_textures(above)[0],
        below_texture=below_texture,
        below_sideways=below_sideways,
        flat=float((slope < 0.0015).mean()) if slope.size else 1.0,
    )


def _skyline(lab: Floats) -> tuple[int, float]:
    """Find the line with the largest difference between the bands above and below, relative to their noise."""
    rows = lab.mean(axis=1)
    band = max(len(rows) // 12, 1)
    lines = range(max(len(rows) // 6, band), min(len(rows) * 5 // 6, len(rows) - band))
    steps = [float(np.linalg.norm(rows[y : y + band].mean(axis=0) - rows[y - band : y].mean(axis=0))) for y in lines]
    if not steps:
        return len(rows) // 2, 0.0
    best = int(np.argmax(steps))
    spread = float(lab[..., 0].std(axis=1).mean())
    return lines[best], steps[best] / (steps[best] + spread + 0.05)


def _level(lab: Floats, line: int) -> float:
    if not _REACH <= line <= len(lab) - _REACH:
        return 0.0
    steps = np.linalg.norm(lab[_REACH:] - lab[:-_REACH], axis=2)
    largest = steps[max(line - _REACH - 2, 0) : line + _AWAY].max(axis=0)
    bands = lab[line : line + _REACH].mean(axis=(0, 1)) - lab[line - _REACH : line].mean(axis=(0, 1))
    return float((largest > 0.6 * np.linalg.norm(bands)).mean())


def _steps(light: Floats) -> tuple[Floats, Floats]:
    return np.abs(np.diff(light, axis=0)), np.abs(np.diff(light, axis=1))


def _textures(lab: Floats) -> tuple[float, float]:
    """Return the mean vertical and horizontal steps."""
    down, across = _steps(lab[..., 0])
    return (float(down.mean()) if down.size else 0.0), (float(across.mean()) if across.size else 0.0)


def _mean(lab: Floats) -> Lab:
    light, a, b = (float(value) for value in lab.reshape(-1, 3).mean(axis=0))
    return light, a, b
