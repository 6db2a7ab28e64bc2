"""The models that describe and moderate pictures, read from the environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from musicgenerator.settings import SettingInvalidError, required, words

_SCORE: Final = re.compile(r"0|0?\.[0-9]+|1(?:\.0+)?")


@dataclass(frozen=True)
class Models:
    """The ids of the two models; ``moderation`` is empty if the server has no moderation API.

    ``thresholds`` maps moderation categories to scores from 0 to 1; in other categories the API's flag decides.
    """

    describer: str
    moderation: str = ""
    thresholds: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read ``OPENAI_MODEL``, ``MODERATION_MODEL`` and ``MODERATION_THRESHOLDS`` ("sexual=0.4 violence=0.9").

        Raises SettingMissingError without a model, and SettingInvalidError if a threshold is not a score.
        """
        thresholds = {}
        for word in words(environ, "MODERATION_THRESHOLDS"):
            category, _, score = word.partition("=")
            # No score reaches "nan" or "40", so such a threshold would accept every picture.
            if not category or not _SCORE.fullmatch(score):
                raise SettingInvalidError(f"MODERATION_THRESHOLDS: {word!r} is not of the form sexual=0.4")
            thresholds[category] = float(score)
        return cls(required(environ, "OPENAI_MODEL"), environ.get("MODERATION_MODEL", "").strip(), thresholds)
