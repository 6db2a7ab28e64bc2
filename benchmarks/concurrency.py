"""Find how many concurrent requests one instance of a function can use: ``python -m benchmarks.concurrency``.

Every event is handled: photos are captioned, sketched, launched, then settled. An instance is one process on this
machine, so a limit by CPU applies to an instance with one vCPU only if the machine has no more.
"""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from benchmarks.rows import Row, table
from benchmarks.stage import Stage, memory, stage
from benchmarks.starts import Way
from localcloud.addresses import REPOSITORY
from localcloud.supervisor import Supervisor
from tests.support.delivering import make_local_topics
from tests.support.visitors import Visitor, drop

_AT_ONCE: Final = (1, 2, 4, 8)
_EVENTS: Final = 24
_PHOTO: Final = REPOSITORY / "localcloud" / "photos" / "coffee.jpg"


@dataclass(frozen=True)
class Busy:
    """A function under ``at_once`` concurrent events: events a second, median seconds an event, PSS in MiB."""

    at_once: int
    rate: float
    median: float
    held: float


def measure(up: Stage) -> list[Row]:
    """Return each function's throughput, latency and memory by concurrency; the baseline is one event at a time."""
    make_local_topics(up.addresses)
    parts = up.parts()
    data, visitor = _PHOTO.read_bytes(), Visitor(up.addresses.url("upload_handler"), "203.0.113.1")
    ways = {
        at_once: [
            Way(up, visitor, name, drop(name, data))
            for name in (f"drop-busy-{at_once}-{number}" for number in range(_EVENTS + at_once))
        ]
        for at_once in _AT_ONCE
    }
    rows = []
    for function in ("upload_handler", "captioner", "sketcher", "pipeline_launcher", "result_notifier"):
        with Supervisor(up.addresses.home / "logs", lambda _: None) as supervisor:
            supervisor.start([parts[function]])
            if function == "upload_handler":
                visitor.open()
            found = [_busy(at_once, each, function, supervisor) for at_once, each in ways.items()]
        for each in found:
            name, alone = f"{function}, {each.at_once} at once", found[0]
            rows.append(Row(f"{name}: events a second", each.rate, alone.rate, "1/s", "one at a time"))
            rows.append(Row(f"{name}: seconds an event", each.median, alone.median, "s", "one at a time"))
            rows.append(Row(f"{name}: memory", each.held, alone.held, "MiB", "one at a time"))
    return rows


def _busy(at_once: int, ways: list[Way], function: str, supervisor: Supervisor) -> Busy:
    turns = [way.turns()[function] for way in ways]
    with ThreadPoolExecutor(at_once) as pool:
        # The first events warm up the clients and their connections.
        list(pool.map(_timed, turns[:at_once]))
        began = time.perf_counter()
        seconds = list(pool.map(_timed, turns[at_once:]))
        took = time.perf_counter() - began
    return Busy(at_once, len(seconds) / took, statistics.median(seconds), memory(supervisor.pid(function)))


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    with stage() as alone:
        rows = measure(alone)
    print(table(rows))
