"""Find wishes for the music in a user's style and hint, in Korean or English; nothing else in them has an effect."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from localcloud.openai.describer.tables import read
from localcloud.openai.describer.vocabulary import MOODS, STYLES
from musicgenerator.briefs import INSTRUMENTS

_MAX_OF_EACH: Final = 3

# Negations: before an English word, after a Korean one.
_NOT_BEFORE: Final = re.compile(
    r"(?:\b(?:not|no|never|without|avoid|less|nothing|don't want|isn't|aren't|don't)"
    r"(?:\s+(?:too|so|very|really|any|a|an|the|that|be|sound|make|it|use|want|to|[a-z-]+,? (?:or|nor)))*[\s-]+"
    r"|(?<![가-힣])안\s+)$"
)
_NOT_AFTER: Final = re.compile(
    r"[가-힣]{0,2}지\s?[는도만]?\s?(?:않|말|마|못)"
    r"|[가-힣]{0,2}\s?(?:건|거|것|느낌|분위기|음악|소리)?[은는이가도을를]?\s?"
    r"(?:말고|말아|빼고|빼줘|빼 |없이|없는|없었|아니|아닌|싫|제외)"
)


@dataclass(frozen=True)
class _Asking:
    """The words of ``wishes.toml`` that ask for a pace, and for an instrument."""

    faster: tuple[str, ...]
    slower: tuple[str, ...]
    instruments: Mapping[str, str]


_ASKING: Final = read("wishes.toml", _Asking)


@dataclass(frozen=True)
class Wishes:
    """What the user wants and does not want."""

    genres: tuple[str, ...] = ()
    moods: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    pace: float = 0.0
    """-1 for slower, 1 for faster."""
    not_genres: tuple[str, ...] = ()
    not_moods: tuple[str, ...] = ()
    not_instruments: tuple[str, ...] = ()

    @classmethod
    def read(cls, style: str, hint: str) -> "Wishes":
        """Find genres, moods, instruments and pace, and their negations; the style comes before the hint."""
        style, hint = style.lower(), hint.lower()
        text = f"{style}\n{hint}"
        styled, not_styled = _sorted_out((name, style, genre.words) for name, genre in STYLES.items())
        hinted, not_hinted = _sorted_out((name, hint, genre.words) for name, genre in STYLES.items())
        genres, refused = [*styled, *hinted], {*not_styled, *not_hinted}
        names = sorted(INSTRUMENTS, key=len, reverse=True)
        words = [*((name, name) for name in names), *_ASKING.instruments.items()]
        players, not_players = _sorted_out((name, text, (word,)) for word, name in _unshadowed(text, words))
        if not genres and "piano" in players and _sorted_out([("piano", style, ("피아노", "piano"))])[0]:
            genres = ["classical piano"]
        if "acoustic guitar" in not_players:
            not_players += [name for name in INSTRUMENTS if name.endswith("guitar") and name not in players]
        moods, not_moods = _sorted_out((name, text, mood.words) for name, mood in MOODS.items())
        pace, not_pace = _sorted_out([("faster", text, _ASKING.faster), ("slower", text, _ASKING.slower)])
        quick = ("faster" in pace) + ("slower" in not_pace) - ("slower" in pace) - ("faster" in not_pace)
        return cls(
            genres=tuple(dict.fromkeys(genres)),
            moods=tuple(moods),
            instruments=tuple(dict.fromkeys(players))[:_MAX_OF_EACH],
            pace=float(max(min(quick, 1), -1)),
            not_genres=tuple(sorted(refused - set(genres))),
            not_moods=tuple(not_moods),
            not_instruments=tuple(dict.fromkeys(not_players)),
        )


def _unshadowed(text: str, words: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield the words of a text that are not only the end of a longer word already found."""
    found: list[str] = []
    for word, name in words:
        rest = text
        for longer in found:
            rest = rest.replace(longer, "") if word != longer else rest
        if any(True for _ in _occurrences(rest, word)):
            found.append(word)
            yield word, name


def _sorted_out(choices: Iterable[tuple[str, str, Iterable[str]]]) -> tuple[list[str], list[str]]:
    """Split names into wanted and refused; a name that is wanted in one place and refused nowhere is wanted."""
    asked: list[str] = []
    refused: list[str] = []
    for name, text, words in choices:
        negated = [_negated(text, start, end) for word in words for start, end in _occurrences(text, word)]
        if negated:
            (refused if all(negated) else asked).append(name)
    return asked, [name for name in refused if name not in asked]


def _occurrences(text: str, word: str) -> Iterator[tuple[int, int]]:
    """Yield the positions of an English word or a Korean stem; a stem of one syllable has to begin a word."""
    if word.isascii():
        pattern = rf"(?<![a-z]){re.escape(word)}(?![a-z])"
    else:
        pattern = re.escape(word) if len(word) > 1 else rf"(?<![가-힣]){re.escape(word)}"
    return (match.span() for match in re.finditer(pattern, text))


def _negated(text: str, start: int, end: int) -> bool:
    line = text.rfind("\n", 0, start) + 1
    return _NOT_BEFORE.search(text[line:start]) is not None or _NOT_AFTER.match(text, end) is not None
