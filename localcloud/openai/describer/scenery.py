"""Describe a picture without a recognised thing by its light, colours and layout."""

from localcloud.openai.describer.measurements import Measurements
from localcloud.openai.describer.vocabulary import NOUNS, Concept


def unmistakable(m: Measurements) -> Concept | None:
    """Return the scene of a picture that is no ordinary photograph, such as a page or a starfield, or None."""
    if m.contrast < 0.008 and m.edges < 0.01:
        return NOUNS.lights["plain"]
    if m.coherence < 0.3 and m.smooth < 0.3:
        return NOUNS.lights["grain"]
    if m.dark > 0.85 and m.sparks > 4 and m.edges < 0.35:
        return NOUNS.lights["starlight"]
    if m.share("white", "silver", "cream") > 0.75 and m.saturation < 0.03 and m.edges > 0.15 and m.smooth > 0.3:
        return NOUNS.lights["page"]
    if (m.edges < 0.012 and m.smooth > 0.9 and place(m) is None) or m.dark > 0.97:
        return light_of(m)
    return None


def place(m: Measurements) -> Concept | None:
    """Return the place that the layout shows, open water or a green field, or None."""
    if m.layout.water:
        rough = m.layout.below_texture > 0.03 * m.layout.below[0]
        stormy = rough and m.lightness < 0.45 and m.saturation < 0.06
        return NOUNS.places["rough_water" if stormy else "water"]
    return NOUNS.places["field"] if m.layout.field else None


def light_of(m: Measurements) -> Concept:
    """Return the kind of light; it names no thing."""
    warm = m.share("orange", "red", "yellow", "pink", "purple", "brown")
    blue = m.share("sky", "blue", "teal", "navy")
    green = m.share("green", "lime")
    murky = m.share("slate", "charcoal", "grey", "black", "navy")
    # The first true condition wins.
    cases = (
        (m.dark > 0.75, "darkness"),
        (m.coherence < 0.3, "grain"),
        (m.edges > 0.25 and m.saturation < 0.055, "weave"),
        (_hazy(m), "haze"),
        (m.saturation < 0.04 and m.lightness < 0.6 and murky > 0.6, "greyness"),
        (green > 0.3 and green >= warm and green * 1.3 >= blue, "greenery"),
        (warm > 0.3 > blue and _glowing(m), "glow"),
        (blue > 0.4 and warm < 0.25 and m.saturation > 0.03, "bluespan"),
        (m.lightness > 0.8, "brightness"),
        (m.edges > 0.25 and m.saturation < 0.09, "weave"),
    )
    return NOUNS.lights[next((light for holds, light in cases if holds), "palette")]


def _hazy(m: Measurements) -> bool:
    return m.contrast < 0.09 and m.saturation < 0.02 and m.smooth > 0.85 and m.lightness > 0.5


def _glowing(m: Measurements) -> bool:
    return m.saturation > 0.06 and m.smooth > 0.45 and m.edges < 0.15
