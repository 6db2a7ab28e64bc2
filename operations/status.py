"""Print the status of an installation or of the local cloud: ``python -m operations.status``.

The status says if the installation is paused.
It has the deployed functions or local parts, the backlog, today's tracks with the reasons of failures,
and today's launches, runs and costs against the daily limit.
If ``APP`` is set, which ``operations/operate.sh`` does, the command shows the installation, otherwise the local cloud.
"""

import json
import os
import re
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from google.cloud import firestore

from infra.names import FUNCTIONS, SOURCES
from musicgenerator.ids import is_shared_job
from musicgenerator.settings import DAILY_LIMIT, required, whole_number, words
from musicgenerator_google.firestore_counters import total
from musicgenerator_google.firestore_switch import FirestoreSwitch
from operations.clients import database_client
from operations.dead_letters import from_environ
from operations.replay import parked

PIPELINE_RUN_USD: Final = 0.03
# How many private tracks one request reads.
_AT_ONCE: Final = 300
_NOTES: Final = {"captioned": "    wait for a job, or for others that share it"}
_RECENT: Final = timedelta(minutes=10)
_SOURCES: Final = "|".join((*SOURCES, "ticks"))
_METRICS: Final = {
    "waiting": "pubsub.googleapis.com/subscription/num_undelivered_messages",
    "oldest (s)": "pubsub.googleapis.com/subscription/oldest_unacked_message_age",
}


@dataclass(frozen=True)
class Day:
    """Counts of today's tracks, and their costs in US dollars.

    ``described`` counts the tracks with a brief, ``sketched`` those that have a sketch too. ``exports`` counts the
    exports by kind; they have a copy of a brief, no sketch, and are not in these two. ``second_takes`` counts those
    that were made beside another track of the same brief. ``shared`` is how many of the launches needed no run of
    their own, because another track's run made their music.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    exports: Counter[str] = field(default_factory=Counter)
    described: int = 0
    sketched: int = 0
    launched: int = 0
    shared: int = 0
    describing: float = 0.0
    engines: float = 0.0
    parked: int = 0
    overdue: int = 0
    second_takes: int = 0

    @property
    def runs(self) -> int:
        """Return how many pipeline jobs were created; the launches of deleted tracks count as one each."""
        return max(self.launched - self.shared, 0)

    @property
    def spent(self) -> float:
        """Return the day's costs so far, without machines and storage."""
        return self.describing + self.engines + self.runs * PIPELINE_RUN_USD


def counted(tracks: Iterable[Mapping[str, Any]], jobs: Iterable[str], launched: int, parked: int, overdue: int) -> Day:
    """Count a day's track documents, and the jobs of those that were launched."""
    statuses: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    exports: Counter[str] = Counter()
    describing = engines = 0.0
    described = sketched = second_takes = 0
    for track in tracks:
        statuses[track["status"]] += 1
        export = (track.get("request") or {}).get("export")
        if export:
            exports[export["kind"]] += 1
        described += bool(track.get("brief")) and not export
        sketched += bool(track.get("sketch"))
        second_takes += bool((track.get("request") or {}).get("twinOf"))
        if track.get("error"):
            failures[track["error"]["code"]] += 1
        describing += (track.get("describer") or {}).get("costUsd") or 0.0
        engines += (track.get("music") or {}).get("costUsd") or 0.0
    shared = sum(tracks - 1 for tracks in Counter(filter(is_shared_job, jobs)).values())
    spent = (launched, shared, describing, engines)
    return Day(statuses, failures, exports, described, sketched, *spent, parked, overdue, second_takes)


def day_of(database: firestore.Client, now: datetime) -> Day:
    """Read and count the current UTC day."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    since = firestore.FieldFilter("createdAt", ">=", midnight)
    tracks = database.collection_group("tracks").where(filter=since).order_by("createdAt").order_by("status")
    overdue = database.collection("work").where(filter=firestore.FieldFilter("dueAt", "<=", now))
    documents = {document.id: document.to_dict() or {} for document in tracks.stream()}
    launched = total(database, f"budget/{now.date()}", "launched")
    jobs = _jobs(database, [track for track, each in documents.items() if each.get("brief")])
    return counted(documents.values(), jobs, launched, _count(parked(database)), _count(overdue))


def jobs_of(work: Mapping[str, Any]) -> list[str]:
    """Return the jobs of the attempts of a private track's document."""
    return [job for job in (work.get("job"), *work.get("earlierJobs", ())) if job]


def _jobs(database: firestore.Client, tracks: Sequence[str]) -> Iterator[str]:
    """Return the jobs of each track's attempts; only the private tracks name them."""
    for first in range(0, len(tracks), _AT_ONCE):
        works = [database.document("work", track) for track in tracks[first : first + _AT_ONCE]]
        for work in database.get_all(works, field_paths=["job", "earlierJobs"]):
            yield from jobs_of(work.to_dict() or {})


def _count(query: Any) -> int:
    return int(query.count().get()[0][0].value)


def day_lines(day: Day, limit: int) -> list[str]:
    """Return the lines that show a day."""
    lines = [
        "Today's tracks (UTC)",
        *(f"  {status:<16} {count:6d}{_NOTES.get(status, '')}" for status, count in sorted(day.statuses.items())),
        *(f"  {f'of these {kind}':<16} {count:6d}    exports" for kind, count in sorted(day.exports.items())),
        f"  {'parked':<16} {day.parked:6d}    for the operator: make replay",
        f"  {'overdue':<16} {day.overdue:6d}    for the sweeper",
        f"  {'with a sketch':<16} {day.sketched:6d}    of {day.described} with a brief",
        f"  {'second takes':<16} {day.second_takes:6d}    of these, beside another of the same picture",
        "Reasons of failures",
        *(f"  {code:<22} {count:6d}" for code, count in day.failures.most_common()),
        "Spent today",
        f"  launches {day.launched} of {limit}",
        f"  runs {day.runs}, {day.launched / (day.runs or 1):.1f} tracks a run",
        f"  {day.spent:.4f} USD without machines and storage",
        f"  describing {day.describing:.4f}, runs {day.runs * PIPELINE_RUN_USD:.2f}, engines {day.engines:.2f}",
    ]
    return lines if day.failures else [line for line in lines if line != "Reasons of failures"]


