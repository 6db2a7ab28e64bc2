"""The chain: pictures arrive, are captioned, sketched, launched, set to music and settled; each stage has limits.

A refused message is delivered again with growing pauses, as by Pub/Sub, and finally becomes a dead letter; a caption
for the sketcher is dropped instead. The model leaves out the slow growth of push subscriptions, which keeps back what
would otherwise be refused: only the sketcher's requests are refused if no instance is free.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Generator
from random import Random
from typing import Any, Final

import simpy

from benchmarks.limits import DELIVERIES, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, SKETCH_RETENTION_SECONDS
from benchmarks.simulation.instances import Function, Instances
from benchmarks.simulation.outcomes import Outcome
from benchmarks.simulation.parts import Journey, RateLimit
from benchmarks.simulation.runs import JOBS, SUBMISSIONS, Job, Runs, Steps
from benchmarks.simulation.settings import Settings
from pipeline.engines.patience import PATIENCE_SECONDS

DESCRIBER: Final = "the describer's requests or tokens a minute"
COUNTER: Final = "the day's counter"
ENGINE: Final = "the engine's requests a minute"
INSTANCES: Final = "instances of {}"
STARTS: Final = "the start of {}"
MACHINES: Final = "machines of the endpoint"
SWEEP: Final = "seconds of the longest sweep"
GATHERING: Final = "other tracks, for a job"

_COUNTER_TRIES: Final = 12  # FirestoreTracks.advance tries 40 times in about 12 s
_FIRST_WAIT_SECONDS: Final = 2.0
_LONGEST_WAIT_SECONDS: Final = 60.0

Handled = Generator[simpy.Event, Any, str]
Work = Callable[[Journey], Handled]


class Chain:
    """One simulation."""

    def __init__(self, settings: Settings, seed: int = 1) -> None:
        """Create the stages."""
        self.settings, self.env, self._chance = settings, simpy.Environment(), Random(seed)
        functions = {
            "captioner": settings.captioner,
            "sketcher": settings.sketcher or Function(),
            "pipeline_launcher": settings.launcher,
            "result_notifier": settings.notifier,
        }
        self.functions = {name: Instances(self.env, each, self._seconds) for name, each in functions.items()}
        self.runs = Runs(self)
        self._machines = simpy.Resource(self.env, settings.engine_slots)
        self.describer = RateLimit(self.env, DESCRIBER, settings.describer_limit)
        self.counter = RateLimit(self.env, COUNTER, settings.counter_limit)
        self.engine = RateLimit(self.env, ENGINE, settings.engine_limit)
        self._here: dict[int, Journey] = {}
        self._took: list[float] = []
        self._sounded: list[float] = []
        self._unsketched = 0
        self._waited: dict[str, float] = defaultdict(float)
        self._dead: Counter[str] = Counter()
        self._arrived = self._by_fallback = 0
        self._area, self._changed, self._next_wake = 0.0, 0.0, 0.0
        self._under_way: list[int] = []

    def run(self) -> Outcome:
        """Run the simulation and return the result."""
        self.env.process(self._arrivals())
        self.env.process(self._samples())
        self.env.process(self.runs.sweeps())
        self.env.run(self.settings.seconds)
        self._count()
        for journey in self._here.values():
            journey.go_on(self.env.now)
            self._add(journey)
        limits = (self.describer, self.counter, *self.runs.submissions, self.engine)
        return Outcome(
            arrived=self._arrived,
            took=self._took,
            sounded=self._sounded,
            unsketched=self._unsketched,
            launched=self.runs.launched,
            runs=self.runs.runs,
            on_new_machines=self.runs.on_new_machines,
            waiting=Counter(journey.stage for journey in self._here.values()),
            waited={cause: seconds / max(1, self._arrived) for cause, seconds in self._waited.items()},
            dead_letters=self._dead,
            by_fallback=self._by_fallback,
            under_way=self._under_way,
            mean_under_way=self._area / self.settings.seconds,
            highest={limit.name: max(each.highest for each in limits if each.name == limit.name) for limit in limits}
            | {name: instances.highest for name, instances in self.functions.items()}
            | {JOBS: self.runs.most_jobs, SWEEP: self.runs.longest_sweep},
        )

    def _arrivals(self) -> Steps:
        settings = self.settings
        for _ in range(settings.at_once):
            self._arrive()
        highest = settings.pictures_a_second * (1 + settings.swing)
        while highest:
            yield self.env.timeout(self._chance.expovariate(highest))
            # Thinning: arrivals come at the highest rate, and each is kept with the share of the current rate.
            if self._chance.random() * highest < settings.rate(self.env.now):
                self._arrive()

    def _arrive(self) -> None:
        self._arrived += 1
        self.env.process(self._track(self._arrived))

    def _samples(self) -> Steps:
        while True:
            yield self.env.timeout(self.settings.seconds / 100)
            self._under_way.append(len(self._here))

    def _track(self, number: int) -> Steps:
        if self.env.now >= self._next_wake:
            self._next_wake = self.env.now + self.settings.wake_pause_seconds
            for name in self.settings.wakes:
                self.env.process(self._woken(name))
        yield self.env.timeout(self.settings.wake_seconds)
        journey = Journey(self.env.now, number, self.env.event())
        self._count()
        self._here[number] = journey
        ready = False
        if (yield from self._delivered(journey, "captioner", self._caption)):
            if self.settings.sketcher:
                self.env.process(self._sketched(journey))
            if (yield from self._delivered(journey, "pipeline_launcher", self._launch)):
                yield journey.made  # type: ignore[misc]  # set above
                ready = yield from self._delivered(journey, "result_notifier", self._notify)
        self._count()
        del self._here[number]
        self._add(journey)
        if ready:
            self._took.append(self.env.now - journey.began)
            self._sound(journey)

    def _woken(self, function: str) -> Steps:
        yield self.passing(self.settings.delivery_seconds)
        self.functions[function].wake()

    def _delivered(self, journey: Journey, function: str, work: Work) -> Generator[simpy.Event, Any, bool]:
        """Deliver a message until it is acknowledged; return False if it became a dead letter."""
        journey.stage, pause, instances = function, FIRST_PAUSE_SECONDS, self.functions[function]
        for _ in range(DELIVERIES[function]):
            yield self.passing(self.settings.delivery_seconds)
            journey.wait((INSTANCES if instances.is_full() else STARTS).format(function), self.env.now)
            instance = yield from instances.enter()
            journey.go_on(self.env.now)
            refused = INSTANCES.format(function)
            if instance:
                refused = yield from work(journey)
                instances.leave(instance)
            if not refused:
                return True
            journey.wait(refused, self.env.now)
            yield self.env.timeout(self._pause(pause))
            journey.go_on(self.env.now)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        self._dead[function] += 1
        return False

    def _sketched(self, journey: Journey) -> Steps:
        """Deliver a caption to the sketcher until it has made the sketch, or until the message is dropped."""
        published, pause, instances = self.env.now, FIRST_PAUSE_SECONDS, self.functions["sketcher"]
        while self.env.now < published + SKETCH_RETENTION_SECONDS:
            yield self.passing(self.settings.delivery_seconds)
            instance = yield from instances.enter()
            if instance:
                if not journey.sounded:
                    yield self.passing(self.settings.sketch_seconds)
                    self._sound(journey)
                instances.leave(instance)
                return
            yield self.env.timeout(self._pause(pause))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        self._unsketched += 1

    def _sound(self, journey: Journey) -> None:
        """Record the first sound of a track: its sketch, or its music if that is earlier."""
        if not journey.sounded:
            journey.sounded = True
            self._sounded.append(self.env.now - journey.began)

    def _caption(self, _: Journey) -> Handled:
        yield self.passing(self.settings.caption_seconds)
        if not self.describer.ask():
            return self.describer.name
        yield self.passing(self.settings.describer_seconds)
        return ""

    def _launch(self, journey: Journey) -> Handled:
        region, busy, gathers = self.runs.choose()
        if busy or gathers:
            yield self.passing(self.settings.wait_seconds)
            cause = SUBMISSIONS if busy or not self.settings.batch_seconds else GATHERING
            self.runs.wait(Job([journey]), cause)
            return ""
        yield self.passing(self.settings.launch_seconds)
        refused = yield from self._counted(journey)
        if not refused:
            self.runs.create(Job([], [journey], region))
        return refused

    def _launch_together(self, job: Job) -> Handled:
        region, busy, _ = self.runs.choose()
        if job.region < 0 and busy:
            yield self.passing(self.settings.wait_seconds * len(job.unclaimed))
            for journey in job.unclaimed:
                self.runs.wait(Job([journey]), SUBMISSIONS)
            job.unclaimed = []
            return ""
        if job.region < 0:
            job.region = region
            yield self.passing(self.settings.claim_seconds * len(job.unclaimed))
        for journey in list(job.unclaimed):
            refused = yield from self._counted(journey)
            if refused:
                return refused
            job.unclaimed.remove(journey)
            job.members.append(journey)
        yield self.passing(self.settings.launch_seconds)
        self.runs.create(job)
        return ""

    def publish(self, job: Job) -> None:
        """Deliver a group, or a job that was refused, to the launcher."""
        self.env.process(self._launched(job))

    def _launched(self, job: Job) -> Steps:
        message = Journey(self.env.now)
        members = [*job.unclaimed, *job.members]
        for journey in members:
            journey.go_on(self.env.now)
        yield from self._delivered(message, "pipeline_launcher", lambda _: self._launch_together(job))
        # A group waits for its launcher together.
        for cause, seconds in message.waited.items():
            for journey in members:
                journey.waited[cause] += seconds

    def close(self, tracks: int) -> None:
        """Deliver the end of a job of several tracks to the notifier."""
        self.env.process(self._delivered(Journey(self.env.now), "result_notifier", lambda _: self._close(tracks)))

    def _close(self, tracks: int) -> Handled:
        yield self.passing(self.settings.close_seconds * tracks)
        return ""

    def _counted(self, journey: Journey) -> Handled:
        """Count a launch once, even if the message is delivered again."""
        for _ in range(_COUNTER_TRIES):
            journey.counted = journey.counted or self.counter.ask()
            if journey.counted:
                return ""
            journey.wait(self.counter.name, self.env.now)
            yield self.env.timeout(1.0)
            journey.go_on(self.env.now)
        return self.counter.name

    def chance_of(self, number: int) -> int:
        """Return a random number below this one."""
        return self._chance.randrange(number) if number > 1 else 0

    def step(self, journey: Journey) -> Steps:
        """Make one track's music in its job's step."""
        if not (yield from self._admitted(journey)):
            self._by_fallback += 1
            yield self.passing(self.settings.fallback_seconds)
            return
        journey.wait(MACHINES, self.env.now)
        with self._machines.request() as machine:
            yield machine
            journey.go_on(self.env.now)
            yield self.passing(self.settings.engine_seconds)

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
        yield self.passing(self.settings.notify_seconds)
        return ""

    def passing(self, seconds: float) -> simpy.Timeout:
        """Return a random duration with this median."""
        return self.env.timeout(self._seconds(seconds))

    def _seconds(self, median: float) -> float:
        return self.settings.takes(self._chance, median) if median else 0.0

    def _pause(self, shortest: float) -> float:
        """Return the pause before the next delivery, which is never shorter than the subscription's backoff."""
        return shortest * self._chance.uniform(1.0, 1.5)

    def _add(self, journey: Journey) -> None:
        for cause, seconds in journey.waited.items():
            self._waited[cause] += seconds

    def _count(self) -> None:
        """Integrate the number of tracks under way since the last change."""
        self._area += len(self._here) * (self.env.now - self._changed)
        self._changed = self.env.now
