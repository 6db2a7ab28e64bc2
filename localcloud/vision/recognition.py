# ruff: noqa: PLR2004  thresholds found on pictures stand best where they decide
"""What a picture shows: a thing both nets can stand for, a broader word, or else only its light and colours.

A wrong noun is worse than none.
ImageNet's classifier overrules the detector, which calls a yellow flower a banana;
the detector alone names only what ImageNet has no class for, or what it is very sure of.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from localcloud.vision.measurements import Measurements
from localcloud.vision.nets import Detection, Floats, overlap
from localcloud.vision.vocabulary import BROADER, THEMES, Concept, concepts

_SURE: Final = 0.35
# ImageNet's insects sit on leaves and flowers, so that a bare leaf is half a ladybird to it; a texture is half a ball.
_SURE_OF: Final = {"insect": 0.6, "sport": 0.6}
_SURE_IN_HAZE: Final = 0.6
_HAZE: Final = 0.08
_BROADLY_SURE: Final = 0.55
_VERY_SURE: Final = 0.85
_COMPANION: Final = 0.6
_SUPPORT: Final = 0.05
_CLEARLY: Final = 1.8
_COUNTED: Final = 0.45
CROWD: Final = 3


@dataclass(frozen=True)
class Subject:
    """What the words are about; ``named`` is False when they are about light and colour only."""

    concept: Concept
    confidence: float
    named: bool
    detection: Detection | None = None
    companion: Concept | None = None
    count: int = 1
    companions: int = 1


def recognise(probabilities: Floats, detections: Sequence[Detection], light: Measurements) -> Subject:
    """Decide what the picture shows from 1,000 ImageNet probabilities, the detections and its measurements."""
    scene = _unmistakable_light(light)
    if scene is not None:
        return Subject(scene, 1.0, named=False)
    support = {concept: float(probabilities[list(concept.imagenet)].sum()) for concept in concepts()}
    seen = _seen(detections)
    scores = {concept: _evidence(concept, support[concept], seen.get(concept)) for concept in support}
    winner = max(scores, key=lambda concept: scores[concept])
    sure = max(_SURE_OF.get(winner.theme, _SURE), _SURE_IN_HAZE if light.contrast < _HAZE else 0)
    if scores[winner] >= sure and _unrivalled(winner, probabilities, support, seen):
        closer = _said_more_closely(winner, support)
        companion = _companion(winner, seen, support)
        return Subject(
            closer,
            scores[winner],
            named=True,
            detection=seen.get(closer) or seen.get(winner),
            companion=companion,
            count=_count(winner, detections),
            companions=_count(companion, detections) if companion is not None else 1,
        )
    kin = _broader(support)
    if kin is not None:
        return Subject(BROADER[kin[0]], kin[1], named=True)
    return Subject(_light(light), 1 - scores[winner], named=False)


def is_crowd(subject: Subject) -> bool:
    """Tell whether several of the same were seen."""
    return subject.count >= CROWD


def _seen(detections: Sequence[Detection]) -> dict[Concept, Detection]:
    """Return the surest detection of every thing that was detected."""
    by_coco = {concept.coco: concept for concept in concepts() if concept.coco is not None}
    best: dict[Concept, Detection] = {}
    for detection in detections:
        if detection.coco_class in by_coco:
            best.setdefault(by_coco[detection.coco_class], detection)
    return best


def _evidence(concept: Concept, support: float, seen: Detection | None) -> float:
    score = seen.score if seen else 0.0
    if not concept.imagenet:  # ImageNet cannot contradict
        return score * (0.85 if concept.theme == "person" else 0.6)
    if score >= _VERY_SURE:
        return max(support, score * 0.85)
    return 1 - (1 - support) * (1 - 0.6 * score) if support >= _SUPPORT else support


def _unrivalled(
    winner: Concept, probabilities: Floats, support: dict[Concept, float], seen: dict[Concept, Detection]
) -> bool:
    """Tell whether nothing else is nearly as likely; what a detector saw need not ask the classifier."""
    if winner in seen and (seen[winner].score >= _COMPANION or not winner.imagenet):
        return True
    named = [index for concept in support for index in concept.imagenet]
    nameless = np.delete(probabilities, named).max()
    rival = max(nameless, *(value for concept, value in support.items() if concept is not winner))
    return bool(support[winner] >= _CLEARLY * rival)


def _said_more_closely(winner: Concept, support: dict[Concept, float]) -> Concept:
    """Return what the classifier is sure of when the detector won with a plainer word: coffee rather than a cup."""
    closest = max(support, key=lambda concept: support[concept])
    return closest if support[closest] >= _SURE and closest.theme == winner.theme else winner


def _count(concept: Concept, detections: Sequence[Detection]) -> int:
    """Return how many of a thing were surely seen, at least one."""
    return max(sum(seen.coco_class == concept.coco and seen.score >= _COUNTED for seen in detections), 1)


def _companion(winner: Concept, seen: dict[Concept, Detection], support: dict[Concept, float]) -> Concept | None:
    """Return a second thing beside the first: surely seen, in another place than the first, and a noun of its own."""
    if winner not in seen:
        return None
    for concept, other in sorted(seen.items(), key=lambda pair: -pair[1].score):
        trusted = not concept.imagenet or support[concept] >= _SUPPORT or other.score >= _VERY_SURE
        apart = overlap(seen[winner], other) < _COMPANION
        if concept is not winner and trusted and apart and other.score >= _COMPANION:
            return concept
    return None


def _broader(support: dict[Concept, float]) -> tuple[str, float] | None:
    """Return the broader word that most of the classifier's belief agrees on."""
    sums: dict[str, float] = {}
    for concept, value in support.items():
        kin = THEMES[concept.theme].kin
        if kin is not None:
            sums[kin] = sums.get(kin, 0.0) + value
    kin, total = max(sums.items(), key=lambda pair: pair[1])
    return (kin, total) if total >= _BROADLY_SURE else None


