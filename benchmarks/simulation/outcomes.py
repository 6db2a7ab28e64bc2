"""What a simulation found."""

import statistics
from collections import Counter
from dataclasses import dataclass
from math import inf


def median(seconds: list[float]) -> float:
    """Return the median, or infinity if nothing is done."""
    return statistics.median(seconds) if seconds else inf


def p99(seconds: list[float]) -> float:
    """Return the 99th percentile, or infinity if too little is done."""
    return statistics.quantiles(seconds, n=100)[98] if len(seconds) > 1 else inf


@dataclass(frozen=True)
class Outcome:
    """The result.

    ``took`` has the seconds to the music, ``sounded`` those to the sketch or to music that was earlier; ``unsketched``
    counts the sketches that were dropped. ``waited`` is a track's mean seconds of waiting by cause; ``highest`` the
    maximum a minute, or of instances.
    """

    arrived: int
    took: list[float]
    sounded: list[float]
    unsketched: int
    launched: int
    runs: int
    on_new_machines: int
    waiting: Counter[str]
    waited: dict[str, float]
    dead_letters: Counter[str]
    by_fallback: int
    under_way: list[int]
    mean_under_way: float
    highest: dict[str, int]

    @property
    def median(self) -> float:
        """The median seconds to the music."""
        return median(self.took)

    @property
    def p99(self) -> float:
        """The 99th percentile of the seconds to the music."""
        return p99(self.took)

    @property
    def tracks_a_run(self) -> float:
        """The mean number of tracks of a pipeline job."""
        return self.launched / max(1, self.runs)

    @property
    def on_demand(self) -> float:
        """The share of pipeline jobs whose steps got new machines."""
        return self.on_new_machines / max(1, self.runs)

    @property
    def binding(self) -> str:
        """The main cause of waiting, or "" if tracks waited less than a second."""
        cause, seconds = max(self.waited.items(), key=lambda item: item[1], default=("", 0.0))
        return cause if seconds >= 1 else ""
