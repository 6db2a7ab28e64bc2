"""Print the log lines of one track from all functions and the step: ``python -m operations.logs TRACK``.

If the track shares a pipeline job, the lines about the job are printed too, without those about its other tracks.
If ``APP`` is set, the lines come from Cloud Logging; otherwise from the local cloud's files in ``LOG_FOLDER``.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from musicgenerator.ids import is_shared_job, is_track_id
from musicgenerator.settings import required

_DAYS: Final = 31
_JOB: Final = re.compile(r"mg-j\w{26}")
_MAX_LINES: Final = 1000
_SHOWN_APART: Final = {"severity", "message", "time", "logging.googleapis.com/trace"}


@dataclass(frozen=True, order=True)
class Line:
    """One log line of one part."""

    time: str
    part: str
    severity: str
    message: str
    facts: str

    def __str__(self) -> str:
        """Return the line for a terminal."""
        mark = {"ERROR": "!", "WARNING": "~"}.get(self.severity, " ")
        return f"{self.time[:23]:<23}  {self.part:<28} {mark} {self.message}  {self.facts}".rstrip()


def _line(part: str, fields: dict[str, Any], time: str = "") -> Line:
    facts = "  ".join(f"{name}={value}" for name, value in fields.items() if name not in _SHOWN_APART)
    return Line(str(fields.get("time") or time), part, str(fields.get("severity", "")), str(fields["message"]), facts)


def _shared_jobs(lines: Iterable[Line]) -> list[str]:
    return sorted({job for line in lines for job in _JOB.findall(f"{line.part} {line.facts}") if is_shared_job(job)})


def local_lines(folder: Path, track: str) -> list[Line]:
    """Return the lines about a track, and about a job that it shares, in the local cloud's log files."""
    lines = _local_lines(folder, track)
    for job in _shared_jobs(lines):
        lines += _local_lines(folder, job, about_tracks=False)
    return sorted(set(lines))


def _local_lines(folder: Path, name: str, *, about_tracks: bool = True) -> list[Line]:
    def found() -> Iterator[Line]:
        for file in sorted(folder.rglob("*.log")):
            for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
                text = line.strip()  # kfp indents the lines of a step
                if name not in text or not text.startswith("{"):
                    continue
                try:
                    fields = json.loads(text)
                except ValueError:
                    continue
                if isinstance(fields, dict) and "message" in fields and (about_tracks or "track" not in fields):
                    yield _line(file.stem, fields)

    return list(found())


def deployed_lines(track: str) -> list[Line]:
    """Return the entries of Cloud Logging that contain a track's id in any field, and those about a job it shares."""
    lines = _deployed_lines(f'"{track}"')
    jobs = _shared_jobs(lines)
    if jobs:
        named = " OR ".join(f'"{job}"' for job in jobs)
        lines += _deployed_lines(f"({named}) AND NOT jsonPayload.track:*")
    return sorted(set(lines))


def _deployed_lines(log_filter: str) -> list[Line]:
    command = ["gcloud", "logging", "read", log_filter, f"--freshness={_DAYS}d", "--order=asc"]
    command += [f"--limit={_MAX_LINES}", "--format=json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [_entry(entry) for entry in json.loads(done.stdout or "[]")]


def _entry(entry: dict[str, Any]) -> Line:
    labels = entry.get("resource", {}).get("labels", {})
    part = labels.get("service_name") or labels.get("pipeline_job_id") or entry.get("resource", {}).get("type", "")
    payload = dict(entry.get("jsonPayload") or {})
    payload.setdefault("message", entry.get("textPayload") or payload.get("state") or "(no message)")
    payload["severity"] = entry.get("severity", "")
    return _line(str(part), payload, str(entry.get("timestamp", "")))


def main(track: str) -> int:
    """Print the lines."""
    if not is_track_id(track):
        print("Say which track: make logs TRACK=t… (27 letters and digits)", file=sys.stderr)
        return 2
    if os.environ.get("APP"):
        lines = deployed_lines(track)
    else:
        lines = local_lines(Path(required(os.environ, "LOG_FOLDER")), track)
    print("\n".join(map(str, lines)) or f"No log line names {track}.")
    return 0 if lines else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
