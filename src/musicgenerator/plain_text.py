"""Turn untrusted text, by people or models, into plain text before it is stored or shown."""

import re
import unicodedata
from typing import Final

# Common endings of hosts, in any case. Words that often begin a sentence are not among them, because people forget the
# space in "the sea.It is calm".
_ENDINGS: Final = (
    *("com", "net", "org", "edu", "gov", "info", "biz", "pro", "mobi", "asia", "xxx", "onion", "example", "test"),
    *("io", "ai", "co", "kr", "me", "tv", "cc", "ly", "gg", "gl", "ru", "cn", "jp", "de", "uk", "fr", "eu", "ca", "nl"),
    *("es", "ch", "pl", "br", "au", "nz", "hk", "tw", "sg", "vn", "tk", "ml", "ga", "cf", "gq", "ws", "su", "ua", "tr"),
    *(
        "app",
        "dev",
        "xyz",
        "top",
        "site",
        "online",
        "shop",
        "store",
        "club",
        "live",
        "icu",
        "vip",
        "bid",
        "loan",
        "zip",
    ),
    *("link", "click", "blog", "cloud", "tech", "website", "casino", "porn", "adult", "cam", "mov", "cyou", "monster"),
    *("한국", "닷컴", "닷넷", "삼성", "рф", "中国", "中國", "公司", "网络", "コム", "みんな"),
)
# Full stops of other scripts, which browsers read as dots.
_DOTS: Final = re.compile("[\u3002\uff0e\uff61]")
# Matched against one word at a time: a scheme, a mail address, a bare host with a usual ending or a path or port, or an
# internationalized one. Two lower-case words with only a dot between them are a host with any short ending.
_ADDRESS: Final = re.compile(
    r"""(?ix)
    :// | (?<![a-z])(?:javascript|vbscript|data|file|mailto|tel|sms|intent):\S | (?<![a-z])www\d?\.
    | [^@\s]@[^@\s]+\.\w | \w\.[^\W\d_]{2,24}(?:/|:\d) | \d(?:\.\d{1,3}){3} | \[[0-9a-f:]+\] | (?<![a-z])xn--
    | (?-i:(?<![\w.-])(?!(?:feat|ft|prod|vol|ver|no|op|vs|etc)\.)[a-z0-9][a-z0-9-]+\.[a-z]{2,8}(?![A-Za-z0-9_]))
    | \w\.(?:"""
    + "|".join(_ENDINGS)
    + r""")(?![a-z0-9_])
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
    forms = (word, unicodedata.normalize("NFKC", word))
    return any(_ADDRESS.search(_DOTS.sub(".", form)) for form in forms)


def _gap(char: str) -> str:
    # A control or separator splits words; an invisible format character does not.
    return "" if unicodedata.category(char) == "Cf" else " "
