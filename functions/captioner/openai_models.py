"""Which of OpenAI's models are asked, read before their client is loaded: what is set wrongly fails at once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from musicgenerator.settings import SettingInvalidError, required, words

_SCORE: Final = re.compile(r"0|0?\.[0-9]+|1(?:\.0+)?")


@dataclass(frozen=True)
class Models:
    """Which models are asked; ``moderation`` is empty where the server has none.

    ``thresholds`` are scores from 0 to 1 by moderation category; a category without one is left to the API's verdict.
    """

    describer: str
    moderation: str = ""
    thresholds: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read ``OPENAI_MODEL``, ``MODERATION_MODEL`` and ``MODERATION_THRESHOLDS`` ("sexual=0.4 violence=0.9")."""
        thresholds = {}
        for word in words(environ, "MODERATION_THRESHOLDS"):
            category, _, score = word.partition("=")
            # Neither "nan" nor "40": no score would ever reach it.
            if not category or not _SCORE.fullmatch(score):
                raise SettingInvalidError(f"MODERATION_THRESHOLDS: {word!r} is not like sexual=0.4")
            thresholds[category] = float(score)
        return cls(required(environ, "OPENAI_MODEL"), environ.get("MODERATION_MODEL", "").strip(), thresholds)
