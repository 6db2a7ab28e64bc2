"""The chain: pictures arrive, are captioned, launched, set to music and settled; each stage has limits.

A refused message is delivered again with growing pauses, as by Pub/Sub, and finally becomes a dead letter.
The model leaves out the slow growth of push subscriptions, cold starts, and the sweeper.
"""

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Generator
from dataclasses import dataclass
from math import cos, inf, log, pi
from random import Random
from typing import Any, Final

import simpy

from benchmarks.limits import DELIVERIES, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS
from benchmarks.simulation.parts import Journey, RateLimit
from pipeline.engines.patience import PATIENCE_SECONDS

DAY_SECONDS: Final = 86_400.0
DESCRIBER: Final = "the describer's requests or tokens a minute"
COUNTER: Final = "the day's counter"
SUBMISSIONS: Final = "Vertex AI submissions"
ENGINE: Final = "the engine's requests a minute"
JOBS: Final = "pipeline jobs at once"
INSTANCES: Final = "instances of {}"
MACHINES: Final = "machines of the endpoint"

_COUNTER_TRIES: Final = 12  # FirestoreTracks.advance tries 40 times in about 12 s
_SPREAD: Final = 0.3
_FIRST_WAIT_SECONDS: Final = 2.0
_LONGEST_WAIT_SECONDS: Final = 60.0

Steps = Generator[simpy.Event, Any, None]
Handled = Generator[simpy.Event, Any, str]
Work = Callable[[Journey], Handled]


def lognormal(chance: Random, median: float) -> float:
    """Return a random duration with this median; 1.5 times the median is rare."""
    return chance.lognormvariate(log(median), _SPREAD) if median else 0.0


@dataclass(frozen=True)
class Settings:
    """Pictures a second, the functions' slots, the limits a minute, and the seconds of each stage without waiting.

    The day's peak is at noon and exceeds the mean by the share ``swing``. The simulation begins at ``start`` seconds
    after midnight.
    """

    pictures_a_second: float
    seconds: float
    start: float = 0.0
    swing: float = 0.0
    captioner_slots: int = 1
    launcher_slots: int = 1
    notifier_slots: int = 1
    jobs_at_once: int = 1
    engine_slots: int = 1
    describer_limit: float = inf
    counter_limit: float = inf
    submissions_limit: float = inf
    engine_limit: float = inf
    caption_seconds: float = 0.0
    describer_seconds: float = 0.0
    launch_seconds: float = 0.0
    start_seconds: float = 0.0
    engine_seconds: float = 0.0
    fallback_seconds: float = 0.0
    notify_seconds: float = 0.0
    takes: Callable[[Random, float], float] = lognormal

    def rate(self, now: float) -> float:
        """Return the pictures a second at a moment."""
        return self.pictures_a_second * (1 - self.swing * cos(2 * pi * (self.start + now) / DAY_SECONDS))

    @property
    def unloaded_seconds(self) -> float:
        """The seconds of a track without any other."""
        functions = self.caption_seconds + self.describer_seconds + self.launch_seconds + self.notify_seconds
        return functions + self.start_seconds + self.engine_seconds


@dataclass(frozen=True)
class Outcome:
    """The result. ``waited`` is a track's mean seconds of waiting by cause; ``highest`` the maximum a minute."""

    arrived: int
    took: list[float]
    waiting: Counter[str]
    waited: dict[str, float]
    dead_letters: Counter[str]
    by_fallback: int
    under_way: list[int]
    mean_under_way: float
    highest: dict[str, int]

    @property
    def median(self) -> float:
        """The median seconds of finished tracks."""
        return statistics.median(self.took) if self.took else inf

    @property
    def p99(self) -> float:
        """The 99th percentile of the seconds of finished tracks."""
        return statistics.quantiles(self.took, n=100)[98] if len(self.took) > 1 else inf

    @property
    def binding(self) -> str:
        """The main cause of waiting, or "" if tracks waited less than a second."""
        cause, seconds = max(self.waited.items(), key=lambda item: item[1], default=("", 0.0))
        return cause if seconds >= 1 else ""


