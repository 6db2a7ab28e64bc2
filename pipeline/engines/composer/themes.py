"""The themes A, B, C and D, developed from one motif.

A theme is stored as a rhythm and a contour in scale steps; ``melody`` chooses its pitches to fit the chords.
A contour moves by step, turns now and then, and leaps once at most, as a tune does that people can sing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from pipeline.engines.composer.patterns import busyness, nearest
from pipeline.engines.composer.styles import Style

# The four bars of a theme: a the motif, b its answer, d and e a contrast, i the motif upside down, g the motif's first
# half at half speed, c the close. A letter again is the same bar again; + and - repeat it a step higher or lower.
_PLANS: Final = {
    "A": ("a b a c", "a b a c", "a a b c", "a b a- c"),
    "B": ("d e d c", "d d- d c", "d e d- c", "d d e c"),
    "C": ("g b g c", "g g- g c", "g a g c"),
    "D": ("i e i c", "i i+ i c", "i d i c"),
}
_TRIAD: Final = frozenset({0, 3, 4, 7})  # semitones above the tonic
_LOWEST, _HIGHEST = -3, 5  # the steps above the tonic between which a contour turns
_REST_BEATS: Final = {"close": 1.25, "middle": 0.5}
_TRIES: Final = 8


@dataclass(frozen=True)
class Bar:
    """One bar of a theme: its rhythm as a pattern, and a scale step for each note, counted from the tonic.

    ``like`` is the index of an earlier bar of the theme that this bar repeats.
    """

    rhythm: str
    contour: tuple[int, ...]
    like: int | None = None


Theme = tuple[Bar, ...]


def invent(style: Style, scale: Sequence[int], wished: float, rng: Random) -> Mapping[str, Theme]:
    """Return the themes of a piece, each of eight bars with about ``wished`` notes a bar, in a scale of semitones.

    The motif starts on a tone of the tonic triad, mostly on the tonic or the third, so that the key is heard.
    Bars 5 to 7 repeat bars 1 to 3; bar 8 ends in another way than bar 4. B contrasts with A: it is higher and has
    another rhythm. C, the bridge, slows the motif down. D turns it upside down.
    """
    spread = 2.0
    tonic, third, fifth = (scale.index(tone) for tone in scale if tone in _TRIAD)
    first = nearest(style.rhythms, wished, rng, spread)
    others = [rhythm for rhythm in style.rhythms if rhythm != first]
    motif = Bar(
        first,
        _motif(
            busyness(first),
            rng.choice((fifth - len(scale), tonic, tonic, tonic, third, third, fifth)),
            (tonic, third),
            rng,
        ),
    )
    material = {
        "a": motif,
        "b": _answer(motif, nearest(others, wished * 1.1, rng, spread), rng),
        "i": replace(motif, contour=tuple(-step for step in motif.contour)),
        "g": augmented(motif),
    }
    other = nearest(others, wished * 0.8, rng, spread)
    material["d"] = Bar(
        other, _motif(busyness(other), rng.choice((third, fifth, fifth, len(scale))), (tonic, third), rng)
    )
    material["e"] = _answer(material["d"], nearest(others, wished * 1.2, rng, spread), rng)
    return {letter: _developed(rng.choice(plans), material, style, wished, rng) for letter, plans in _PLANS.items()}


def excerpt(theme: Theme, bars: int) -> Theme:
    """Return a statement of a theme in fewer bars than it has; the last one closes."""
    if bars >= len(theme):
        return theme
    return (*theme[: bars - 1], theme[3]) if bars > 1 else theme[:1]


def coda(theme: Theme, bars: int) -> Theme:
    """Return the start of a theme and its close, in so many bars."""
    return (*(theme[:1] * (bars - 1)), replace(theme[-1], like=None))


def augmented(bar: Bar) -> Bar:
    """Return the first half of a bar at half the speed, so that it fills the bar; the bar itself if it has no half."""
    half, odd = divmod(len(bar.rhythm), 2)
    rhythm = "".join(symbol + ("_" if symbol == "_" else ".") for symbol in bar.rhythm[:half])
    count = busyness(rhythm)
    return bar if odd or not count else Bar(rhythm, bar.contour[:count])


def breathing(rhythm: str, beats: int, rest: float) -> str:
    """Return a rhythm that ends with a rest of ``rest`` beats, or of half its last note if that is shorter."""
    last = max(step for step, symbol in enumerate(rhythm) if symbol not in "._")
    silent = int(min(rest * len(rhythm) / beats, (len(rhythm) - last) / 2))
    return rhythm[: len(rhythm) - silent] + "_" * silent


def _developed(plan: str, material: Mapping[str, Bar], style: Style, wished: float, rng: Random) -> Theme:
    """Return a theme of eight bars for a plan of four."""
    bars: list[Bar] = []
    seen: dict[str, int] = {}
    for index, step in enumerate(plan.split()):
        if step == "c":
            bars.append(_close(bars[-1], rng.choice((-1, 1, 1)), style, wished, rng))
            continue
        shift = {"+": 1, "-": -1}.get(step[-1], 0)
        bar = material[step[0]]
        bar = replace(bar, contour=tuple(each + shift for each in bar.contour), like=seen.setdefault(step, index))
        rest = _REST_BEATS["middle"] if index == 1 else 0.0
        bars.append(replace(bar, rhythm=breathing(bar.rhythm, style.beats, rest)))
    bars = [replace(bar, like=None if bar.like == index else bar.like) for index, bar in enumerate(bars)]
    again = [replace(bar, like=index) for index, bar in enumerate(bars[:3])]
    close = bars[3]
    return (*bars, *again, replace(close, contour=(*close.contour[:-1], 0), like=len(again)))


def _close(before: Bar, goal: int, style: Style, wished: float, rng: Random) -> Bar:
    """Return a last bar that moves by step from the bar before to a last, long note ``goal``, and then rests."""
    rhythm = nearest(style.cadence_rhythms, wished * 0.5, rng, 1.5)
    contour = [goal]
    for _ in range(1, busyness(rhythm)):
        away = before.contour[-1] - contour[0]
        contour.insert(0, contour[0] + (1 if away > 0 else -1))
    return Bar(breathing(rhythm, style.beats, _REST_BEATS["close"]), tuple(contour))


def _answer(before: Bar, rhythm: str, rng: Random) -> Bar:
    """Return a bar that goes on by step from the bar before and ends near that bar's start, which often follows."""
    start, goal = before.contour[-1], before.contour[0]
    tries = [_walk(busyness(rhythm), start + rng.choice((-1, 1)), rng) for _ in range(_TRIES)]
    return Bar(rhythm, min(tries, key=lambda contour: abs(abs(contour[-1] - goal) - 1)))


def _motif(count: int, start: int, key_steps: tuple[int, int], rng: Random) -> tuple[int, ...]:
    """Return a contour that has the tonic and the third, if one of some random ones does."""
    tries = [_walk(count, start, rng) for _ in range(_TRIES)]
    return max(tries, key=lambda contour: sum(step in contour for step in key_steps))


def _walk(count: int, start: int, rng: Random) -> tuple[int, ...]:
    """Return a contour from ``start``: steps that turn now and then, and sometimes one leap that steps back fill."""
    direction = rng.choice((-1, 1))
    leap = rng.choice((None, rng.randrange(1, count))) if count > 2 else None
    contour = [start]
    for index in range(1, count):
        at = contour[-1]
        if index == leap:
            contour.append(at + direction * rng.choice((2, 2, 3)))
            direction = -direction
        elif (chance := rng.random()) < 0.15:
            contour.append(at)
        elif chance < 0.32:
            contour.append(at + 2 * direction)
        else:
            if rng.random() < 0.25:
                direction = -direction
            direction = 1 if at <= _LOWEST else -1 if at >= _HIGHEST else direction
            contour.append(at + direction)
    return tuple(contour)
