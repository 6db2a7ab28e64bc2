"""Compare musicgenerator with two peers in one run: ``python -m benchmarks.peers`` (15 minutes).

The models take the seconds that the simulation assumes for OpenAI and the composer. The start of a job's machine is
left out: it would add minutes to each request of the synchronous view.
"""

import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Self

from benchmarks.costs import markdown
from benchmarks.peers.systems import System, musicgenerator, plain, synchronous
from benchmarks.stage import Stage, stage
from tests.support.visitors import picture

SYSTEMS: Final[dict[str, Callable[[Stage], AbstractContextManager[System]]]] = {
    "musicgenerator": musicgenerator,
    "plain functions": plain,
    "synchronous view": synchronous,
}
CLIENTS: Final = (1, 16, 64)
KILLED: Final = 8

_DESCRIBING: Final = 4.0
_COMPOSING: Final = 12.0  # the maximum; the mean is six
_PICTURES: Final = 64
_ALONE: Final = 4
_PATIENCE_SECONDS: Final = 300.0
_LOOK_SECONDS: Final = 0.1
# After these seconds all eight pictures are being described, or all are being set to music.
_KILLED_AFTER: Final = {"described": _DESCRIBING / 2, "set to music": (_DESCRIBING + _COMPOSING / 2) / 2}
_NEWS_SECONDS: Final = 200.0  # the captioner's lease is 150


@dataclass(frozen=True)
class Figures:
    """By number of clients: median seconds to accept and to music, tracks a minute, lost; memory in MiB; kept of 8."""

    accept: dict[int, float]
    music: dict[int, float]
    a_minute: dict[int, float]
    lost: dict[int, int]
    memory: float
    kept: dict[str, int]


def main() -> None:
    """Measure all three systems and print the table."""
    with stage(_DESCRIBING, _COMPOSING) as up:
        found = {name: _measured(up, begin) for name, begin in SYSTEMS.items()}
    print(_table(found))


def _measured(up: Stage, begin: Callable[[Stage], AbstractContextManager[System]]) -> Figures:
    accept, music, a_minute, lost = {}, {}, {}, {}
    with begin(up) as system:
        _crowd(system, 2, 4)
        for clients in CLIENTS:
            began = time.perf_counter()
            seen = _crowd(system, clients, _ALONE if clients == 1 else _PICTURES)
            minutes = (time.perf_counter() - began) / 60
            done = [each for each in seen if each[1] is not None]
            accept[clients] = statistics.median(each[0] for each in seen)
            music[clients] = statistics.median(each[1] or 0.0 for each in done)
            a_minute[clients], lost[clients] = len(done) / minutes, len(seen) - len(done)
        held = system.memory()
        kept = {doing: _killed(system, after) for doing, after in _KILLED_AFTER.items()}
    return Figures(accept, music, a_minute, lost, held, kept)


class _Watch:
    """Looks for all awaited music in one query, so that waiting is no load; use it as a context manager."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._waiting: dict[str, threading.Event] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def wait(self, name: str, seconds: float) -> bool:
        """Tell whether the music was finished within ``seconds``."""
        if self._system.waits:
            return bool(self._system.finished([name]))
        came = self._waiting.setdefault(name, threading.Event())
        return came.wait(seconds)

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            names = list(self._waiting)
            for name in self._system.finished(names) if names else ():
                self._waiting.pop(name).set()


def _crowd(system: System, clients: int, pictures: int) -> list[tuple[float, float | None]]:
    """Let ``clients`` send pictures, each the next after its music; return the seconds to accept and to music."""
    data = picture()
    with _Watch(system) as watch, ThreadPoolExecutor(clients) as pool:
        return list(pool.map(lambda _: _one(system, watch, data), range(pictures)))


def _one(system: System, watch: _Watch, data: bytes) -> tuple[float, float | None]:
    began = time.perf_counter()
    name = system.accept(data)
    accepted = time.perf_counter() - began
    came = watch.wait(name, _PATIENCE_SECONDS)
    return accepted, time.perf_counter() - began if came else None


def _killed(system: System, after: float) -> int:
    """Send eight pictures, kill the system after ``after`` seconds; return how many get music in the end."""
    data, names = picture(), list[str]()
    until = time.perf_counter() + _PATIENCE_SECONDS
    with ThreadPoolExecutor(KILLED) as pool:
        for _ in range(KILLED):
            pool.submit(lambda: names.append(system.accept(data)))
        time.sleep(after)
        system.kill()
    # A system that accepts only with the music has answered by now; for the others, stop if no music arrives.
    kept, news = set[str](), time.perf_counter()
    while len(kept) < KILLED and time.perf_counter() < min(until, news + _NEWS_SECONDS):
        found = system.finished(names)
        if found != kept:
            kept, news = found, time.perf_counter()
        if system.waits:
            break
        time.sleep(_LOOK_SECONDS)
    return len(kept)


def _table(found: dict[str, Figures]) -> str:
    by_clients: tuple[tuple[str, str, Callable[[Figures], dict[int, float]]], ...] = (
        ("seconds to accept", ".2f", lambda figures: figures.accept),
        ("seconds to music", ".2f", lambda figures: figures.music),
        ("tracks a minute", ".0f", lambda figures: figures.a_minute),
    )
    rows = [
        [f"{name}, {clients} clients", *(format(of(each)[clients], form) for each in found.values())]
        for name, form, of in by_clients
        for clients in CLIENTS
    ]
    rows += [
        [f"without music in {_PATIENCE_SECONDS:g} s", *(f"{sum(each.lost.values())}" for each in found.values())],
        ["memory, PSS in MiB", *(f"{each.memory:.0f}" for each in found.values())],
        *(
            [f"of {KILLED} with music after SIGKILL while {doing}", *(f"{each.kept[doing]}" for each in found.values())]
            for doing in _KILLED_AFTER
        ),
    ]
    return markdown(["", *found], rows)


if __name__ == "__main__":
    main()