class Chain:
    """One simulation."""

    def __init__(self, settings: Settings, seed: int = 1) -> None:
        """Create the stages."""
        self.settings, self.env, self._chance = settings, simpy.Environment(), Random(seed)
        self._captioner = simpy.Resource(self.env, settings.captioner_slots)
        self._launcher = simpy.Resource(self.env, settings.launcher_slots)
        self._notifier = simpy.Resource(self.env, settings.notifier_slots)
        self._jobs = simpy.Resource(self.env, settings.jobs_at_once)
        self._machines = simpy.Resource(self.env, settings.engine_slots)
        self.describer = RateLimit(self.env, DESCRIBER, settings.describer_limit)
        self.counter = RateLimit(self.env, COUNTER, settings.counter_limit)
        self.submissions = RateLimit(self.env, SUBMISSIONS, settings.submissions_limit)
        self.engine = RateLimit(self.env, ENGINE, settings.engine_limit)
        self._here: dict[int, Journey] = {}
        self._took: list[float] = []
        self._waited: dict[str, float] = defaultdict(float)
        self._dead: Counter[str] = Counter()
        self._arrived = self._by_fallback = 0
        self._area, self._changed = 0.0, 0.0
        self._under_way: list[int] = []

    def run(self) -> Outcome:
        """Run the simulation and return the result."""
        self.env.process(self._arrivals())
        self.env.process(self._samples())
        self.env.run(self.settings.seconds)
        self._count()
        for journey in self._here.values():
            journey.go_on(self.env.now)
            self._add(journey)
        limits = (self.describer, self.counter, self.submissions, self.engine)
        return Outcome(
            arrived=self._arrived,
            took=self._took,
            waiting=Counter(journey.stage for journey in self._here.values()),
            waited={cause: seconds / max(1, self._arrived) for cause, seconds in self._waited.items()},
            dead_letters=self._dead,
            by_fallback=self._by_fallback,
            under_way=self._under_way,
            mean_under_way=self._area / self.settings.seconds,
            highest={limit.name: limit.highest for limit in limits},
        )

    def _arrivals(self) -> Steps:
        settings = self.settings
        highest = settings.pictures_a_second * (1 + settings.swing)
        while True:
            yield self.env.timeout(self._chance.expovariate(highest))
            # Thinning: arrivals come at the highest rate, and each is kept with the share of the current rate.
            if self._chance.random() * highest < settings.rate(self.env.now):
                self._arrived += 1
                self.env.process(self._track(self._arrived))

    def _samples(self) -> Steps:
        while True:
            yield self.env.timeout(self.settings.seconds / 100)
            self._under_way.append(len(self._here))

    def _track(self, number: int) -> Steps:
        journey = Journey(self.env.now)
        self._count()
        self._here[number] = journey
        ready = False
        if (yield from self._delivered(journey, "captioner", self._captioner, self._caption)) and (
            yield from self._delivered(journey, "pipeline_launcher", self._launcher, self._launch)
        ):
            yield from self._job(journey)
            ready = yield from self._delivered(journey, "result_notifier", self._notifier, self._notify)
        self._count()
        del self._here[number]
        self._add(journey)
        if ready:
            self._took.append(self.env.now - journey.began)

    def _delivered(
        self, journey: Journey, function: str, slots: simpy.Resource, work: Work
    ) -> Generator[simpy.Event, Any, bool]:
        """Deliver a message until it is acknowledged; return False if it became a dead letter."""
        journey.stage, pause = function, FIRST_PAUSE_SECONDS
        for _ in range(DELIVERIES[function]):
            journey.wait(INSTANCES.format(function), self.env.now)
            with slots.request() as slot:
                yield slot
                journey.go_on(self.env.now)
                refused = yield from work(journey)
            if not refused:
                return True
            journey.wait(refused, self.env.now)
            yield self.env.timeout(pause * self._chance.uniform(0.5, 1.0))
            journey.go_on(self.env.now)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        self._dead[function] += 1
        return False

    def _caption(self, _: Journey) -> Handled:
        yield self._pass(self.settings.caption_seconds)
        if not self.describer.ask():
            return self.describer.name
        yield self._pass(self.settings.describer_seconds)
        return ""

    def _launch(self, journey: Journey) -> Handled:
        yield self._pass(self.settings.launch_seconds)
        for _ in range(_COUNTER_TRIES):
            # Counted once, even if the message is delivered again.
            journey.counted = journey.counted or self.counter.ask()
            if journey.counted:
                return "" if self.submissions.ask() else self.submissions.name
            journey.wait(self.counter.name, self.env.now)
            yield self.env.timeout(1.0)
            journey.go_on(self.env.now)
        return self.counter.name

    def _job(self, journey: Journey) -> Steps:
        journey.stage = "pipeline"
        journey.wait(JOBS, self.env.now)
        with self._jobs.request() as job:
            yield job
            journey.go_on(self.env.now)
            yield self._pass(self.settings.start_seconds)
            if not (yield from self._admitted(journey)):
                self._by_fallback += 1
                yield self._pass(self.settings.fallback_seconds)
                return
            journey.wait(MACHINES, self.env.now)
            with self._machines.request() as machine:
                yield machine
                journey.go_on(self.env.now)
                yield self._pass(self.settings.engine_seconds)

    def _admitted(self, journey: Journey) -> Generator[simpy.Event, Any, bool]:
        """Call the engine and retry as ``pipeline.engines.vertex`` does, until its patience ends."""
        until, wait = self.env.now + PATIENCE_SECONDS, _FIRST_WAIT_SECONDS
        while not self.engine.ask():
            pause = wait * self._chance.uniform(0.5, 1.0)
            if self.env.now + pause >= until:
                return False
            journey.wait(self.engine.name, self.env.now)
            yield self.env.timeout(pause)
            journey.go_on(self.env.now)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
        return True

    def _notify(self, _: Journey) -> Handled:
        yield self._pass(self.settings.notify_seconds)
        return ""

    def _pass(self, seconds: float) -> simpy.Timeout:
        return self.env.timeout(self.settings.takes(self._chance, seconds) if seconds else 0.0)

    def _add(self, journey: Journey) -> None:
        for cause, seconds in journey.waited.items():
            self._waited[cause] += seconds

    def _count(self) -> None:
        """Integrate the number of tracks under way since the last change."""
        self._area += len(self._here) * (self.env.now - self._changed)
        self._changed = self.env.now
