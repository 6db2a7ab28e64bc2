"""Format log lines for the terminal."""

import json
from typing import Final

_LENGTH: Final = 160


def readable(line: str) -> str | None:
    """Return a short form of a log line, or None if it is empty; JSON lines show their message and fields."""
    text = line.strip()
    if not text:
        return None
    if text.startswith("{"):
        try:
            fields = json.loads(text)
            message = fields.pop("message")
        except (ValueError, KeyError):
            return text[:_LENGTH]
        for unread in ("time", "logging.googleapis.com/trace"):
            fields.pop(unread, None)
        mark = {"ERROR": "! ", "WARNING": "~ "}.get(fields.pop("severity", ""), "")
        text = f"{mark}{message}" + "".join(f"  {name}={value}" for name, value in fields.items())
    return text if len(text) <= _LENGTH else text[: _LENGTH - 1] + "…"
