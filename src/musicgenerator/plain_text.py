"""Turn untrusted text, by people or models, into plain text before it is stored or shown."""

import re
import unicodedata
from typing import Final

# Matched against one word at a time: a scheme, a mail address, or a bare host with a usual ending.
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
# Letters, marks, numbers, punctuation and symbols are kept; controls and direction marks are not.
_KEPT: Final = frozenset("LMNPS")
# These are letters, marks or symbols by category but show nothing: fillers, blanks, variation selectors.
_UNSEEN: Final = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\U000e0100-\U000e01ef]")


def plain(text: str, length: int) -> str:
    """Return the text on one line, without addresses, markup and invisible characters.

    The result has at most ``length`` characters; a cut is marked by an ellipsis within them.
    Plain text is returned unchanged.
    """
    text = "".join(char if unicodedata.category(char)[0] in _KEPT else _gap(char) for char in text[:_MAX_READ])
    text = _without_addresses(unicodedata.normalize("NFC", _UNSEEN.sub("", text)))
    # Remove addresses again after each change: markup may have hidden one, and the cut may create one.
    text = _without_addresses(_MARKUP.sub(" ", text))
    return text if len(text) <= length else _without_addresses(text[: length - 1].rstrip() + "…")


def is_unicode(text: str) -> bool:
    """Say whether a text can be encoded: JSON can contain lone surrogates, which cannot."""
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
    # Check the word as written, and as software that applies compatibility normalization reads it.
    return any(_ADDRESS.search(form) for form in (word, unicodedata.normalize("NFKC", word)))


def _gap(char: str) -> str:
    # A control or separator splits words; an invisible format character does not.
    return "" if unicodedata.category(char) == "Cf" else " "