def pause_lines(changed: datetime | None, *, paused: bool) -> list[str]:
    """Return the line that says that the installation is paused, or none."""
    if not paused:
        return []
    since = f" since {changed.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if changed else ""
    return [f"PAUSED{since}: no commands, sketches or launches until `make unpause`"]


def _local_parts() -> list[str]:
    environ = os.environ
    pid, logs = required(environ, "LOCALCLOUD_PID"), required(environ, "LOG_FOLDER")
    lines = [f"The local cloud is up (process {pid}); logs are in {logs}"]
    for part, _, address in (word.partition("=") for word in words(environ, "PARTS")):
        host, _, port = address.rpartition(":")
        with socket.socket() as probe:
            answers = probe.connect_ex((host, int(port))) == 0
        lines.append(f"  {part:<18} {port}  {'up' if answers else 'DOWN'}")
    letters = from_environ().listed()
    return [*lines, f"Dead letters\n  {len(letters)}", *_marks(environ.get("MARK_SIGNER", ""))]


def _deployed_functions(app: str) -> tuple[list[str], int]:
    """Return the lines that show the functions, and the daily limit that the launcher is deployed with."""
    command = ["gcloud", "functions", "list", "--v2", f"--regions={os.environ['REGION']}", "--format=json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines, limit, signer = ["Functions"], DAILY_LIMIT, ""
    # Another installation's names, or somebody else's, may start like this one's.
    names = {f"{app}-{function.replace('_', '-')}" for function in FUNCTIONS}
    for function in json.loads(done.stdout):
        name = function["name"].rpartition("/")[2]
        if name in names:
            release = function.get("labels", {}).get("release", "?")[:12]
            lines.append(f"  {name:<36} {function['state']:<8} release {release}  {function.get('updateTime', '')}")
            environ = function["serviceConfig"].get("environmentVariables", {})
            if "PIPELINE_TEMPLATE" in environ:
                lines.append(f"  {'':<36} template {environ['PIPELINE_TEMPLATE']}")
                limit = whole_number(environ, "DAILY_LIMIT", DAILY_LIMIT)
                signer = environ.get("MARK_SIGNER", "")
    return lines + _marks(signer, _last_day(signer)), limit


def _marks(signer: str, until: str = "") -> list[str]:
    """Return the lines that say whether music is signed, and until which day the certificate is valid, if known."""
    if not signer:
        return ["Marks", "  none: music and videos are not signed (C2PA_CERTIFICATE, C2PA_KEY)"]
    valid = f"; the certificate is valid until {until}" if until else ""
    return ["Marks", f"  signed with {'/'.join(signer.split('/')[3:])}{valid}"]


def _last_day(signer: str) -> str:
    """Return a label of the secret, which says when the certificate expires; empty if it cannot be read."""
    if not signer:
        return ""
    command = ["gcloud", "secrets", "describe", signer.split("/")[3], "--format=value(labels.expires)"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _backlog(app: str, now: datetime) -> list[str]:
    rows: dict[str, dict[str, str]] = {}
    for title, metric in _METRICS.items():
        for series in _series(f'metric.type="{metric}" AND resource.type="pubsub_subscription"', now):
            name = series["resource"]["labels"]["subscription_id"]
            value = series["points"][0]["value"]
            if re.match(rf"(eventarc-[a-z]+-[a-z]+\d+-)?{re.escape(app)}-({_SOURCES})-", name):
                rows.setdefault(name, {})[title] = str(value.get("int64Value", value.get("doubleValue", "")))
    lines = [f"  {name:<48} " + "  ".join(f"{k} {v}" for k, v in row.items()) for name, row in sorted(rows.items())]
    return ["Backlog (from Cloud Monitoring, some minutes old)", *(lines or ["  no measurements yet"])]


def _series(series_filter: str, now: datetime) -> list[Any]:
    query = {
        "filter": series_filter,
        "interval.startTime": (now - _RECENT).isoformat(),
        "interval.endTime": now.isoformat(),
    }
    scheme = os.environ.get("GOOGLE_APIS_SCHEME", "https")
    project = required(os.environ, "GOOGLE_CLOUD_PROJECT")
    url = f"{scheme}://monitoring.googleapis.com/v3/projects/{project}/timeSeries?{urllib.parse.urlencode(query)}"
    bearer = {"Authorization": f"Bearer {required(os.environ, 'GOOGLE_OAUTH_ACCESS_TOKEN')}"}
    with urllib.request.urlopen(urllib.request.Request(url, headers=bearer), timeout=30) as answer:
        return list(json.load(answer).get("timeSeries", []))


def main() -> int:
    """Print the status."""
    now, app, database = datetime.now(UTC), os.environ.get("APP", ""), database_client()
    if app:
        lines, limit = _deployed_functions(app)
        lines += _backlog(app, now)
    else:
        lines, limit = _local_parts(), whole_number(os.environ, "DAILY_LIMIT", DAILY_LIMIT)
    lines += day_lines(day_of(database, now), limit)
    paused, changed = FirestoreSwitch(database).state()
    print("\n".join([*pause_lines(changed, paused=paused), *lines]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
