"""Say what in the picture led to tempo, key, instruments and mood, as ``music.py`` has weighed it.

Each reason is the part that weighed most in the direction of the choice. Where a wish decided, it says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from localcloud.openai.describer.korean import Word
from localcloud.openai.describer.measurements import Measurements
from localcloud.openai.describer.music import (
    MIDDLING_ENERGY,
    Music,
    energy_parts,
    light_instrument,
    theme_instrument,
    valence_parts,
)
from localcloud.openai.describer.phrases import PHRASES, Phrases
from localcloud.openai.describer.recognition import Subject
from localcloud.openai.describer.vocabulary import MOODS, NOUNS, STYLES
from localcloud.openai.describer.wishes import Wishes
from localcloud.openai.describer.wording import slot_values

# What weighs less is no reason: of lightness, because a picture that is a little brighter than others is not bright.
_LEAST: Final = 0.03
_LEAST_OF: Final = {"lightness": 0.09}
# From this saturation on, `music.py` chooses the tonic by the hue, too.
_COLOURED: Final = 0.02


@dataclass(frozen=True)
class Reasons:
    """What the music was made from; ``players`` are the instruments that the brief names."""

    subject: Subject
    light: Measurements
    music: Music
    wishes: Wishes
    players: tuple[str, ...]

    def write(self, language: str) -> dict[str, str]:
        """Return a sentence for tempo, key, instruments and mood in "ko" or "en".

        It names no value of the music, because the brief shows the values.
        """
        phrases, mood = PHRASES[language], self.wishes.moods[:1]
        kind, player = self._player()
        slots = slot_values(self.subject, self.light, self.music, language) | {
            "instrument": Word(phrases.instruments[player]),
            "wish": Word(phrases.moods[mood[0]] if mood else ""),
        }

        def said(sentence: str, reason: str = "") -> str:
            clause = phrases.reasons[reason].format(**slots) if reason else ""
            text = phrases.whys[sentence].format(reason=clause, **slots)
            return text[:1].upper() + text[1:]

        return {
            "tempo": said(*self._tempo(phrases)),
            "key": said(*self._key(phrases)),
            "instruments": said(kind),
            "mood": said(self._mood()),
        }

    def _tempo(self, phrases: Phrases) -> tuple[str, str]:
        slowest, fastest = STYLES[self.music.genres[0]].tempo
        is_quick = 2 * self.music.tempo >= slowest + fastest
        pace = "quick" if is_quick else "slow"
        if self.wishes.pace and (self.wishes.pace > 0) == is_quick:
            return f"tempo_{pace}", f"pace_{pace}"
        asked = [MOODS[name].energy >= MIDDLING_ENERGY for name in self.wishes.moods[:1]]
        parts = energy_parts(self.subject, self.light)
        return f"tempo_{pace}", "wish" if asked == [is_quick] else self._strongest(parts, phrases, up=is_quick)

    def _key(self, phrases: Phrases) -> tuple[str, str]:
        is_major = self.music.valence >= 0
        sentence = ("major" if is_major else "minor") + ("_colour" if self.light.saturation > _COLOURED else "_grey")
        asked = [MOODS[name].valence >= 0 for name in self.wishes.moods[:1]]
        parts = valence_parts(self.subject, self.light)
        return sentence, "wish" if asked == [is_major] else self._strongest(parts, phrases, up=is_major)

    def _player(self) -> tuple[str, str]:
        """Return the sentence about the instruments, and the one that it names."""
        seen = NOUNS.instruments.get(self.subject.concept.english) if self.subject.named else None
        suits = "suits_thing" if self.subject.named else "suits_image"
        ranked = [
            *(("wished", name) for name in self.wishes.instruments[:1]),
            *([("seen", seen)] if seen else []),
            ("light", light_instrument(self.light)),
            (suits, theme_instrument(self.subject, self.light)),
            ("style", self.players[0]),
        ]
        return next(reason for reason in ranked if reason[1] in self.players)

    def _mood(self) -> str:
        if self.music.moods[0] in self.wishes.moods:
            return "mood_wish"
        return "mood_thing" if self.subject.named else "mood_image"

    def _strongest(self, parts: Mapping[str, float], phrases: Phrases, *, up: bool) -> str:
        """Return the reason that weighs most in a direction; a picture's theme is one only if a thing is named."""
        sign, end = (1, "more") if up else (-1, "less")
        weights = {name: sign * weight for name, weight in parts.items() if f"{name}_{end}" in phrases.reasons}
        if not self.subject.named:
            del weights["theme"]
        name = max(weights, key=weights.__getitem__)
        return f"{name}_{end}" if weights[name] >= _LEAST_OF.get(name, _LEAST) else "balance"
