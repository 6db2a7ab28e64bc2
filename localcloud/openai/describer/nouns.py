"""Inflect nouns: articles, plurals and Korean counters."""

from localcloud.openai.describer.recognition import CROWD
from localcloud.openai.describer.vocabulary import NOUNS, Concept


def without_article(noun: str) -> str:
    """Return an English noun without "a", "an" or "several"."""
    return noun.removeprefix("a ").removeprefix("an ").removeprefix("several ")


def is_plural(noun: str) -> bool:
    """Tell whether an English noun, with its article, takes "are"."""
    return not noun.startswith(("a ", "an ")) and (
        noun.endswith("s") or noun in NOUNS.plural_nouns or noun.startswith("several ")
    )


def counted_korean(concept: Concept, count: int) -> str:
    """Return a Korean noun, or several of it with the word that counts it."""
    if concept.theme == "person" and count > 1:
        return "사람들"
    counter = NOUNS.counters.get(concept.english) or NOUNS.counters.get(concept.theme, "개")
    return f"{concept.korean} 여러 {counter}" if count >= CROWD else concept.korean


def counted_english(concept: Concept, count: int) -> str:
    """Return an English noun with its article, or several of it; a noun without an article is not counted."""
    bare = without_article(concept.english)
    if concept.theme == "person" and count > 1:
        return "people"
    return f"several {_plural(bare)}" if count >= CROWD and bare != concept.english else concept.english


def _plural(noun: str) -> str:
    if noun in NOUNS.plurals:
        return NOUNS.plurals[noun]
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{noun[:-1]}ies"
    return noun + ("es" if noun.endswith(("ch", "sh", "s", "x")) else "s")
