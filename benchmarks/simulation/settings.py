"""What a simulation assumes: arrivals, functions, limits, and the seconds of each stage."""

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, inf, log, pi
from random import Random
from typing import Final

from gathering import BATCH_TRACKS

from benchmarks.simulation.instances import Function

DAY_SECONDS: Final = 86_400.0
_ONE: Final = Function()
_SPREAD: Final = 0.3


def lognormal(chance: Random, median: float) -> float:
    """Return a random duration with this median; 1.5 times the median is rare."""
    return chance.lognormvariate(log(median), _SPREAD) if median else 0.0


@dataclass(frozen=True)
class Settings:
    """Pictures a second, the functions, the limits a minute, and the seconds of each stage without waiting.

    The day's peak is at noon and exceeds the mean by the share ``swing``. The simulation begins at ``start`` seconds
    after midnight, with ``at_once`` pictures. ``wake_seconds`` before a picture arrives, a message wakes the functions
    ``wakes``, unless one did so in the ``wake_pause_seconds`` before. Without a ``sketcher`` there are no sketches.

    ``regions`` take pipeline jobs, and each has its own limits of submissions and of jobs at once. A track waits
    ``batch_seconds`` for others, of which up to ``batch_tracks`` share a job; its step makes ``tracks_at_once``.
    ``warm`` machines of the first region take one step each; a step that finds none within ``warm_wait_seconds`` gets a
    new machine. ``wait_seconds`` are the launcher's for a track that waits, ``claim_seconds`` those for each track of a
    group, ``sweep_seconds`` the sweep's for each overdue track, ``close_seconds`` the notifier's for each track of a
    group at the job's end.
    """

    pictures_a_second: float
    seconds: float
    start: float = 0.0
    swing: float = 0.0
    at_once: int = 0
    wakes: tuple[str, ...] = ()
    wake_seconds: float = 0.0
    wake_pause_seconds: float = 0.0
    captioner: Function = _ONE
    sketcher: Function | None = None
    launcher: Function = _ONE
    notifier: Function = _ONE
    regions: int = 1
    jobs_at_once: int = 1
    batch_seconds: float = 0.0
    batch_tracks: int = BATCH_TRACKS
    tracks_at_once: int = 4
    engine: str = "composer"
    music_seconds: int = 30
    warm: int = 0
    engine_slots: int = 1
    describer_limit: float = inf
    counter_limit: float = inf
    submissions_limit: float = inf
    engine_limit: float = inf
    delivery_seconds: float = 0.0
    caption_seconds: float = 0.0
    describer_seconds: float = 0.0
    sketch_seconds: float = 0.0
    launch_seconds: float = 0.0
    wait_seconds: float = 0.0
    claim_seconds: float = 0.0
    sweep_seconds: float = 0.0
    close_seconds: float = 0.0
    start_seconds: float = 0.0
    warm_start_seconds: float = 0.0
    warm_wait_seconds: float = 0.0
    engine_seconds: float = 0.0
    fallback_seconds: float = 0.0
    notify_seconds: float = 0.0
    takes: Callable[[Random, float], float] = lognormal

    def rate(self, now: float) -> float:
        """Return the pictures a second at a moment."""
        return self.pictures_a_second * (1 - self.swing * cos(2 * pi * (self.start + now) / DAY_SECONDS))

    @property
    def unloaded_seconds(self) -> float:
        """The seconds of a track without any other, on a new machine and instances that have started."""
        functions = self.caption_seconds + self.describer_seconds + self.launch_seconds + self.notify_seconds
        functions += 3 * self.delivery_seconds
        return functions + self.start_seconds + self.engine_seconds
