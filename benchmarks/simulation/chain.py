"""The chain: pictures come, are described, launched, made into music and settled, each stage within its limits.

A message that is refused is delivered again with growing pauses, as Pub/Sub does, and is a dead letter in the end.
Not in it: the slow growth of a push subscription, instances that have yet to start, and the sweeper's repetitions.
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

_COUNTER_TRIES: Final = 12  # FirestoreTracks.advance tries 40 times within some 12 s
_SPREAD: Final = 0.3
_FIRST_WAIT_SECONDS: Final = 2.0
_LONGEST_WAIT_SECONDS: Final = 60.0

Steps = Generator[simpy.Event, Any, None]
Handled = Generator[simpy.Event, Any, str]
Work = Callable[[Journey], Handled]


def lognormal(chance: Random, median: float) -> float:
    """Return how long something takes whose median is known: half as long again is rare."""
    return chance.lognormvariate(log(median), _SPREAD) if median else 0.0


@dataclass(frozen=True)
class Settings:
    """Pictures, the functions' slots, the limits, and how many seconds each stage takes by itself.

    ``swing`` is by what share the day's peak lies above its mean; it is at noon, and the simulation begins at ``start``
    seconds after midnight. Limits are counts a minute.
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
        """Return how many pictures a second come at a moment."""
        return self.pictures_a_second * (1 - self.swing * cos(2 * pi * (self.start + now) / DAY_SECONDS))

    @property
    def unloaded_seconds(self) -> float:
        """How long a track takes when nobody else is there."""
        functions = self.caption_seconds + self.describer_seconds + self.launch_seconds + self.notify_seconds
        return functions + self.start_seconds + self.engine_seconds


@dataclass(frozen=True)
class Outcome:
    """What a simulation saw. ``waited`` is by cause the mean seconds of a track; ``highest`` the most in a minute."""

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
        """The median seconds of those that are done."""
        return statistics.median(self.took) if self.took else inf

    @property
    def p99(self) -> float:
        """The seconds within which 99 of 100 of those that are done were."""
        return statistics.quantiles(self.took, n=100)[98] if len(self.took) > 1 else inf

    @property
    def binding(self) -> str:
        """What most of the waiting was for, or "" where there was next to none: a second a track."""
        cause, seconds = max(self.waited.items(), key=lambda item: item[1], default=("", 0.0))
        return cause if seconds >= 1 else ""


class Chain:
    """One simulation."""

    def __init__(self, settings: Settings, seed: int = 1) -> None:
        """Set the stages up."""
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
        """Let the time pass and return what was seen."""
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
            # Of the highest rate's arrivals as many are taken as the moment's rate has.
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
        """Deliver a message until it is acknowledged; return False where it became a dead letter."""
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
            # Counted once, however often the message comes.
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
        """Ask the engine as ``pipeline.engines.patience`` does, until its patience is at its end."""
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
        """Add the tracks that were under way since the last change to the area below their curve."""
        self._area += len(self._here) * (self.env.now - self._changed)
        self._changed = self.env.now
