"""One track's story, told by every function that had to do with it: ``python -m operations.logs TRACK``.

Of a deployed project (``APP`` is set) the lines come from Cloud Logging, of the local cloud from its log files.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from localcloud.addresses import Addresses
from musicgenerator.ids import is_track_id

_DAYS: Final = 31
_MAX_LINES: Final = 1000
_NOT_FACTS: Final = {"severity", "message", "time", "logging.googleapis.com/trace"}


@dataclass(frozen=True, order=True)
class Line:
    """What one part said, and when."""

    time: str
    part: str
    severity: str
    message: str
    facts: str

    def __str__(self) -> str:
        """Return the line as a person reads it."""
        mark = {"ERROR": "!", "WARNING": "~"}.get(self.severity, " ")
        return f"{self.time[:23]:<23}  {self.part:<28} {mark} {self.message}  {self.facts}".rstrip()


def _line(part: str, fields: dict[str, Any], time: str = "") -> Line:
    facts = "  ".join(f"{name}={value}" for name, value in fields.items() if name not in _NOT_FACTS)
    return Line(str(fields.get("time") or time), part, str(fields.get("severity", "")), str(fields["message"]), facts)


def local_story(logs: Path, track: str) -> list[Line]:
    """Return the lines about a track in the log files of a local cloud."""

    def found() -> Iterator[Line]:
        for file in sorted(logs.glob("*.log")):
            for text in file.read_text(encoding="utf-8", errors="replace").splitlines():
                if track not in text or not text.startswith("{"):
                    continue
                try:
                    fields = json.loads(text)
                except ValueError:
                    continue
                if isinstance(fields, dict) and "message" in fields:
                    yield _line(file.stem, fields)

    return sorted(found())


def deployed_story(track: str) -> list[Line]:
    """Return the lines about a track in the project's logs: whatever names it, wherever in an entry."""
    asked = ["gcloud", "logging", "read", f'"{track}"', f"--freshness={_DAYS}d", "--order=asc"]
    asked += [f"--limit={_MAX_LINES}", "--format=json"]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    return sorted(_entry(entry) for entry in json.loads(done.stdout or "[]"))


def _entry(entry: dict[str, Any]) -> Line:
    labels = entry.get("resource", {}).get("labels", {})
    part = labels.get("service_name") or labels.get("pipeline_job_id") or entry.get("resource", {}).get("type", "")
    payload = dict(entry.get("jsonPayload") or {})
    payload.setdefault("message", entry.get("textPayload") or payload.get("state") or "(no message)")
    payload["severity"] = entry.get("severity", "")
    return _line(str(part), payload, str(entry.get("timestamp", "")))


def main(track: str) -> int:
    """Print the story."""
    if not is_track_id(track):
        print("Say which track: make logs TRACK=t… (27 letters and digits)", file=sys.stderr)
        return 2
    story = (
        deployed_story(track) if os.environ.get("APP") else local_story(Addresses.from_environ().home / "logs", track)
    )
    print("\n".join(map(str, story)) or f"Nothing is known of {track}.")
    return 0 if story else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
