"""Print the CPU seconds of a minute's sketch for each brief of the composer's grid as JSON.

``benchmarks.sketches`` runs it in a process that has the sketcher's folder on its path.
"""

import json
import time
from typing import Final

from composed_sketches import MAX_SECONDS, ComposedSketches

from benchmarks.music_briefs import GRID

_SEED: Final = 7
_TIMES: Final = 2


def main() -> None:
    """Measure each brief, the lower of two measurements."""
    took = {}
    for number, row in enumerate(GRID):
        seconds = []
        for _ in range(_TIMES):
            began = time.process_time()
            ComposedSketches().make(row.brief(), MAX_SECONDS, _SEED, "1")
            seconds.append(time.process_time() - began)
        took[f"{number + 1} {row.genre}"] = min(seconds)
    print(json.dumps(took))


if __name__ == "__main__":
    main()
