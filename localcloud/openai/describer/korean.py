"""Korean particles: their form follows the sound that the word before them ends with."""

from typing import Final

_FIRST_SYLLABLE, _LAST_SYLLABLE, _FINALS, _RIEUL = 0xAC00, 0xD7A3, 28, 8
# After a consonant, after a vowel; a format spec may name either.
_PARTICLES: Final = (
    ("은", "는"),
    ("이", "가"),
    ("을", "를"),
    ("과", "와"),
    ("으로", "로"),
    ("이라", "라"),
    ("이에요", "예요"),
)
_BY_FORM: Final = {form: pair for pair in _PARTICLES for form in pair}
# Digits as they are read in Korean: 영 일 이 삼 사 오 육 칠 팔 구.
_DIGIT_FINALS: Final = dict(zip("0123456789", (21, 8, 0, 16, 0, 0, 1, 8, 8, 0), strict=True))
# Latin letters whose Korean names end in a consonant: 엘, 엠, 엔, 알.
_LETTER_FINALS: Final = {"l": 8, "m": 16, "n": 4, "r": 8}


def particle(word: str, form: str) -> str:
    """Return the particle named by either of its forms as it must read after ``word``: ("꽃", "가") gives "이"."""
    after_consonant, after_vowel = _BY_FORM[form]
    final = _final(word)
    if final == 0 or (final == _RIEUL and after_consonant == "으로"):
        return after_vowel
    return after_consonant


class Word(str):
    """A Korean word that takes its particle in a format string: ``f"{Word('꽃'):가}"`` is ``꽃이``."""

    __slots__ = ()

    def __format__(self, form: str) -> str:
        """Append the particle named by ``form``; with no form the word stands alone."""
        return str(self) + particle(self, form) if form else str(self)


def _final(word: str) -> int:
    """Return the number of the last syllable's final consonant, 0 for none."""
    last = word.rstrip(" .,!?\"')]")[-1:].lower()
    if last and _FIRST_SYLLABLE <= ord(last) <= _LAST_SYLLABLE:
        return (ord(last) - _FIRST_SYLLABLE) % _FINALS
    return _DIGIT_FINALS.get(last, _LETTER_FINALS.get(last, 0))
