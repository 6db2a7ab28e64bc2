"""Structured log lines as Cloud Logging reads them from standard output: one JSON object a line.

A line about a track, by its `track` or its `job`, carries a trace that is derived from the track's id. So Cloud Logging
joins what all functions, the pipeline and every later delivery say about one picture, with nothing to be handed on.
"""

import hashlib
import json
import os
import re
import sys
from datetime import UTC, datetime
from typing import Any, Final

from musicgenerator.ids import TRACK_PATTERN

_TRACE: Final = "logging.googleapis.com/trace"
_TRACK: Final = re.compile(TRACK_PATTERN)


def info(message: str, **fields: Any) -> None:
    """Log an ordinary step, its facts as fields."""
    _write("INFO", message, fields)


def warning(message: str, **fields: Any) -> None:
    """Log something that an operator may want to see."""
    _write("WARNING", message, fields)


def error(message: str, **fields: Any) -> None:
    """Log something that an operator must see."""
    _write("ERROR", message, fields)


def trace_of(track: str) -> str:
    """Return the trace id that stands for a track: 32 hexadecimal digits."""
    return hashlib.sha256(f"trace {track}".encode()).hexdigest()[:32]


def _write(severity: str, message: str, fields: dict[str, Any]) -> None:
    line = {"severity": severity, "message": message, "time": datetime.now(UTC).isoformat()} | _trace(fields) | fields
    text = json.dumps(line, ensure_ascii=False, default=str)
    # A stranger's text may hold half a character, which no encoding has.
    sys.stdout.write(text.encode(errors="replace").decode() + "\n")
    sys.stdout.flush()


def _trace(fields: dict[str, Any]) -> dict[str, str]:
    # The project is the platform's own variable; where it is not set, the track's id alone joins the lines.
    project = os.environ.get("GOOGLE_CLOUD_PROJECT")
    found = _TRACK.search(f"{fields.get('track', '')} {fields.get('job', '')}")
    return {_TRACE: f"projects/{project}/traces/{trace_of(found[0])}"} if project and found else {}
