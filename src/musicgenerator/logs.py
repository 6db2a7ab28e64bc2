"""Structured log lines as Cloud Logging reads them from standard output: one JSON object a line."""

import json
import sys
from typing import Any


def info(message: str, **fields: Any) -> None:
    """Log an ordinary step, its facts as fields."""
    _write("INFO", message, fields)


def warning(message: str, **fields: Any) -> None:
    """Log something that an operator may want to see."""
    _write("WARNING", message, fields)


def error(message: str, **fields: Any) -> None:
    """Log something that an operator must see."""
    _write("ERROR", message, fields)


def _write(severity: str, message: str, fields: dict[str, Any]) -> None:
    line = {"severity": severity, "message": message} | fields
    text = json.dumps(line, ensure_ascii=False, default=str)
    # A stranger's text may hold half a character, which no encoding has.
    sys.stdout.write(text.encode(errors="replace").decode() + "\n")
    sys.stdout.flush()
