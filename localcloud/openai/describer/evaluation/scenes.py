"""Draw evaluation pictures of light, weather and places, which need no licence.

Each scene depends on a seed; other seeds give pictures that the describer was not tuned on.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Floats = npt.NDArray[np.float64]
Stop = tuple[float, tuple[int, int, int]]

_WIDTH, _HEIGHT = 640, 440
_WORDS: Final = ("so", "the", "rain", "went", "on", "over", "hill", "and", "old", "house", "kept", "its", "lamp", "lit")


def draw(name: str, seed: int = 1) -> Image.Image:
    """Draw a scene of ``SCENES`` as an RGB picture of 640 x 440 pixels."""
    pixels = SCENES[name](np.random.default_rng(seed))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _meadow(rng: np.random.Generator) -> Floats:
    sky = _gradient((0, (96, 160, 235)), (0.55, (200, 226, 250)), (1, (214, 234, 250)))
    sky += (255 - sky) * (_clouds(rng, 5, stretch=2.5) - 0.55).clip(0, 0.4)[..., None] * 2
    grass = _gradient((0.5, (150, 195, 96)), (1, (70, 130, 38)))
    grass *= 0.8 + 0.4 * _blades(rng)[..., None]
    return _below(sky, grass, _ridge(rng, 0.56, 0.04))


def _storm_sea(rng: np.random.Generator) -> Floats:
    sky = _gradient((0, (40, 45, 54)), (1, (104, 112, 120)))
    sky *= 0.55 + 0.9 * _clouds(rng, 4, stretch=1.6)[..., None]
    return _below(sky, _sea(rng, (58, 66, 72), (26, 32, 37), swell=0.5), np.full(_WIDTH, _HEIGHT * 0.55))


def _calm_sea(rng: np.random.Generator) -> Floats:
    sky = _gradient((0, (110, 175, 240)), (0.5, (222, 238, 250)), (1, (222, 238, 250)))
    return _below(sky, _sea(rng, (64, 140, 190), (10, 62, 120), swell=0.16), np.full(_WIDTH, _HEIGHT * 0.48))


def _sunset_sea(rng: np.random.Generator) -> Floats:
    sky = _gradient((0, (62, 52, 110)), (0.32, (205, 96, 92)), (0.5, (255, 178, 84)), (1, (255, 190, 90)))
    ys, xs = _grid()
    glow = np.exp(-(((xs - rng.uniform(220, 420)) / 70) ** 2 + ((ys - 205) / 42) ** 2))
    sky += glow[..., None] * (90, 90, 60)
    sea = _sea(rng, (190, 112, 86), (38, 28, 58), swell=0.3) + glow[::-1][..., None] * (120, 70, 30)
    return _below(sky, sea, np.full(_WIDTH, _HEIGHT * 0.54))


def _night_city(rng: np.random.Generator) -> Floats:
    pixels = _gradient((0, (6, 8, 24)), (0.7, (24, 22, 44)), (1, (12, 10, 18)))
    left = 0
    while left < _WIDTH:
        width, top = int(rng.integers(30, 80)), int(rng.integers(110, 300))
        pixels[top:400, left : left + width] = rng.uniform(8, 24, 3)
        for y in range(top + 8, 390, 12):
            for x in range(left + 5, min(left + width, _WIDTH) - 5, 10):
                if rng.random() < 0.38:
                    pixels[y : y + 5, x : x + 4] = np.array((255, 205, 120)) * rng.uniform(0.5, 1)
        left += width + int(rng.integers(0, 10))
    return _blurred(pixels, 0.8)


def _snowfield(rng: np.random.Generator) -> Floats:
    sky = _gradient((0, (176, 200, 226)), (1, (226, 234, 242)))
    snow = _gradient((0.4, (246, 249, 252)), (1, (222, 230, 242))) - 26 * _clouds(rng, 4, stretch=3)[..., None]
    hills = _gradient((0, (196, 208, 224)), (1, (232, 238, 246)))
    return _below(_below(sky, hills, _ridge(rng, 0.42, 0.14)), snow, _ridge(rng, 0.58, 0.06))


def _forest(rng: np.random.Generator) -> Floats:
    pixels = _gradient((0, (96, 140, 70)), (0.5, (52, 88, 42)), (1, (34, 50, 24)))
    pixels *= 0.35 + 1.2 * _clouds(rng, 24)[..., None]
    for depth in range(3):
        for _ in range(9):
            x, width = rng.uniform(0, _WIDTH), rng.uniform(4, 9) * (depth + 1)
            bark = np.array((52, 38, 26)) * (1.5 - 0.4 * depth)
            left, right = int(max(x - width, 0)), int(min(x + width, _WIDTH))
            pixels[: int(_HEIGHT * (0.7 + 0.1 * depth)), left:right] = bark * rng.uniform(
                0.7, 1.2, (1, right - left, 1)
            )
    return _blurred(pixels, 0.7) * (0.8 + 0.4 * _clouds(rng, 60)[..., None])


def _mountains(rng: np.random.Generator) -> Floats:
    pixels = _gradient((0, (120, 170, 225)), (1, (225, 236, 246)))
    for i in range(4):
        far = 1 - i / 3
        rock = np.array((60, 76, 72)) * (1 - far) + np.array((160, 182, 208)) * far
        layer = np.tile(rock, (_HEIGHT, _WIDTH, 1)) * (0.8 + 0.4 * _clouds(rng, 16)[..., None])
        pixels = _below(pixels, layer, _ridge(rng, 0.34 + 0.15 * i, 0.26 - 0.04 * i))
    return pixels


def _desert(rng: np.random.Generator) -> Floats:
    sky = _gradient((0, (84, 150, 224)), (1, (216, 230, 240)))
    sand = _gradient((0.3, (236, 186, 122)), (1, (196, 132, 74))) * (0.9 + 0.2 * _clouds(rng, 5, stretch=6)[..., None])
    dune = _gradient((0.3, (206, 146, 88)), (1, (150, 92, 52)))
    return _below(_below(sky, sand, _ridge(rng, 0.5, 0.12)), dune, _ridge(rng, 0.74, 0.2))


def _starfield(rng: np.random.Generator) -> Floats:
    pixels = np.full((_HEIGHT, _WIDTH, 3), (5.0, 6.0, 14.0)) + 14 * _clouds(rng, 3)[..., None]
    for _ in range(420):
        y, x, size = int(rng.integers(1, _HEIGHT - 3)), int(rng.integers(1, _WIDTH - 3)), 1 + (rng.random() < 0.2)
        pixels[y : y + size, x : x + size] = rng.uniform(120, 255) * rng.uniform(0.85, 1, 3)
    return _blurred(pixels, 0.6)


def _fog(rng: np.random.Generator) -> Floats:
    pixels = _gradient((0, (196, 200, 202)), (1, (176, 180, 182)))
    for i in range(3):
        shade = 184 - 14 * i
        layer = np.full((_HEIGHT, _WIDTH, 3), (shade, shade + 3.0, shade + 4.0))
        pixels = _below(pixels, layer, _ridge(rng, 0.5 + 0.14 * i, 0.1))
    return _blurred(pixels, 9)


def _rainy_window(rng: np.random.Generator) -> Floats:
    pixels = _blurred(_gradient((0, (58, 70, 88)), (1, (36, 42, 54))) * (0.6 + 0.8 * _clouds(rng, 6)[..., None]), 8)
    for _ in range(150):
        x, y, length = int(rng.integers(0, _WIDTH - 3)), int(rng.integers(0, _HEIGHT)), int(rng.integers(6, 70))
        pixels[y : y + length, x : x + 2] += 38
        pixels[y + length : y + length + 5, x - 1 : x + 3] += 60
    return _blurred(pixels, 1)


def _text_page(rng: np.random.Generator) -> Floats:
    page = Image.new("RGB", (_WIDTH, _HEIGHT), (250, 249, 246))
    pen = ImageDraw.Draw(page)
    for y in range(36, _HEIGHT - 36, 18):
        line = " ".join(rng.choice(_WORDS) for _ in range(16))
        pen.text((52, y), line[: int(rng.integers(58, 84))], fill=(30, 30, 34))
    return np.asarray(page, np.float64)


def _flat_colour(rng: np.random.Generator) -> Floats:
    return np.full((_HEIGHT, _WIDTH, 3), np.array((236, 190, 60)) + rng.integers(-12, 12, 3), np.float64)


def _noise(rng: np.random.Generator) -> Floats:
    return rng.integers(0, 256, (_HEIGHT, _WIDTH, 3)).astype(np.float64)


def _stripes(rng: np.random.Generator) -> Floats:
    ys, xs = _grid()
    palette = rng.permutation(((220, 60, 70), (250, 200, 80), (40, 120, 160), (245, 240, 230), (30, 40, 70)))
    return np.asarray(palette[((xs + ys * rng.uniform(0.4, 1.2)) // 46 % 5).astype(int)], np.float64)


def _colour_blur(rng: np.random.Generator) -> Floats:
    channels = [_clouds(rng, 2, octaves=1) for _ in range(3)]
    return np.asarray(60 + 190 * np.stack(channels, axis=-1), np.float64)


SCENES: Final[dict[str, Callable[[np.random.Generator], Floats]]] = {
    "meadow": _meadow,
    "storm sea": _storm_sea,
    "calm sea": _calm_sea,
    "sunset sea": _sunset_sea,
    "night city": _night_city,
    "snowfield": _snowfield,
    "forest": _forest,
    "mountains": _mountains,
    "desert": _desert,
    "starfield": _starfield,
    "fog": _fog,
    "rainy window": _rainy_window,
    "text page": _text_page,
    "flat colour": _flat_colour,
    "noise": _noise,
    "stripes": _stripes,
    "colour blur": _colour_blur,
}


def _grid() -> tuple[Floats, Floats]:
    ys, xs = np.mgrid[:_HEIGHT, :_WIDTH].astype(np.float64)
    return ys, xs


def _gradient(*stops: Stop) -> Floats:
    """Blend colours from top (0) to bottom (1)."""
    rows = np.linspace(0, 1, _HEIGHT)
    places, colours = [place for place, _ in stops], np.array([colour for _, colour in stops], np.float64)
    channels = [np.interp(rows, places, colours[:, i]) for i in range(3)]
    return np.stack(channels, axis=1)[:, None].repeat(_WIDTH, axis=1)


def _clouds(rng: np.random.Generator, cells: int, stretch: float = 1.0, octaves: int = 4) -> Floats:
    """Sum random grids of decreasing cell size, ``stretch`` times as wide as high; values are 0 to 1."""
    total, weight = np.zeros((_HEIGHT, _WIDTH)), 1.0
    for octave in range(octaves):
        rows = max(int(cells * 2**octave), 2)
        columns = max(int(rows * _WIDTH / _HEIGHT / stretch), 2)
        grid = Image.fromarray(rng.random((rows, columns)).astype(np.float32))
        total += weight * np.asarray(grid.resize((_WIDTH, _HEIGHT), Image.Resampling.BICUBIC))
        weight /= 2
    low, high = total.min(), total.max()
    return np.asarray((total - low) / (high - low))


def _blades(rng: np.random.Generator) -> Floats:
    """Return vertical streaks with noise, 0 to 1."""
    return np.asarray(0.5 * _clouds(rng, 40, stretch=0.3, octaves=2) + 0.5 * rng.random((_HEIGHT, _WIDTH)))


def _sea(rng: np.random.Generator, far: tuple[int, int, int], near: tuple[int, int, int], swell: float) -> Floats:
    waves = _clouds(rng, 30, stretch=9, octaves=3) - 0.5
    return _gradient((0.5, far), (1, near)) * (1 + swell * 2 * waves[..., None])


def _ridge(rng: np.random.Generator, height: float, roughness: float) -> Floats:
    """Return the skyline's row for each column."""
    line, xs = np.zeros(_WIDTH), np.arange(_WIDTH)
    for octave in range(5):
        points = rng.uniform(-1, 1, 3 + 3 * 2**octave)
        line += np.interp(xs, np.linspace(0, _WIDTH, len(points)), points) / 2**octave
    return np.asarray((height + roughness * line / 2) * _HEIGHT)


def _below(above: Floats, ground: Floats, skyline: Floats) -> Floats:
    return np.where((np.arange(_HEIGHT)[:, None] >= skyline)[..., None], ground, above)


def _blurred(pixels: Floats, radius: float) -> Floats:
    picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(radius)), np.float64)