def _scene(theme: str, korean: str, english: str) -> Concept:
    return Concept(english, korean, theme)


def _unmistakable_light(m: Measurements) -> Concept | None:
    """Return the scene when the pixels leave nothing for a net trained on photographs to see."""
    if m.contrast < 0.008 and m.edges < 0.01:
        return _scene("plain", "한 가지 색", "a single colour")
    if m.coherence < 0.3 and m.smooth < 0.3:
        return _scene("grain", "흩날리는 점들", "scattered grains of colour")
    if m.dark > 0.85 and m.sparks > 4 and m.edges < 0.35:
        return _scene("starlight", "흩어진 빛", "scattered lights")
    if m.share("white", "silver", "cream") > 0.75 and m.saturation < 0.03 and m.edges > 0.15 and m.smooth > 0.3:
        return _scene("page", "하얀 지면", "a white page")
    if (m.edges < 0.012 and m.smooth > 0.9) or m.dark > 0.97:
        return _light(m)
    return None


def _light(m: Measurements) -> Concept:  # noqa: PLR0911  a table of cases
    """Return what the light itself looks like; a comparison at most, never a thing."""
    warm = m.share("orange", "red", "yellow", "pink", "purple")
    blue = m.share("sky", "blue", "teal", "navy")
    green = m.share("green", "lime")
    if m.dark > 0.75:
        return _scene("darkness", "짙은 어둠", "deep darkness")
    if m.coherence < 0.3:
        return _scene("grain", "흩날리는 점들", "scattered grains of colour")
    if m.edges > 0.25 and m.saturation < 0.055:
        return _scene("weave", "촘촘한 결", "a fine texture")
    if m.saturation < 0.055 and m.lightness < 0.6 and m.share("slate", "charcoal", "grey", "black", "navy") > 0.6:
        return _scene("greyness", "잿빛", "grey light")
    if green > 0.3 and green >= warm and green * 1.3 >= blue:
        return _scene("greenery", "초록빛", "green light")
    if warm > 0.3 and m.saturation > 0.06 and m.smooth > 0.45 and warm > blue:
        return _scene("glow", "물든 빛", "glowing light")
    if blue > 0.4 and m.saturation > 0.03:
        return _scene("bluespan", "푸른빛", "blue light")
    if m.lightness > 0.8:
        return _scene("brightness", "환한 빛", "bright light")
    if m.edges > 0.25:
        return _scene("weave", "촘촘한 결", "a fine texture")
    return _scene("palette", "번지는 빛깔", "blended colours")
