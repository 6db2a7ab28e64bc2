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
_THIRDS: Final = frozenset({3, 4})
_REACH: Final = 4  # the steps from a theme's middle at which a contour turns
_REST_BEATS: Final = {"close": 1.25, "middle": 0.5}
_OFF_TONIC: Final = 1.0  # how many steps nearer than the tonic another tone must be to start a motif
_TRIES: Final = 8
_SPAN: Final = (0.3, 5)  # what each step is worth that a motif spans, up to so many steps


@dataclass(frozen=True)
class Bar:
    """One bar of a theme: its rhythm as a pattern, and a scale step for each note, counted from the tonic.

    ``like`` is the index of an earlier bar of the theme that this bar repeats.
    """

    rhythm: str
    contour: tuple[int, ...]
    like: int | None = None


Theme = tuple[Bar, ...]


def invent(style: Style, scale: Sequence[int], wished: float, middle: int, rng: Random) -> Mapping[str, Theme]:
    """Return the themes of a piece, each of eight bars with about ``wished`` notes a bar, in a scale of semitones.

    The themes move around the step ``middle``. The motif starts on a tone of the tonic triad near it, so that the key
    is heard. Bars 5 to 7 repeat bars 1 to 3; bar 8 ends in another way than bar 4. B contrasts with A: it is higher and
    has another rhythm. C, the bridge, slows the motif down. D turns it upside down.
    """
    inventor = _Inventor(style, tuple(scale), wished, middle, rng)
    first = inventor.rhythm(style.rhythms)
    others = [rhythm for rhythm in style.rhythms if rhythm != first]
    motif = inventor.motif(first, middle - 1)
    material = {
        "a": motif,
        "b": inventor.answer(motif, inventor.rhythm(others, 1.1)),
        "i": replace(motif, contour=tuple(2 * motif.contour[0] - step for step in motif.contour)),
        "g": augmented(motif),
        "d": inventor.motif(inventor.rhythm(others, 0.8), middle + 2),
    }
    material["e"] = inventor.answer(material["d"], inventor.rhythm(others, 1.2))
    return {letter: inventor.theme(rng.choice(plans), material) for letter, plans in _PLANS.items()}


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


@dataclass(frozen=True)
class _Inventor:
    style: Style
    scale: tuple[int, ...]
    wished: float
    middle: int
    rng: Random

    def rhythm(self, among: Sequence[str], factor: float = 1.0) -> str:
        """Choose a rhythm with about ``factor`` times the wished notes."""
        return nearest(among, self.wished * factor, self.rng, 2.0)

    def motif(self, rhythm: str, near: int) -> Bar:
        """Return a bar that starts in the tonic triad and has the tonic and the third, if one of some tries does."""

        def noise() -> float:
            return self.rng.gauss(0, 0.7)

        places = [octave + self.scale.index(tone) for octave in self._octaves for tone in self.scale if tone in _TRIAD]
        start = min(places, key=lambda step: abs(step - near) + _OFF_TONIC * (step % len(self.scale) > 0) + noise())
        tries = [self._walk(busyness(rhythm), start) for _ in range(_TRIES)]
        tonic, third = 0, self.scale.index(next(tone for tone in self.scale if tone in _THIRDS))
        count = len(self.scale)

        def worth(contour: Sequence[int]) -> float:
            each, widest = _SPAN
            in_key = len({tonic, third} & {step % count for step in contour})
            return in_key + each * min(widest, max(contour) - min(contour))

        return Bar(rhythm, max(tries, key=worth))

    def answer(self, before: Bar, rhythm: str) -> Bar:
        """Return a bar that goes on by step from the bar before and ends near that bar's start, which often follows."""
        start, goal = before.contour[-1], before.contour[0]
        tries = [self._walk(busyness(rhythm), start + self.rng.choice((-1, 1))) for _ in range(_TRIES)]
        return Bar(rhythm, min(tries, key=lambda contour: abs(abs(contour[-1] - goal) - 1)))

    def theme(self, plan: str, material: Mapping[str, Bar]) -> Theme:
        """Return a theme of eight bars for a plan of four."""
        bars: list[Bar] = []
        seen: dict[str, int] = {}
        for index, step in enumerate(plan.split()):
            if step == "c":
                bars.append(self._close(bars[-1]))
                continue
            shift = {"+": 1, "-": -1}.get(step[-1], 0)
            bar = material[step[0]]
            bar = replace(bar, contour=tuple(each + shift for each in bar.contour), like=seen.setdefault(step, index))
            rest = _REST_BEATS["middle"] if index == 1 else 0.0
            bars.append(replace(bar, rhythm=breathing(bar.rhythm, self.style.beats, rest)))
        bars = [replace(bar, like=None if bar.like == index else bar.like) for index, bar in enumerate(bars)]
        again = [replace(bar, like=index) for index, bar in enumerate(bars[:3])]
        close = bars[3]
        end = self._tonic(close.contour[-1])
        return (*bars, *again, replace(close, contour=(*close.contour[:-1], end), like=len(again)))

    def _close(self, before: Bar) -> Bar:
        """Return a last bar that moves by step from the bar before to a long note beside the tonic, and then rests."""
        rhythm = nearest(self.style.cadence_rhythms, self.wished * 0.5, self.rng, 1.5)
        contour = [self._tonic(before.contour[-1]) + self.rng.choice((-1, 1, 1))]
        for _ in range(1, busyness(rhythm)):
            away = before.contour[-1] - contour[0]
            contour.insert(0, contour[0] + (1 if away > 0 else -1))
        return Bar(breathing(rhythm, self.style.beats, _REST_BEATS["close"]), tuple(contour))

    def _tonic(self, near: int) -> int:
        """Return the step of the tonic next to a step."""
        return min(self._octaves, key=lambda octave: abs(octave - near))

    @property
    def _octaves(self) -> tuple[int, ...]:
        return (-len(self.scale), 0, len(self.scale))

    def _walk(self, count: int, start: int) -> tuple[int, ...]:
        """Return a contour from ``start``: steps that turn now and then, and sometimes a leap that steps back fill."""
        rng = self.rng
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
                far = at - self.middle
                direction = 1 if far <= -_REACH else -1 if far >= _REACH else direction
                contour.append(at + direction)
        return tuple(contour)
