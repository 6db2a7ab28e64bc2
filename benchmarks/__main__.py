"""Run all benchmarks, or those named, as one table: ``python -m benchmarks [starts overhead load sketches music]``."""

import sys
from collections.abc import Callable
from typing import Final

from benchmarks import load, music, overhead, sketches, starts
from benchmarks.rows import Row, table
from benchmarks.stage import Stage, stage

STAGED: Final[dict[str, Callable[[Stage], list[Row]]]] = {
    "starts": starts.measure,
    "overhead": overhead.measure,
    "load": load.measure,
}


def main(names: list[str]) -> None:
    """Run the named benchmarks and print the table."""
    rows: list[Row] = []
    if any(name in STAGED for name in names):
        with stage() as up:
            for name in names:
                if name in STAGED:
                    rows += STAGED[name](up)
    if "sketches" in names:
        with stage(composing=None, starting=sketches.START_SECONDS) as up:
            rows += sketches.measure(up)
    if "music" in names:
        rows += music.measure()
    print(table(rows))


if __name__ == "__main__":
    main(sys.argv[1:] or [*STAGED, "sketches", "music"])
