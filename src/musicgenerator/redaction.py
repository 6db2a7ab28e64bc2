"""Texts without what gives access: ids of sessions, their secrets, codes of moves, results tokens and signatures.

An id becomes its kind and the first digits of its hash, so that lines about the same session can be found.
"""

import hashlib
import re
from typing import Final

from musicgenerator.errors import BriefError, MusicgeneratorError
from musicgenerator.ids import announced_track

# In JSON text, `\r` before an id is a carriage return, not the first letter of a token; a backslash before a token
# hides nothing, because a token has only 26 characters behind its `r`.
_SECRETS: Final = re.compile(
    r"(?P<secret>k[a-z2-7]{52})|(?P<session>s[a-z2-7]{26})|(?P<token>(?!(?<=\\)r[a-z2-7]{27})r[a-z2-7]{26})"
    r"|(?P<move>m[a-z2-7]{26})|(?P<signature>(?<=Signature=)[0-9A-Za-z%+/=_-]{16,})"
)
_DIGITS: Final = 8


def redacted(text: str) -> str:
    """Return a text in which ids and secrets are replaced; track ids stay."""
    return _SECRETS.sub(_replaced, text)


def object_for_log(name: str) -> str:
    """Return an object's name if it has only a track's id, otherwise its hash: people name the files that they drop."""
    return name if announced_track(name) else f"object-{short_hash(name)}"


def error_for_log(error: MusicgeneratorError) -> str:
    """Return what a log line may say about an error: a BriefError may quote what a person or a model wrote."""
    return f"{error.field} is not valid" if isinstance(error, BriefError) else str(error)


def short_hash(text: str) -> str:
    """Return the first digits of a text's SHA-256."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]


def _replaced(match: re.Match[str]) -> str:
    kind = str(match.lastgroup)
    return kind.upper() if kind in {"secret", "move", "signature"} else f"{kind}-{short_hash(match[0])}"
