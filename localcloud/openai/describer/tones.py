"""Names for a picture's light and colours."""

from dataclasses import dataclass
from typing import Final

from localcloud.openai.describer.measurements import Measurements
from localcloud.openai.describer.recognition import Subject
from localcloud.openai.describer.vocabulary import COLOUR_NAMES

_GREYS: Final = ("black", "charcoal", "grey", "silver", "white")
DULL: Final = (*_GREYS, "slate")
_ALIKE: Final = (
    {"black", "charcoal"},
    {"charcoal", "grey"},
    {"grey", "silver"},
    {"silver", "white"},
    {"grey", "slate"},
)
_FAMILIES: Final = {
    "glow": ("orange", "red", "pink", "yellow", "purple"),
    "bluespan": ("sky", "blue", "teal", "navy"),
    "greenery": ("green", "lime"),
    "greyness": ("slate", "grey", "charcoal", "silver"),
}


@dataclass(frozen=True)
class Tone:
    """A picture's light: a noun in Korean and English, and the prompt's adjective.

    ``falls`` is False for nouns such as "vivid colours", which cannot fall on a thing.
    """

    korean: str
    english: str
    prompt: str
    falls: bool = True


_NEUTRAL: Final = (
    Tone("어슴푸레한 빛", "low light", "shadowy"),
    Tone("차분한 빛", "soft light", "calm"),
    Tone("맑고 환한 빛", "clear, bright light", "clear"),
)
_COLOURLESS: Final = (
    Tone("어두운 흑백 톤", "dark greys", "dusky", falls=False),
    Tone("담백한 흑백 톤", "muted greys", "quiet", falls=False),
    Tone("밝은 흑백 톤", "pale greys", "pale", falls=False),
)
_VIVID: Final = (
    Tone("짙은 색감", "deep colours", "deep-coloured", falls=False),
    Tone("선명한 색감", "vivid colours", "vivid", falls=False),
    Tone("화사한 색감", "bright colours", "brilliant", falls=False),
)
_WARM: Final = (
    Tone("은은하고 따뜻한 빛", "dim, warm light", "dim, warm"),
    Tone("따뜻한 빛", "warm light", "warm"),
    Tone("환하고 포근한 빛", "soft, warm light", "bright, gentle"),
)
_COOL: Final = (
    Tone("어둡고 푸르스름한 빛", "dim, bluish light", "deep, bluish"),
    Tone("서늘한 빛", "cool light", "cool"),
    Tone("맑고 시원한 빛", "clear, cool light", "clear, fresh"),
)


def tone_of(m: Measurements) -> Tone:
    """Return the kind of light."""
    shade = 0 if m.lightness < 0.36 else 1 if m.lightness < 0.66 else 2
    if m.saturation < 0.025:
        return _COLOURLESS[shade]
    if m.saturation > 0.13:
        return _VIVID[shade]
    return (_WARM if m.warmth > 0.25 else _COOL if m.warmth < -0.25 else _NEUTRAL)[shade]


def palette(m: Measurements) -> tuple[str, str]:
    """Return the two main colours: the largest, and the next one that is not grey, if any."""
    names = [name for name, share in m.colours if share >= 0.06] or [m.colours[0][0]]
    first, others = names[0], [name for name in names[1:] if {names[0], name} not in _ALIKE]
    lively = [name for name in others if name not in DULL]
    return first, (*lively, *others, first)[0]


def light_colours(subject: Subject, m: Measurements) -> tuple[str, str]:
    """Return the colour of the light and another; the first is typical of the theme, otherwise not grey."""
    first, second = palette(m)
    family = _FAMILIES.get(subject.concept.theme, ())
    makers = [name for name, _ in m.colours if name in family]
    if makers:
        return makers[0], first if first != makers[0] else second
    return (second, first) if first in _GREYS else (first, second)


def english_colour(name: str) -> str:
    """Return the colour as an English noun."""
    return COLOUR_NAMES[name][2].replace("-", " ")
