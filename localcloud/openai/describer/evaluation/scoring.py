"""Scores a describer against what may be said: right, vague or wrong; the side of the mood; the order of pictures."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from localcloud.openai.describer.describer import Describer, Request
from localcloud.openai.describer.evaluation.expectations import ORDERS, Expectation, Measure, Side
from localcloud.openai.describer.evaluation.variants import VARIANTS, varied
from localcloud.openai.describer.recognition import Subject

Verdict = Literal["right", "vague", "wrong"]

# Light that claims to be something; the other light themes say no more than what colour and brightness show.
_CLAIMS: Final = frozenset({"starlight", "page", "grain", "plain"})
_CALM_BELOW: Final = 0.45
_CLEARLY: Final = 0.05


@dataclass(frozen=True)
class Score:
    """How one picture was described; ``ms`` is the time of a whole description."""

    expectation: Expectation
    subject: Subject
    brief: Mapping[str, Any]
    verdict: Verdict
    mood_fits: bool
    ms: float

    @property
    def said(self) -> str:
        """The noun in English, in brackets where only the light was spoken of."""
        english = self.subject.concept.english
        return english if self.subject.named else f"({english})"


def score(describer: Describer, expectation: Expectation, image: bytes | None = None) -> Score:
    """Describe a picture, or another state of it, and judge what was said."""
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
    """Judge what was named: every noun has to be a listed one; light that claims to be something too."""
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
    """One comparison of two pictures: ``lower`` has to lie below ``higher``."""

    measure: Measure
    lower: Score
    higher: Score

    @property
    def holds(self) -> bool:
        """Tell whether the first lies clearly below the second."""
        gap: float = self.higher.brief[self.measure] - self.lower.brief[self.measure]
        return gap >= _CLEARLY


def orders(scores: Mapping[str, Score]) -> list[Order]:
    """Return every comparison, given the scores by name."""
    return [Order(measure, scores[lower], scores[higher]) for measure, lower, higher in ORDERS]


@dataclass(frozen=True)
class Drift:
    """What became of one picture in one variant."""

    variant: str
    plain: Score
    changed: Score

    @property
    def valence(self) -> float:
        """How far valence moved, 0 to 2."""
        return abs(float(self.changed.brief["valence"]) - float(self.plain.brief["valence"]))

    @property
    def noun_kept(self) -> bool:
        """Tell whether the same was said."""
        return self.changed.said == self.plain.said


def drifts(describer: Describer, plain: Score) -> Iterator[Drift]:
    """Score every variant of a picture that has been scored."""
    image = plain.expectation.image()
    for variant in VARIANTS:
        yield Drift(variant, plain, score(describer, plain.expectation, varied(image, variant)))
