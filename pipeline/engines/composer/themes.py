"""The themes A, B and C, developed from one motif.

A theme is stored as a rhythm and a contour in scale steps; ``melody`` chooses its pitches to fit the chords each time.
So a listener recognises it: rhythm and shape stay the same while the pitches follow the harmony.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from pipeline.engines.composer.form import along
from pipeline.engines.composer.patterns import busyness, nearest
from pipeline.engines.composer.styles import Style

# Outlines of a bar of melody, at equal distances in time: 0 is its lowest point, 1 its highest.
_SHAPES: Final = (
    (0.0, 1.0, 0.2),
    (0.0, 0.4, 1.0, 0.3),
    (0.8, 0.0, 1.0),
    (0.0, 0.5, 1.0),
    (1.0, 0.5, 0.0),
    (0.2, 1.0, 0.6, 0.0),
    (0.0, 0.8, 0.2, 1.0),
    (0.3, 0.0, 0.3, 1.0, 0.6),
    (0.5, 1.0, 0.5, 0.0, 0.5),
    (0.0, 1.0, 0.75, 0.5, 0.25),
    (0.4, 0.4, 1.0, 0.4),
    (1.0, 0.0, 0.7, 0.2, 0.5),
)  # fmt: skip
# The four bars of a theme: a the motif, b its answer, d a contrast, i the motif upside down, f its first half twice,
# g its first half at half speed, c the close. + repeats a bar some steps higher and - lower; ' gives it another end.
_A_PLANS: Final = ("a a+ b c", "a b a' c", "a a' b c", "a b b+ c", "a a+ a' c", "a b a+ c", "a i b c", "a b a- c")
_B_PLANS: Final = ("d d- i c", "i d d+ c", "d a+ d' c", "d d+ f c", "i i- d c", "d i d' c")
_C_PLANS: Final = ("g f f- c", "g b g- c", "f f+ g c", "i+ f g c", "g g+ f c", "b- b f c")


@dataclass(frozen=True)
class Bar:
    """One bar of a theme: its rhythm as a pattern, a scale step for each note, and ``anchor``, added to every step."""

    rhythm: str
    contour: tuple[int, ...]
    anchor: int = 0


Theme = tuple[Bar, ...]


def invent(style: Style, phrase: int, wished: float, rng: Random) -> Mapping[str, Theme]:
    """Return the themes A, B and C of a piece, each of ``phrase`` bars with about ``wished`` notes a bar.

    B contrasts: it has another rhythm, and the motif upside down. C, the bridge, repeats a fragment of the motif and
    slows it down (augmentation).
    """
    spread = 2.0
    motif = _shaped(nearest(style.rhythms, wished, rng, spread), rng)
    others = [rhythm for rhythm in style.rhythms if rhythm != motif.rhythm]
    answer = _shaped(nearest(others, wished * 1.15, rng, spread), rng)
    contrast = _shaped(nearest(others, wished * 0.75, rng, spread), rng)
    material = {
        "a": motif,
        "b": answer,
        "d": contrast,
        "i": replace(motif, contour=tuple(-step for step in motif.contour)),
        "f": fragmented(motif),
        "g": augmented(motif),
    }

    def developed(plan: str, lift: int) -> Theme:
        stride = rng.choice((1, 1, 2, 3))
        bars = [_developed(material, step, stride, style, wished, rng) for step in plan.split()]
        lifted = [replace(bar, anchor=bar.anchor + lift) for bar in bars[:-1]]
        return {1: tuple(lifted[:1]), 2: (lifted[0], bars[-1])}.get(phrase, (*lifted, bars[-1]))

    return {
        "A": developed(rng.choice(_A_PLANS), 0),
        "B": developed(rng.choice(_B_PLANS), rng.choice((2, 3, 4))),
        "C": developed(rng.choice(_C_PLANS), rng.choice((-1, 1, 2))),
    }


def augmented(bar: Bar) -> Bar:
    """Return the first half of a bar at half the speed, so that it fills the bar; the bar itself if it has no half."""
    half, odd = divmod(len(bar.rhythm), 2)
    rhythm = "".join(symbol + ("_" if symbol == "_" else ".") for symbol in bar.rhythm[:half])
    count = busyness(rhythm)
    return bar if odd or not count else Bar(rhythm, bar.contour[:count], bar.anchor)


def fragmented(bar: Bar) -> Bar:
    """Return the first half of a bar twice, the second time a step lower; the bar itself if it has no half."""
    half, odd = divmod(len(bar.rhythm), 2)
    head = bar.contour[: busyness(bar.rhythm[:half])]
    return bar if odd or not head else Bar(bar.rhythm[:half] * 2, head + tuple(step - 1 for step in head), bar.anchor)


def _developed(material: Mapping[str, Bar], step: str, stride: int, style: Style, wished: float, rng: Random) -> Bar:
    """Return the bar for one step of a plan."""
    if step == "c":
        return _shaped(nearest(style.cadence_rhythms, wished * 0.5, rng, 1.5), rng)
    bar = material[step[0]]
    if step.endswith("'"):
        kept = len(bar.contour) // 2
        return replace(bar, contour=bar.contour[:kept] + _shaped(bar.rhythm, rng).contour[kept:])
    return replace(bar, anchor={"+": stride, "-": -stride}.get(step[-1], 0))


def _shaped(rhythm: str, rng: Random) -> Bar:
    """Return a bar with this rhythm, whose notes roughly follow a random outline of random height."""
    count = busyness(rhythm)
    shape, height = rng.choice(_SHAPES), rng.choice((3, 4, 5, 6, 7))
    drawn = [height * (along(shape, index / max(1, count - 1)) - 0.5) + rng.gauss(0, 0.8) for index in range(count)]
    return Bar(rhythm, tuple(round(step) for step in drawn))
