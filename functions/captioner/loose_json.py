"""Reads what is like JSON, as models write it; what `json` reads has the same meaning here."""

import re
from typing import Any, Final

_GAP: Final = r"(?:\s|//[^\n]*|/\*.*?\*/)*"
# A quotation mark ends a text if what follows goes on like an object; a text may have others in it.
_END: Final = r"(?=\s*(?:[,:}\]]|\Z)|\s*\n\s*[\"'])"
_STRINGS: Final = "|".join(
    rf"{begin}(?P<{name}>(?:\\.|(?!{end}{_END}).)*)(?:{end}|\Z)"
    for name, begin, end in (("double", '"', '"'), ("single", "'", "'"), ("curly", "[\u201c\u2018]", "[\u201d\u2019]"))
)
_TOKEN: Final = re.compile(
    rf"{_GAP}(?:(?P<mark>[{{}}\[\]:,])|{_STRINGS}|(?P<word>[^\s,:{{}}\[\]][^,:{{}}\[\]\n]*))", re.DOTALL
)
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_WORDS: Final = {"null": None, "None": None, "true": True, "True": True, "false": False, "False": False}


def loads(text: str) -> dict[str, Any]:
    """Return the fields in the text; numbers are texts, and an object without a name has a number as its name.

    The text may have other quotation marks, names without any, comments, and constants of Python;
    commas and its end may be missing. Of several values of a name, the first that is not empty counts.
    """
    root: dict[str, Any] = {}
    opened: list[Any] = [root]
    names: list[str | None] = [None]
    last: Any = None
    for token in _TOKEN.finditer(text):
        mark = token["mark"]
        if mark == ":":
            names[-1] = str(last)
        elif mark == ",":
            names[-1] = None
        elif mark in {"}", "]"}:
            if len(opened) > 1:
                opened.pop()
                names.pop()
            names[-1] = None
        else:
            last = {"{": {}, "[": []}.get(mark or "") if mark else _scalar(token)
            into = opened[-1]
            if isinstance(into, list):
                into.append(last)
            elif names[-1] is not None or mark:
                name = names[-1] if names[-1] is not None else str(len(into))
                into[name] = into.get(name) or last
                names[-1] = None
            if mark:
                opened.append(last)
                names.append(None)
    return root


def _scalar(token: re.Match[str]) -> object:
    if token["word"] is not None:
        word = token["word"].strip()
        return _WORDS.get(word, word)
    text = token["double"] or token["single"] or token["curly"] or ""
    # A letter may be two escapes.
    return _ESCAPE.sub(_unescaped, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unescaped(escape: re.Match[str]) -> str:
    code = escape[1]
    return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPES.get(code, code)
