"""Korean particles, whose form depends on the last sound of the word before."""

from typing import Final

from localcloud.openai.describer.vocabulary import NOUNS

_FIRST_SYLLABLE, _LAST_SYLLABLE, _FINALS, _RIEUL = 0xAC00, 0xD7A3, 28, 8
_BY_FORM: Final = {form: pair for pair in NOUNS.particles for form in pair}
# Final consonants of the digits' Korean names: 영 일 이 삼 사 오 육 칠 팔 구.
_DIGIT_FINALS: Final = dict(zip("0123456789", (21, 8, 0, 16, 0, 0, 1, 8, 8, 0), strict=True))
# Latin letters whose Korean names end in a consonant: 엘, 엠, 엔, 알.
_LETTER_FINALS: Final = {"l": 8, "m": 16, "n": 4, "r": 8}


def particle(word: str, form: str) -> str:
    """Return the right form of a particle after ``word``, named by either form: ("꽃", "가") gives "이"."""
    after_consonant, after_vowel = _BY_FORM[form]
    final = _final(word)
    if final == 0 or (final == _RIEUL and after_consonant == "으로"):
        return after_vowel
    return after_consonant


class Word(str):
    """A Korean word that adds a particle in a format string: ``f"{Word('꽃'):가}"`` is ``꽃이``."""

    __slots__ = ()

    def __format__(self, form: str) -> str:
        """Append the particle that ``form`` names, or nothing without a form."""
        return str(self) + particle(self, form) if form else str(self)


def _final(word: str) -> int:
    """Return the number of the last syllable's final consonant, or 0 if it ends in a vowel."""
    last = word.rstrip(" .,!?\"')]")[-1:].lower()
    if last and _FIRST_SYLLABLE <= ord(last) <= _LAST_SYLLABLE:
        return (ord(last) - _FIRST_SYLLABLE) % _FINALS
    return _DIGIT_FINALS.get(last, _LETTER_FINALS.get(last, 0))
