"""How mood words change the music, in addition to valence and energy."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Bend:
    """``density`` scales the number of notes, ``register`` moves the lead in semitones, ``wet`` scales the reverb."""

    density: float = 1.0
    register: int = 0
    wet: float = 1.0


_BENDS: Final = (
    (("calm", "peaceful", "serene", "tranquil", "gentle", "quiet", "still", "relaxed"), Bend(0.8, 0, 1.1)),
    (("dreamy", "ethereal", "mystical", "magical", "spacious", "cosmic"), Bend(0.85, 3, 1.5)),
    (("playful", "cheerful", "joyful", "happy", "lively", "whimsical", "bright"), Bend(1.15, 3, 0.85)),
    (("sad", "melancholic", "lonely", "somber", "wistful", "nostalgic", "bittersweet"), Bend(0.85, -2, 1.15)),
    (("dark", "mysterious", "ominous", "tense", "brooding", "eerie"), Bend(0.9, -4, 1.25)),
    (("epic", "majestic", "heroic", "grand", "triumphant", "powerful"), Bend(1.05, 0, 1.2)),
    (("energetic", "excited", "intense", "driving", "urgent", "wild"), Bend(1.25, 1, 0.8)),
    (("warm", "cozy", "intimate", "tender", "romantic", "soft"), Bend(0.9, -1, 0.9)),
)  # fmt: skip


def bend(moods: Iterable[str]) -> Bend:
    """Return the mean of the moods that are in the table; other words change nothing."""
    found = [each for words, each in _BENDS for mood in moods if mood in words]
    if not found:
        return Bend()
    count = len(found)
    return Bend(
        sum(each.density for each in found) / count,
        round(sum(each.register for each in found) / count),
        sum(each.wet for each in found) / count,
    )
