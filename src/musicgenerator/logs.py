"""Structured log lines on standard output, one JSON object a line, as Cloud Logging reads them.

A line with a `track` or `job` field carries a trace id derived from the track's id. Cloud Logging groups the lines of
all functions, the pipeline and later deliveries by it, without passing a trace along.
No line has an id or secret that gives access, or the name of a dropped object: `redaction` replaces them.
"""

import hashlib
import json
import logging
import os
import re
import sys
from datetime import UTC, datetime
from typing import Any, Final

from musicgenerator.ids import TRACK_PATTERN
from musicgenerator.redaction import object_for_log, redacted

_TRACE: Final = "logging.googleapis.com/trace"
_TRACK: Final = re.compile(TRACK_PATTERN)
_bound: dict[str, Any] = {}


def info(message: str, **fields: Any) -> None:
    """Log an ordinary step."""
    _write("INFO", message, fields)


def warning(message: str, **fields: Any) -> None:
    """Log something that an operator may want to see."""
    _write("WARNING", message, fields)


def error(message: str, **fields: Any) -> None:
    """Log something that an operator must see."""
    _write("ERROR", message, fields)


def bind(**fields: Any) -> None:
    """Add these fields to every later line of this process."""
    _bound.update(fields)


def redact_libraries() -> None:
    """Let the lines of libraries and frameworks, which log uncaught errors, be redacted too."""
    logging.setLogRecordFactory(_RedactedRecord)


class _RedactedRecord(logging.LogRecord):
    """A record whose message and traceback are redacted."""

    def getMessage(self) -> str:  # noqa: N802  the name of the overridden method
        return redacted(super().getMessage())

    def __setattr__(self, name: str, value: object) -> None:
        # A formatter stores the formatted traceback here.
        object.__setattr__(self, name, redacted(value) if name == "exc_text" and isinstance(value, str) else value)


def trace_of(track: str) -> str:
    """Return the trace id of a track: 32 hexadecimal digits."""
    return hashlib.sha256(f"trace {track}".encode()).hexdigest()[:32]


def _write(severity: str, message: str, fields: dict[str, Any]) -> None:
    fields = _bound | fields
    line = {"severity": severity, "message": message, "time": datetime.now(UTC).isoformat()} | _trace(fields) | fields
    if "object" in line:
        line["object"] = object_for_log(str(line["object"]))
    text = json.dumps(line, ensure_ascii=False, default=str)
    text = redacted(text)
    # Untrusted text may hold a lone surrogate, which cannot be encoded.
    sys.stdout.write(text.encode(errors="replace").decode() + "\n")
    sys.stdout.flush()


def _trace(fields: dict[str, Any]) -> dict[str, str]:
    # The name of a trace contains the project. Without one, the lines still share the track's id.
    project = os.environ.get("GOOGLE_CLOUD_PROJECT")
    found = _TRACK.search(f"{fields.get('track', '')} {fields.get('job', '')}")
    return {_TRACE: f"projects/{project}/traces/{trace_of(found[0])}"} if project and found else {}
