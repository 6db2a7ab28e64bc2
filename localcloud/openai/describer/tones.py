"""Choose the kind of light of a picture, and the colours to name."""

from dataclasses import dataclass
from typing import Final

from localcloud.openai.describer.measurements import Measurements
from localcloud.openai.describer.recognition import Subject
from localcloud.openai.describer.vocabulary import COLOURS

_ALIKE: Final = tuple(set(pair) for pair in COLOURS.alike)
# The kinds of light, and whether such a light falls on a thing; "vivid colours" do not.
TONES: Final = {"colourless": False, "vivid": False, "warm": True, "cool": True, "neutral": True}


@dataclass(frozen=True)
class Tone:
    """A picture's light: a key of TONES, and ``shade`` 0 dark, 1 middling, 2 bright."""

    kind: str
    shade: int


def tone_of(m: Measurements) -> Tone:
    """Return the kind of light."""
    shade = 0 if m.lightness < 0.36 else 1 if m.lightness < 0.66 else 2
    if m.saturation < 0.025:
        return Tone("colourless", shade)
    if m.saturation > 0.13:
        return Tone("vivid", shade)
    return Tone("warm" if m.warmth > 0.25 else "cool" if m.warmth < -0.25 else "neutral", shade)


def palette(m: Measurements) -> tuple[str, str]:
    """Return the two main colours: the largest, and the next one that is not grey, if any."""
    names = [name for name, share in m.colours if share >= 0.06] or [m.colours[0][0]]
    first, others = names[0], [name for name in names[1:] if {names[0], name} not in _ALIKE]
    lively = [name for name in others if name not in COLOURS.dull]
    return first, (*lively, *others, first)[0]


def light_colours(subject: Subject, m: Measurements) -> tuple[str, str]:
    """Return the colour of the light and another; the first is typical of the theme, otherwise not grey."""
    first, second = palette(m)
    typical = COLOURS.lights.get(subject.concept.theme, ())
    makers = [name for name, _ in m.colours if name in typical]
    if makers:
        return makers[0], first if first != makers[0] else second
    return (second, first) if first in COLOURS.greys else (first, second)
