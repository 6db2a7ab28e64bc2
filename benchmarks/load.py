"""Drop many pictures at once; measure the time until all have music, and the functions' memory.

For more pictures: ``python -m benchmarks.load 1000``.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from benchmarks.rows import Row, table
from benchmarks.stage import Stage, cpu_seconds, memory, stage
from localcloud.parts import FUNCTIONS
from localcloud.supervisor import Supervisor
from musicgenerator.states import Status
from tests.support.visitors import drop, picture
from tests.support.witness import Witness

_DROPPERS: Final = 16
_PATIENCE_SECONDS: Final = 120.0
_FLAT: Final = 1.1


@dataclass(frozen=True)
class Drained:
    """One load: seconds until the last picture had music, CPU seconds of all functions, PSS in MiB by function."""

    pictures: int
    lost: int
    seconds: float
    computing: float
    held: dict[str, float]


def measure(up: Stage, sizes: tuple[int, ...] = (50, 100, 200)) -> list[Row]:
    """Return seconds a picture of each load, and memory after the last; the baseline is the first load."""
    with up.functions() as functions:
        _drain(up, functions, "warm", sizes[0] // 2)
        drained = [_drain(up, functions, f"load-{size}", size) for size in sizes]
    first = drained[0]
    rows = []
    for each in drained:
        name, against = f"load {each.pictures}", f"a picture of {first.pictures}"
        rows.append(
            Row(
                f"{name}: s a picture", each.seconds / each.pictures, first.seconds / first.pictures, "s", against, 1.25
            )
        )
        rows.append(
            Row(
                f"{name}: CPU s a picture",
                each.computing / each.pictures,
                first.computing / first.pictures,
                "s",
                against,
                1.25,
            )
        )
        rows.append(Row(f"{name}: lost + 1", each.lost + 1, 1, "pictures", "none lost", 1))
    for function in FUNCTIONS:
        held, before = drained[-1].held[function], first.held[function]
        rows.append(
            Row(
                f"memory after {drained[-1].pictures}: {function}",
                held,
                before,
                "MiB",
                f"after {first.pictures}",
                _FLAT,
            )
        )
    return rows


def _drain(up: Stage, functions: Supervisor, name: str, size: int) -> Drained:
    data, before = picture(), sum(cpu_seconds(functions.pid(function)) for function in FUNCTIONS)
    began = time.perf_counter()
    with Witness() as witness, ThreadPoolExecutor(_DROPPERS) as pool:

        def send(number: int) -> str:
            track = drop(f"drop-{name}-{number}", data)
            witness.follow(up.session, track)
            return track

        tracks = list(pool.map(send, range(size)))
        witness.wait(_PATIENCE_SECONDS)
        seconds = time.perf_counter() - began
        lost = sum(not steps or steps[-1][1] is not Status.READY for steps in (witness.seen[track] for track in tracks))
    computing = sum(cpu_seconds(functions.pid(function)) for function in FUNCTIONS) - before
    held = {function: memory(functions.pid(function)) for function in FUNCTIONS}
    return Drained(size, lost, seconds, computing, held)


if __name__ == "__main__":
    with stage() as alone:
        found = measure(alone, tuple(map(int, sys.argv[1:])) or (100, 300, 1000))
    print(table(found))
