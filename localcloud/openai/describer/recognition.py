"""What a picture shows: a thing both nets can stand for, a broader word, or else only its light and colours.

A wrong noun is worse than none.
ImageNet's classifier overrules the detector, which calls a yellow flower a banana;
the detector alone names only what ImageNet has no class for, or what it is very sure of.
What both know but only one sees takes more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from localcloud.openai.describer.measurements import Measurements
from localcloud.openai.describer.nets import Detection, Floats, overlap
from localcloud.openai.describer.scenery import light_of, place, unmistakable
from localcloud.openai.describer.vocabulary import BROADER, THEMES, Concept, concepts

_SURE: Final = 0.35
# ImageNet's insects sit on leaves and flowers, so that a bare leaf is half a ladybird to it; a texture is half a ball.
# Graphics are kites and aeroplanes to the detector; any hill is half a volcano and any meadow half in bloom.
_SURE_OF: Final = {"insect": 0.6, "sport": 0.6, "flight": 0.6}
_SURE_OF_NOUN: Final = {"a volcano": 0.6, "a field of rapeseed": 0.6, "a maze": 0.7} | dict.fromkeys(
    # Any even texture is half of these.
    ("a window blind", "a rug", "velvet", "knitting wool", "a quilt", "a honeycomb", "a wire fence", "a curtain"),
    0.6,
)
# What the detector knows but does not see.
_SURE_UNSEEN: Final = 0.65
_SURE_IN_HAZE: Final = 0.6
_SURE_OF_DRAWINGS: Final = 0.7
_SURER_THAN_THE_LAYOUT: Final = 0.8
_HAZE: Final = 0.08
_BROADLY_SURE: Final = 0.55
_BROADLY_SURE_OUTDOORS: Final = 0.25
_BROADLY_SURE_OF_TEXTURE: Final = 0.75
_VERY_SURE: Final = 0.92
_COMPANION: Final = 0.6
_LARGE: Final = 0.12
_SUPPORT: Final = 0.05
_CLEARLY: Final = 1.8
_COUNTED: Final = 0.45
CROWD: Final = 3


@dataclass(frozen=True)
class Subject:
    """What the words are about; ``named`` is False when they are about light and colour only."""

    concept: Concept
    named: bool
    detection: Detection | None = None
    companion: Concept | None = None
    count: int = 1
    companions: int = 1


def recognise(probabilities: Floats, detections: Sequence[Detection], light: Measurements) -> Subject:
    """Decide what the picture shows from 1,000 ImageNet probabilities, the detections and its measurements."""
    scene = unmistakable(light)
    if scene is not None:
        return Subject(scene, named=False)
    support = {concept: float(probabilities[list(concept.imagenet)].sum()) for concept in concepts()}
    seen = _seen(detections)
    scores = {concept: _evidence(concept, support[concept], seen.get(concept)) for concept in support}
    winner = max(scores, key=lambda concept: scores[concept])
    person = next((concept for concept in seen if concept.theme == "person"), None)
    if person is not None and winner not in seen and seen[person].score >= _COMPANION and seen[person].area > _LARGE:
        winner = person
    ground = place(light)
    doubtful = winner not in seen and scores[winner] < _SURER_THAN_THE_LAYOUT
    if ground is not None and doubtful:
        return Subject(ground, named=True)
    agreed = not _contested(winner, seen)
    if agreed and scores[winner] >= _sure(winner, light, seen) and _unrivalled(winner, probabilities, support, seen):
        closer = _said_more_closely(winner, support)
        companion = _companion(winner, seen, support)
        return Subject(
            closer,
            named=True,
            detection=seen.get(closer) or seen.get(winner),
            companion=companion,
            count=_count(winner, detections),
            companions=_count(companion, detections) if companion is not None else 1,
        )
    kin = _broader(support, light)
    if kin is not None:
        return Subject(BROADER[kin], named=True)
    return Subject(light_of(light), named=False)


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
        worn = concept.theme == "clothes"  # by somebody, not beside them
        if concept is not winner and not worn and trusted and apart and other.score >= _COMPANION:
            return concept
    return None


def _contested(winner: Concept, seen: dict[Concept, Detection]) -> bool:
    """Tell whether the detector, which knows the winner too, sees a thing of the same kind in its place."""
    if winner in seen or winner.coco is None:
        return False
    kin = THEMES[winner.theme].kin
    return any(THEMES[other.theme].kin == kin and found.score >= _COMPANION for other, found in seen.items())


def _sure(winner: Concept, light: Measurements, seen: dict[Concept, Detection]) -> float:
    """Return how much evidence naming a thing takes: more where the nets are known to be fooled."""
    sure = max(_SURE, _SURE_OF.get(winner.theme, 0), _SURE_OF_NOUN.get(winner.english, 0))
    sure = max(sure, _SURE_UNSEEN if winner.coco is not None and winner not in seen else 0)
    sure = max(sure, _SURE_IN_HAZE if light.contrast < _HAZE else 0)
    return max(sure, _SURE_OF_DRAWINGS if light.layout.drawing else 0)


def _broader(support: dict[Concept, float], light: Measurements) -> str | None:
    """Return the broader word that most of the classifier's belief agrees on.

    An open sky speaks for a landscape; what is full of edges may be fur or lawn.
    """
    sums: dict[str, float] = {}
    for concept, value in support.items():
        kin = THEMES[concept.theme].kin
        if kin is not None:
            sums[kin] = sums.get(kin, 0.0) + value
    kin, total = max(sums.items(), key=lambda pair: pair[1])
    sure = _BROADLY_SURE_OF_TEXTURE if light.edges > 0.5 else _BROADLY_SURE
    if kin == "landscape" and light.layout.open_sky:
        sure = _BROADLY_SURE_OUTDOORS
    return kin if total >= sure else None
