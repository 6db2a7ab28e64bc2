"""Score a describer: nouns (right, vague or wrong), the side of the mood, and comparisons of pictures."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from localcloud.openai.describer.describer import Describer, Request
from localcloud.openai.describer.evaluation.expectations import ORDERS, Expectation, Measure, Side
from localcloud.openai.describer.evaluation.variants import VARIANTS, varied
from localcloud.openai.describer.recognition import Subject

Verdict = Literal["right", "vague", "wrong"]

# Light themes that claim a content; the others describe only colour and brightness.
_CLAIMS: Final = frozenset({"starlight", "page", "grain", "plain"})
_CALM_BELOW: Final = 0.45
_CLEARLY: Final = 0.05


@dataclass(frozen=True)
class Score:
    """The score of one picture; ``ms`` is the time of the description."""

    expectation: Expectation
    subject: Subject
    brief: Mapping[str, Any]
    verdict: Verdict
    mood_fits: bool
    ms: float

    @property
    def said(self) -> str:
        """The English noun, in brackets if only the light was described."""
        english = self.subject.concept.english
        return english if self.subject.named else f"({english})"


def score(describer: Describer, expectation: Expectation, image: bytes | None = None) -> Score:
    """Describe and score a picture, or ``image``, a variant of it."""
    given = expectation.image() if image is None else image
    started = time.perf_counter()
    sight = describer.look(given)
    brief = describer.brief(sight, Request("ko"))
    ms = (time.perf_counter() - started) * 1000
    fits = _on_side(brief["valence"], expectation.valence, 0.0) and _on_side(
        brief["energy"], expectation.energy, _CALM_BELOW
    )
    return Score(expectation, sight.subject, brief, verdict(sight.subject, expectation), fits, ms)


def verdict(subject: Subject, expectation: Expectation) -> Verdict:
    """Return the verdict on a subject: its nouns, or a light theme that claims a content, have to be expected."""
    if subject.named:
        nouns = {subject.concept.english} | ({subject.companion.english} if subject.companion else set())
        return "right" if nouns <= expectation.nouns else "wrong"
    if subject.concept.theme in expectation.lights:
        return "right"
    return "wrong" if subject.concept.theme in _CLAIMS else "vague"


def _on_side(value: float, side: Side, middle: float) -> bool:
    return side == "any" or (value < middle) == (side == "low")


@dataclass(frozen=True)
class Order:
    """A comparison of two pictures: ``lower`` has to score lower than ``higher``."""

    measure: Measure
    lower: Score
    higher: Score

    @property
    def holds(self) -> bool:
        """Tell whether the first scores clearly lower."""
        gap: float = self.higher.brief[self.measure] - self.lower.brief[self.measure]
        return gap >= _CLEARLY


def orders(scores: Mapping[str, Score]) -> list[Order]:
    """Return all comparisons for the scores by name."""
    return [Order(measure, scores[lower], scores[higher]) for measure, lower, higher in ORDERS]


@dataclass(frozen=True)
class Drift:
    """The change of one picture's score in one variant."""

    variant: str
    plain: Score
    changed: Score

    @property
    def valence(self) -> float:
        """The change of valence, 0 to 2."""
        return abs(float(self.changed.brief["valence"]) - float(self.plain.brief["valence"]))

    @property
    def noun_kept(self) -> bool:
        """Tell whether the noun is the same."""
        return self.changed.said == self.plain.said


def drifts(describer: Describer, plain: Score) -> Iterator[Drift]:
    """Score all variants of a scored picture."""
    image = plain.expectation.image()
    for variant in VARIANTS:
        yield Drift(variant, plain, score(describer, plain.expectation, varied(image, variant)))
