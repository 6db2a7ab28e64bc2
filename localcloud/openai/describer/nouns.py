"""Inflect nouns: articles, plurals and Korean counters."""

from typing import Final

from localcloud.openai.describer.recognition import CROWD
from localcloud.openai.describer.vocabulary import Concept

# Nouns that are plural without ending in "s", and plurals that no rule gives.
_PLURALS: Final = frozenset({"people", "ears of grain"})
_IRREGULAR: Final = {
    "sheep": "sheep",
    "fish": "fish",
    "knife": "knives",
    "wolf": "wolves",
    "computer mouse": "computer mice",
}
# Korean counters by theme, and by noun where the theme's is wrong; the default is 개.
_COUNTERS: Final = dict.fromkeys(("pet", "wild", "bird", "sealife", "reptile", "insect"), "마리") | {
    "road": "대",
    "ride": "대",
    "train": "대",
    "boat": "척",
    "a book": "권",
    "a notebook": "권",
    "a comic book": "권",
    "an aeroplane": "대",
}


def without_article(noun: str) -> str:
    """Return an English noun without "a", "an" or "several"."""
    return noun.removeprefix("a ").removeprefix("an ").removeprefix("several ")


def is_plural(noun: str) -> bool:
    """Tell whether an English noun, with its article, takes "are"."""
    return not noun.startswith(("a ", "an ")) and (
        noun.endswith("s") or noun in _PLURALS or noun.startswith("several ")
    )


def counted_korean(concept: Concept, count: int) -> str:
    """Return a Korean noun, or several of it with the word that counts it."""
    if concept.theme == "person" and count > 1:
        return "사람들"
    counter = _COUNTERS.get(concept.english) or _COUNTERS.get(concept.theme, "개")
    return f"{concept.korean} 여러 {counter}" if count >= CROWD else concept.korean


def counted_english(concept: Concept, count: int) -> str:
    """Return an English noun with its article, or several of it; a noun without an article is not counted."""
    bare = without_article(concept.english)
    if concept.theme == "person" and count > 1:
        return "people"
    return f"several {_plural(bare)}" if count >= CROWD and bare != concept.english else concept.english


def _plural(noun: str) -> str:
    if noun in _IRREGULAR:
        return _IRREGULAR[noun]
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{noun[:-1]}ies"
    return noun + ("es" if noun.endswith(("ch", "sh", "s", "x")) else "s")
