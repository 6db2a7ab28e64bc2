"""How long each engine takes, in one table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Pace:
    """The seconds that an engine takes: for each track, for each second of its music; and how many it makes at once."""

    per_track: float
    per_second: float
    at_once: int

    def seconds(self, music_seconds: int) -> float:
        """Return what one more track of this length adds to a run, in seconds."""
        return self.alone(music_seconds) / self.at_once

    def alone(self, music_seconds: int) -> float:
        """Return how long a track of this length takes that shares the engine with no other, in seconds."""
        return self.per_track + self.per_second * music_seconds


# For `composer`, twice the CPU seconds that were measured (0.90 for 30 s of music, 5.2 for 180 s), and half a second
# for reading and writing; a machine of four processors makes four. The others by their rates: each model of Lyria 3
# answers ten requests a minute.
# A rate bounds each run as if it were the only one, but a project's runs share their engine's quota. Runs that go on at
# the same time ask for more than the quota, wait for the engine, and let the fallback engine make what the patience of
# 400 s does not cover (docs/operations.md, "Runs of several tracks").
PACES: Final[Mapping[str, Pace]] = {
    "composer": Pace(per_track=0.5, per_second=0.06, at_once=4),
    "lyria-002": Pace(per_track=20.0, per_second=0.05, at_once=2),
    "lyria-3-clip": Pace(per_track=12.0, per_second=0.05, at_once=1),
    "lyria-3-pro": Pace(per_track=12.0, per_second=0.25, at_once=1),
    "endpoint": Pace(per_track=30.0, per_second=1.0, at_once=1),
}
