"""The texts of a describer's answer: plain words on one line, within their lengths."""

import html
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Final

import brief_words

from musicgenerator import briefs
from musicgenerator.plain_text import plain

# Objects and lists deeper than this are not read.
MAX_DEPTH: Final = 6
# Longer than any text of a brief, so that a text can be cut at the end of a sentence.
MAX_READ: Final = 2_000
_MAX_DERIVED_TITLE: Final = 40
_UNTITLED: Final = {"ko": "이름 없는 곡", "en": "Untitled"}
_QUOTES: Final = "\"'`“”\u2018\u2019«»「」『』《》*_~ "
NOTHING: Final = frozenset({"null", "none", "nil", "n/a", "undefined", "unknown", "nan", "없음"})
_LINK: Final = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)")
_LABEL: Final = re.compile(r"(?:title|제목)\s*[:\uff1a]\s*(?=\S)", re.IGNORECASE)
# Letters, numbers and symbols such as emojis.
_SHOWN: Final = frozenset("LNS")
_SENTENCE_END: Final = re.compile("[.!?。\uff01\uff1f][\"'”\u2019)]?(?=\\s|$)")


def strings(value: object, depth: int = MAX_DEPTH) -> Iterator[str]:
    """Yield the texts and numbers in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, list | dict) and depth:
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from strings(part, depth - 1)


def text_of(fields: Mapping[str, Any], name: str, language: str) -> str:
    """Return a text field of an answer, empty if it says nothing."""
    return _plain(fields.get(name.lower()), language, briefs.LENGTHS[name])


def why_of(value: object, language: str, depth: int = MAX_DEPTH) -> dict[str, str]:
    """Return the sentences of ``why``; one that is missing, or is no text, is left out."""
    said: dict[str, str] = {}
    for name, given in value.items() if isinstance(value, dict) and depth else ():
        word = "".join(char for char in str(name).lower() if char.isalpha())
        reason = brief_words.REASONS.get(brief_words.FIELDS.get(word, word))
        if reason is None:
            said = why_of(given, language, depth - 1) | said
        elif not isinstance(given, int | float):
            said.setdefault(reason, _plain(given, language, briefs.WHY_LENGTH))
    return said


def title_of(title: str, caption: str, language: str) -> str:
    """Return the title without a label, quotation marks or markup; if it shows nothing, the caption's beginning."""
    title = _unquoted(_LABEL.sub("", _unquoted(title), count=1))
    if any(unicodedata.category(char)[0] in _SHOWN for char in title):
        return title
    end = _SENTENCE_END.search(caption)
    first = caption[: end.start()] if end else caption
    return clipped(_unquoted(first), _MAX_DERIVED_TITLE) or _UNTITLED[language]


def clipped(text: str, length: int) -> str:
    """Return a text that is too long up to the end of a sentence, or of a word with an ellipsis."""
    if len(text) <= length:
        return text
    ends = [end.end() for end in _SENTENCE_END.finditer(text[: length + 1]) if length // 2 <= end.end() <= length]
    if ends:
        return plain(text[: ends[-1]], length)
    words, _, _ = text[:length].rpartition(" ")
    return plain((words if len(words) >= length // 2 else text[: length - 1]) + "…", length)


def _plain(value: object, language: str, length: int) -> str:
    chosen = value[language] if isinstance(value, dict) and language in value else value
    text = plain(_LINK.sub(r"\1", html.unescape(" ".join(strings(chosen)))), MAX_READ)
    return "" if text.lower() in NOTHING else clipped(text, length)


def _unquoted(text: str) -> str:
    text = text.lstrip("# ")
    while text and text[0] in _QUOTES and text[-1] in _QUOTES:
        text = text[1:-1].strip()
    return text
