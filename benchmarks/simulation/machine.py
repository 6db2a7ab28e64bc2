"""Simulate the local cloud and compare with measurements: ``python -m benchmarks.simulation.machine 100 300``.

A small load measures the CPU time of a picture in each process. The simulation predicts the time of larger loads from
the machine's cores, one running thread in each Python process, and each function's concurrency.
"""

import os
import sys
import time
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import simpy

from benchmarks.costs import markdown
from benchmarks.simulation.settings import lognormal
from benchmarks.stage import Stage, cpu_seconds, stage
from localcloud.supervisor import Supervisor
from musicgenerator.states import Status
from tests.support.visitors import drop, picture
from tests.support.witness import Witness

MEASURED: Final = 50
HARNESS: Final = "harness"  # the droppers, OpenAI, Vertex AI and the witness are threads of this process

_DROPPERS: Final = 16
_AT_ONCE: Final = 8
_JOB_SECONDS: Final = 0.05
_PATIENCE_SECONDS: Final = 120.0

# A picture's way through the processes; each process divides its seconds equally among its turns. The processes of
# REQUESTS work while that function's request is under way.
DROP: Final = (HARNESS, "storage_backend", "pubsub", "bridge")
REQUESTS: Final[Mapping[str, tuple[str, ...]]] = {
    "captioner": ("storage_backend", "firestore", HARNESS, "firestore", "pubsub"),
    "pipeline_launcher": ("firestore", HARNESS, "firestore"),
    "result_notifier": ("firestore", HARNESS, "storage_backend", "firestore"),
}
AFTERWARDS: Final[Mapping[str, tuple[str, ...]]] = {
    "captioner": ("bridge",),
    "pipeline_launcher": (HARNESS, "storage_backend", "pubsub", "bridge"),
    "result_notifier": (),
}
WAY: Final = (
    *DROP,
    *(step for function in REQUESTS for step in (function, *REQUESTS[function], *AFTERWARDS[function])),
)


class LostPicturesError(Exception):
    """Some pictures got no music."""


@dataclass(frozen=True)
class Machine:
    """The CPU seconds of one picture in each process, and the number of cores."""

    seconds: Mapping[str, float]
    cores: int = 2

    @property
    def threads(self) -> Mapping[str, int]:
        """The threads of each process that run at once: emulators use all cores, Python one."""
        emulators = {"firestore", "pubsub", "storage_backend"}
        return {name: self.cores if name in emulators else 1 for name in self.seconds}


def predicted(machine: Machine, pictures: int, seed: int = 1) -> float:
    """Return the seconds until ``pictures``, dropped at once, have music."""
    env, chance = simpy.Environment(), Random(seed)
    cores = simpy.Resource(env, machine.cores)
    processes = {name: simpy.Resource(env, threads) for name, threads in machine.threads.items()}
    droppers = simpy.Resource(env, _DROPPERS)
    functions = {name: simpy.Resource(env, _AT_ONCE) for name in REQUESTS}
    turns = {name: WAY.count(name) for name in machine.seconds}

    def turn(name: str) -> Generator[simpy.Event, Any, None]:
        with processes[name].request() as thread:
            yield thread
            with cores.request() as core:
                yield core
                yield env.timeout(lognormal(chance, machine.seconds[name] / turns[name]))

    def track() -> Generator[simpy.Event, Any, None]:
        with droppers.request() as dropper:
            yield dropper
            yield from turn(DROP[0])
        for name in DROP[1:]:
            yield from turn(name)
        for function, steps in REQUESTS.items():
            with functions[function].request() as request:
                yield request
                for name in (function, *steps):
                    yield from turn(name)
            if function == "pipeline_launcher":
                yield env.timeout(_JOB_SECONDS)
            for name in AFTERWARDS[function]:
                yield from turn(name)

    env.run(simpy.AllOf(env, [env.process(track()) for _ in range(pictures)]))
    return float(env.now)


def measured(up: Stage, functions: Supervisor, size: int) -> tuple[float, Machine]:
    """Drop ``size`` pictures; return the seconds until all have music, and the cost of one in each process."""
    before, data = _spent(up, functions), picture()
    began = time.perf_counter()
    with Witness() as witness, ThreadPoolExecutor(_DROPPERS) as pool:

        def send(number: int) -> str:
            track = drop(f"drop-machine-{size}-{number}", data)
            witness.follow(up.session, track)
            return track

        tracks = list(pool.map(send, range(size)))
        witness.wait(_PATIENCE_SECONDS)
        seconds = time.perf_counter() - began
        ready = sum(any(status is Status.READY for _, status in witness.seen[track]) for track in tracks)
    if ready != size:
        raise LostPicturesError(f"{size - ready} of {size}")
    after = _spent(up, functions)
    return seconds, Machine({name: (after[name] - before[name]) / size for name in after}, os.cpu_count() or 1)


def _spent(up: Stage, functions: Supervisor) -> dict[str, float]:
    names = {*REQUESTS, "bridge"}
    spent = {name: cpu_seconds(functions.pid(name)) for name in names}
    spent |= {name: cpu_seconds(up.supervisor.pid(name)) for name in ("firestore", "pubsub", "storage_backend")}
    return spent | {HARNESS: time.process_time()}


def main(sizes: list[int]) -> None:
    """Measure a small load, predict and measure larger ones, and print both."""
    rows = []
    with stage() as up, up.functions() as functions:
        measured(up, functions, MEASURED // 2)
        _, machine = measured(up, functions, MEASURED)
        for size in sizes:
            expected = predicted(machine, size)
            seconds, _ = measured(up, functions, size)
            rows.append([f"{size}", f"{expected:.1f} s", f"{seconds:.1f} s", f"{expected / seconds:.2f}"])
    print(f"CPU milliseconds a picture, measured with {MEASURED}:")
    print(", ".join(f"{name} {seconds * 1000:.0f}" for name, seconds in machine.seconds.items()))
    print(markdown(["pictures", "predicted", "measured", "ratio"], rows))


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [100, 300])
