"""Words that strangers wrote, people or models, brought down to plain text before they are kept or shown."""

import re
import unicodedata
from typing import Final

# Looked for in one word at a time: a scheme, a mail address, or a bare host of the usual kinds.
_ADDRESS: Final = re.compile(
    r"""(?ix)
    :// | (?<![a-z])(?:javascript|vbscript|data|file|mailto|tel):\S | (?<![a-z])www\.
    | [^@\s]@[^@\s]+\.\w | \w\.[a-z]{2,24}/ | \d(?:\.\d{1,3}){3}
    | \w\.(?:com|net|org|io|ai|co|kr|app|dev|me|info|biz|xyz|ru|cn)(?![a-z0-9_])
    """
)
_MAX_READ: Final = 5_000
_AFTER_LATIN: Final = "\u0250"
_MARKUP: Final = re.compile(r"<[^<>]{0,200}>|[<>`{}\\]|\]\(|!\[")
# Letters, marks, numbers, punctuation, symbols and the plain space; no controls, no direction marks,
_KEPT: Final = frozenset("LMNPS")
# and none of those that are letters, marks or symbols by name but show nothing: fillers, blanks, hidden selectors.
_UNSEEN: Final = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\U000e0100-\U000e01ef]")


def plain(text: str, length: int) -> str:
    """Return the text on one line, without addresses, markup and invisible characters.

    It has at most ``length`` characters; what is cut off at the end is marked by an ellipsis within the length.
    Plain text stays as it is.
    """
    text = "".join(char if unicodedata.category(char)[0] in _KEPT else _gap(char) for char in text[:_MAX_READ])
    text = _without_addresses(unicodedata.normalize("NFC", _UNSEEN.sub("", text)))
    # Once more after the markup, which may have stood before an address; and after the cut, which may have made one.
    text = _without_addresses(_MARKUP.sub(" ", text))
    return text if len(text) <= length else _without_addresses(text[: length - 1].rstrip() + "…")


def is_unicode(text: str) -> bool:
    """Say whether a text can be encoded: JSON can also spell half a character, a lone surrogate."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def is_english(text: str) -> bool:
    """Say whether nine of ten letters are basic Latin and the others accented Latin.

    This distinguishes US English from Korean, though not from French. Lyria 2 refuses texts in other alphabets.
    """
    letters = [char for char in text if char.isalpha()]
    basic = sum(char.isascii() for char in letters)
    return bool(letters) and basic >= 0.9 * len(letters) and all(char < _AFTER_LATIN for char in letters)


def _without_addresses(text: str) -> str:
    return " ".join(word for word in text.split() if not _is_address(word))


def _is_address(word: str) -> bool:
    # As it stands, and as a reader that folds compatibility forms would take it.
    return any(_ADDRESS.search(form) for form in (word, unicodedata.normalize("NFKC", word)))


def _gap(char: str) -> str:
    # A control or separator parts words; an invisible format character inside a word does not.
    return "" if unicodedata.category(char) == "Cf" else " "
