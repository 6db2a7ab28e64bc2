"""Describe a picture without a recognised thing by its light, colours and layout."""

from localcloud.openai.describer.measurements import Measurements
from localcloud.openai.describer.vocabulary import Concept


def unmistakable(m: Measurements) -> Concept | None:
    """Return the scene of a picture that is no ordinary photograph, such as a page or a starfield, or None."""
    if m.contrast < 0.008 and m.edges < 0.01:
        return _scene("plain", "한 가지 색", "a single colour")
    if m.coherence < 0.3 and m.smooth < 0.3:
        return _scene("grain", "흩날리는 점들", "scattered grains of colour")
    if m.dark > 0.85 and m.sparks > 4 and m.edges < 0.35:
        return _scene("starlight", "흩어진 빛", "scattered lights")
    if m.share("white", "silver", "cream") > 0.75 and m.saturation < 0.03 and m.edges > 0.15 and m.smooth > 0.3:
        return _scene("page", "하얀 지면", "a white page")
    if (m.edges < 0.012 and m.smooth > 0.9 and place(m) is None) or m.dark > 0.97:
        return light_of(m)
    return None


def place(m: Measurements) -> Concept | None:
    """Return the place that the layout shows, open water or a green field, or None."""
    if m.layout.water:
        rough = m.layout.below_texture > 0.03 * m.layout.below[0]
        stormy = rough and m.lightness < 0.45 and m.saturation < 0.06
        return Concept("open water", "수평선", "storm" if stormy else "water")
    return Concept("a green field", "들판", "country") if m.layout.field else None


def light_of(m: Measurements) -> Concept:
    """Return the kind of light; it names no thing."""
    warm = m.share("orange", "red", "yellow", "pink", "purple", "brown")
    blue = m.share("sky", "blue", "teal", "navy")
    green = m.share("green", "lime")
    murky = m.share("slate", "charcoal", "grey", "black", "navy")
    texture = _scene("weave", "촘촘한 결", "a fine texture")
    # The first true condition wins.
    cases = (
        (m.dark > 0.75, _scene("darkness", "짙은 어둠", "deep darkness")),
        (m.coherence < 0.3, _scene("grain", "흩날리는 점들", "scattered grains of colour")),
        (m.edges > 0.25 and m.saturation < 0.055, texture),
        (_hazy(m), _scene("haze", "뿌연 빛", "hazy light")),
        (m.saturation < 0.04 and m.lightness < 0.6 and murky > 0.6, _scene("greyness", "잿빛", "grey light")),
        (green > 0.3 and green >= warm and green * 1.3 >= blue, _scene("greenery", "초록빛", "green light")),
        (warm > 0.3 > blue and _glowing(m), _scene("glow", "물든 빛", "glowing light")),
        (blue > 0.4 and warm < 0.25 and m.saturation > 0.03, _scene("bluespan", "푸른빛", "blue light")),
        (m.lightness > 0.8, _scene("brightness", "환한 빛", "bright light")),
        (m.edges > 0.25 and m.saturation < 0.09, texture),
    )
    return next((scene for holds, scene in cases if holds), _scene("palette", "번지는 빛깔", "blended colours"))


def _hazy(m: Measurements) -> bool:
    return m.contrast < 0.09 and m.saturation < 0.02 and m.smooth > 0.85 and m.lightness > 0.5


def _glowing(m: Measurements) -> bool:
    return m.saturation > 0.06 and m.smooth > 0.45 and m.edges < 0.15


def _scene(theme: str, korean: str, english: str) -> Concept:
    return Concept(english, korean, theme)
