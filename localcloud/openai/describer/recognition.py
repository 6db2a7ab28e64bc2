"""Decide what a picture shows: a thing, a broader word, or only light and colours.

A wrong noun is worse than none.
The ImageNet classifier overrules the detector, which calls a yellow flower a banana.
The detector alone names only things without an ImageNet class, or with very high certainty.
A thing that both nets know but only one recognises needs more evidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from localcloud.openai.describer.measurements import Measurements
from localcloud.openai.describer.nets import Detection, Floats, overlap
from localcloud.openai.describer.scenery import light_of, place, unmistakable
from localcloud.openai.describer.vocabulary import NOUNS, THEMES, Concept, concepts

_SURE: Final = 0.35
# The nets report things that do not exist: insects on bare leaves, balls in textures, kites and aeroplanes in
# graphics, volcanoes in hills and rapeseed in meadows. These need more evidence.
_SURE_OF: Final = {"insect": 0.6, "sport": 0.6, "flight": 0.6}
_SURE_OF_NOUN: Final = {"a volcano": 0.6, "a field of rapeseed": 0.6, "a maze": 0.7} | dict.fromkeys(
    # Even textures resemble these.
    ("a window blind", "a rug", "velvet", "knitting wool", "a quilt", "a honeycomb", "a wire fence", "a curtain"),
    0.6,
)
# For a thing that the detector knows but did not find.
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
    """The subject of the texts; ``named`` is False if only light and colours are described."""

    concept: Concept
    named: bool
    detection: Detection | None = None
    companion: Concept | None = None
    count: int = 1
    companions: int = 1


def recognise(probabilities: Floats, detections: Sequence[Detection], light: Measurements) -> Subject:
    """Decide the subject from 1,000 ImageNet probabilities, the detections and the measurements."""
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
        return Subject(NOUNS.broader[kin], named=True)
    return Subject(light_of(light), named=False)


def is_crowd(subject: Subject) -> bool:
    """Tell whether several of the same thing were detected."""
    return subject.count >= CROWD


def _seen(detections: Sequence[Detection]) -> dict[Concept, Detection]:
    """Return the most certain detection of each thing."""
    by_coco = {concept.coco: concept for concept in concepts() if concept.coco is not None}
    best: dict[Concept, Detection] = {}
    for detection in detections:
        if detection.coco_class in by_coco:
            best.setdefault(by_coco[detection.coco_class], detection)
    return best


def _evidence(concept: Concept, support: float, seen: Detection | None) -> float:
    score = seen.score if seen else 0.0
    if not concept.imagenet:  # no ImageNet class can contradict
        return score * (0.85 if concept.theme == "person" else 0.6)
    if score >= _VERY_SURE:
        return max(support, score * 0.85)
    return 1 - (1 - support) * (1 - 0.6 * score) if support >= _SUPPORT else support


def _unrivalled(
    winner: Concept, probabilities: Floats, support: dict[Concept, float], seen: dict[Concept, Detection]
) -> bool:
    """Tell whether nothing else is nearly as likely; a confident detection needs no such check."""
    if winner in seen and (seen[winner].score >= _COMPANION or not winner.imagenet):
        return True
    named = [index for concept in support for index in concept.imagenet]
    nameless = np.delete(probabilities, named).max()
    rival = max(nameless, *(value for concept, value in support.items() if concept is not winner))
    return bool(support[winner] >= _CLEARLY * rival)


def _said_more_closely(winner: Concept, support: dict[Concept, float]) -> Concept:
    """Return the classifier's more specific word if it is sure: coffee instead of the detector's cup."""
    closest = max(support, key=lambda concept: support[concept])
    return closest if support[closest] >= _SURE and closest.theme == winner.theme else winner


def _count(concept: Concept, detections: Sequence[Detection]) -> int:
    """Return how many of a thing were detected with certainty, at least 1."""
    return max(sum(seen.coco_class == concept.coco and seen.score >= _COUNTED for seen in detections), 1)


def _companion(winner: Concept, seen: dict[Concept, Detection], support: dict[Concept, float]) -> Concept | None:
    """Return another thing that was detected with certainty in another place, or None."""
    if winner not in seen:
        return None
    for concept, other in sorted(seen.items(), key=lambda pair: -pair[1].score):
        trusted = not concept.imagenet or support[concept] >= _SUPPORT or other.score >= _VERY_SURE
        apart = overlap(seen[winner], other) < _COMPANION
        worn = concept.theme == "clothes"  # clothes are worn by a person, not another thing
        if concept is not winner and not worn and trusted and apart and other.score >= _COMPANION:
            return concept
    return None


def _contested(winner: Concept, seen: dict[Concept, Detection]) -> bool:
    """Tell whether the detector knows the winner but found another thing of the same kind."""
    if winner in seen or winner.coco is None:
        return False
    kin = THEMES[winner.theme].broader
    return any(THEMES[other.theme].broader == kin and found.score >= _COMPANION for other, found in seen.items())


def _sure(winner: Concept, light: Measurements, seen: dict[Concept, Detection]) -> float:
    """Return the evidence that a noun needs: more where the nets are known to err."""
    sure = max(_SURE, _SURE_OF.get(winner.theme, 0), _SURE_OF_NOUN.get(winner.english, 0))
    sure = max(sure, _SURE_UNSEEN if winner.coco is not None and winner not in seen else 0)
    sure = max(sure, _SURE_IN_HAZE if light.contrast < _HAZE else 0)
    return max(sure, _SURE_OF_DRAWINGS if light.layout.drawing else 0)


def _broader(support: dict[Concept, float], light: Measurements) -> str | None:
    """Return the key of the broader word with most of the classifier's probability, or None.

    An open sky suggests a landscape. A picture full of edges may be fur or grass, so it needs more.
    """
    sums: dict[str, float] = {}
    for concept, value in support.items():
        kin = THEMES[concept.theme].broader
        if kin:
            sums[kin] = sums.get(kin, 0.0) + value
    kin, total = max(sums.items(), key=lambda pair: pair[1])
    sure = _BROADLY_SURE_OF_TEXTURE if light.edges > 0.5 else _BROADLY_SURE
    if kin == "landscape" and light.layout.open_sky:
        sure = _BROADLY_SURE_OUTDOORS
    return kin if total >= sure else None
