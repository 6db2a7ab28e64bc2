"""Read what a MIDI file or a MusicXML document says of itself: a text, because neither can carry a signature."""

import html
import re
from typing import Final

# By the first bytes of a file, because names are often wrong.
_MIDI: Final = b"MThd"
_XML: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*<")
_ROOT: Final = re.compile(rb"<score-(?:partwise|timewise)\b")
# A meta event with a text of up to 127 bytes; the bytes may also be a part of another event.
_TEXT_EVENT: Final = re.compile(rb"\xff\x01([\x00-\x7f])")
_FIELD: Final = re.compile(rb"<miscellaneous-field name=\"AI-generated\">([^<]{1,1000})<")
_START: Final = "AI-generated"


def lines(name: str, data: bytes) -> list[str]:
    """Return the lines that show what a MIDI file or a MusicXML document says, or none for other files."""
    if data.startswith(_MIDI):
        kind, text = "MIDI", _midi_text(data)
    elif _XML.match(data) and _ROOT.search(data):
        kind, text = "MusicXML", _score_text(data)
    else:
        return []
    shown = [f"{name} ({kind})", "  content credentials: none, because this kind of file cannot carry them"]
    if not text:
        return [*shown, "  text: nothing says that it is AI-generated"]
    return [*shown, f"  text: {text}", "    a statement without a signature: anybody can write or change it"]


def _midi_text(data: bytes) -> str:
    for event in _TEXT_EVENT.finditer(data):
        text = data[event.end() : event.end() + event[1][0]].decode("latin-1")
        if text.startswith(_START):
            return text
    return ""


def _score_text(data: bytes) -> str:
    field = _FIELD.search(data)
    return html.unescape(field[1].decode("utf-8", "replace")).strip() if field else ""
