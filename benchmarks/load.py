"""Drop many pictures at once; measure the time until all have music, and the functions' memory.

For more pictures: ``python -m benchmarks.load 1000``. With sketches and without, beside each other:
``python -m benchmarks.load sketches 1000``, and with the music of the pipeline's own step, whose machine starts in a
minute, ``python -m benchmarks.load sketches music 100``. Without that start most tracks end before their sketch is due.
"""

import os
import statistics
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
_SKETCHES_COST: Final = 1.6
_START_SECONDS: Final = 60.0
# A load that warms the clients and the allocator, before the memory is measured for the first time.
_WARM: Final = 100


@dataclass(frozen=True)
class Drained:
    """One load: seconds until the last picture had music, CPU seconds and PSS in MiB by function.

    ``computing`` includes Vertex AI and the steps if the step makes the music. ``median`` is the time at which half of
    the pictures had music; ``sketched`` counts the pictures that got a sketch.
    """

    pictures: int
    lost: int
    sketched: int
    seconds: float
    median: float
    computing: dict[str, float]
    held: dict[str, float]

    @property
    def cpu(self) -> float:
        """CPU seconds a picture, of all processes."""
        return sum(self.computing.values()) / self.pictures


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
        rows.append(Row(f"{name}: CPU s a picture", each.cpu, first.cpu, "s", against, 1.25))
        rows.append(Row(f"{name}: lost + 1", each.lost + 1, 1, "pictures", "none lost", 1))
    return rows + _memory_rows(first, drained[-1])


def compare(up: Stage, size: int) -> list[Row]:
    """Return what sketches add to a load of ``size`` pictures; the baseline is the same load without sketches."""
    first, without = _measured(up, "without", size, sketches=False)
    # Without sketches, an empty function has the sketcher's place.
    rows = [row for row in _memory_rows(first, without, " without sketches") if "sketcher" not in row.name]
    first, each = _measured(up, "with", size, sketches=True)
    rows += _memory_rows(first, each, " with sketches")
    against = f"{size} without sketches"
    others = [name for name in each.computing if name != "sketcher"]
    spent = each.computing["sketcher"]
    extra = spent / (os.cpu_count() or 1)
    return [
        Row("lost + 1, without sketches", without.lost + 1, 1, "pictures", "none lost", 1),
        Row("lost + 1, with sketches", each.lost + 1, 1, "pictures", "none lost", 1),
        Row("pictures with a sketch", each.sketched, size, "pictures", "all pictures"),
        Row("CPU s a picture", each.cpu, without.cpu, "s", against, _SKETCHES_COST),
        *(
            Row(f"CPU s a picture: {name}", each.computing[name] / size, without.computing[name] / size, "s", against)
            for name in others
        ),
        Row("CPU s a picture: sketcher", spent / size, without.cpu, "s", f"a picture of {against}"),
        *(
            [Row("CPU s a sketch", spent / each.sketched, without.cpu, "s", f"a picture of {against}")]
            if each.sketched
            else []
        ),
        Row("half have music after", each.median, without.median, "s", against),
        Row("all have music after", each.seconds, without.seconds, "s", against),
        Row("later than without", max(0.0, each.seconds - without.seconds), extra, "s", "sketches' CPU s by core", 1),
        *rows,
    ]


def _measured(up: Stage, name: str, size: int, *, sketches: bool) -> tuple[Drained, Drained]:
    """Return a load that warms the functions, and the load of ``size`` after it."""
    with up.functions(sketches=sketches) as functions:
        warm = _drain(up, functions, f"{name}-warm", min(_WARM, size // 2))
        return warm, _drain(up, functions, name, size)


def _memory_rows(first: Drained, last: Drained, name: str = "") -> list[Row]:
    return [
        Row(
            f"memory after {last.pictures}{name}: {function}",
            last.held[function],
            first.held[function],
            "MiB",
            f"after {first.pictures}",
            _FLAT,
        )
        for function in FUNCTIONS
    ]


def _drain(up: Stage, functions: Supervisor, name: str, size: int) -> Drained:
    measured = [*FUNCTIONS, *(["vertex"] if up.real_music else [])]
    data, before = picture(), {part: cpu_seconds(functions.pid(part)) for part in measured}
    began, started = time.perf_counter(), time.time()
    with Witness() as witness, ThreadPoolExecutor(_DROPPERS) as pool:

        def send(number: int) -> str:
            track = drop(f"drop-{name}-{number}", data)
            witness.follow(up.session, track)
            return track

        tracks = list(pool.map(send, range(size)))
        witness.wait(_PATIENCE_SECONDS)
        seconds = time.perf_counter() - began
        lost = sum(not steps or steps[-1][1] is not Status.READY for steps in (witness.seen[track] for track in tracks))
        sketched = sum(bool(witness.sketches[track]) for track in tracks)
    computing = {part: cpu_seconds(functions.pid(part)) - before[part] for part in measured}
    held = {function: memory(functions.pid(function)) for function in FUNCTIONS}
    ends = [document["timeline"][Status.READY].timestamp() for document in map(up.document, tracks) if _ready(document)]
    median = statistics.median(ends) - started if ends else 0.0
    return Drained(size, lost, sketched, seconds, median, computing, held)


def _ready(document: dict[str, object]) -> bool:
    return document.get("status") == Status.READY


def main(words: list[str]) -> None:
    """Run the loads that the command line names and print the table."""
    sizes = tuple(int(word) for word in words if word.isdecimal())
    with stage(composing=None if "music" in words else 0.05, starting=_START_SECONDS) as up:
        rows = compare(up, (sizes or (1000,))[0]) if "sketches" in words else measure(up, sizes or (100, 300, 1000))
    print(table(rows))


if __name__ == "__main__":
    main(sys.argv[1:])
