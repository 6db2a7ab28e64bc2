"""Structured log lines on standard output, one JSON object a line, as Cloud Logging reads them.

A line with a `track` or `job` field carries a trace id derived from the track's id. Cloud Logging groups the lines of
all functions, the pipeline and later deliveries by it, without passing a trace along.
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
    """Log an ordinary step."""
    _write("INFO", message, fields)


def warning(message: str, **fields: Any) -> None:
    """Log something that an operator may want to see."""
    _write("WARNING", message, fields)


def error(message: str, **fields: Any) -> None:
    """Log something that an operator must see."""
    _write("ERROR", message, fields)


def trace_of(track: str) -> str:
    """Return the trace id of a track: 32 hexadecimal digits."""
    return hashlib.sha256(f"trace {track}".encode()).hexdigest()[:32]


def _write(severity: str, message: str, fields: dict[str, Any]) -> None:
    line = {"severity": severity, "message": message, "time": datetime.now(UTC).isoformat()} | _trace(fields) | fields
    text = json.dumps(line, ensure_ascii=False, default=str)
    # Untrusted text may hold a lone surrogate, which cannot be encoded.
    sys.stdout.write(text.encode(errors="replace").decode() + "\n")
    sys.stdout.flush()


def _trace(fields: dict[str, Any]) -> dict[str, str]:
    # The name of a trace contains the project. Without one, the lines still share the track's id.
    project = os.environ.get("GOOGLE_CLOUD_PROJECT")
    found = _TRACK.search(f"{fields.get('track', '')} {fields.get('job', '')}")
    return {_TRACE: f"projects/{project}/traces/{trace_of(found[0])}"} if project and found else {}
