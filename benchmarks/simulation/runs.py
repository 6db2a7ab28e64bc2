"""Pipeline jobs: tracks that wait for one, the sweeps that put them into groups, the regions, and the steps.

The groups, their turns by session and the sweep's limits are those of the functions. An overdue track is in one sweep
at a time, although two sweeps that overlap could both look at it.
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import ceil
from typing import Any, Final, Protocol

import simpy
from gathering import Gathering, Groups
from sweeping import CLAIMED, LOOKED_AT, MAX_MESSAGES, SWEEP_SECONDS, in_turns

from benchmarks.simulation.parts import Journey, RateLimit
from benchmarks.simulation.settings import Settings
from musicgenerator.messages import GatheredMessage
from musicgenerator.states import Status
from musicgenerator.track_requests import Request
from musicgenerator.tracks import Track

SUBMISSIONS: Final = "Vertex AI submissions"
JOBS: Final = "pipeline jobs at once"
WARM: Final = "warm machines"
OTHERS: Final = "other tracks of its job"
TICK_SECONDS: Final = 60.0
# REGION_PAUSE_SECONDS, and how long after a refusal new tracks wait for others (pipeline_launcher/launching.py).
PAUSE_SECONDS: Final = 30.0
CROWDED_SECONDS: Final = 10 * PAUSE_SECONDS
# Assumed: each session sends so many pictures one after another.
TRACKS_A_SESSION: Final = 3

Steps = Generator[simpy.Event, Any, None]


class Host(Protocol):
    """The chain: its time, its random durations, and the step of one track."""

    settings: Settings
    env: simpy.Environment

    def chance_of(self, number: int) -> int: ...

    def passing(self, seconds: float) -> simpy.Timeout: ...

    def step(self, journey: Journey) -> Steps: ...

    def publish(self, job: "Job") -> None:
        """Deliver a group, or a job that was refused, to the launcher."""

    def close(self, tracks: int) -> None:
        """Deliver the end of a job of several tracks to the notifier."""


@dataclass(eq=False)
class Job:
    """A group of tracks: those not yet claimed, those that are, and its region, which is negative until it has one."""

    unclaimed: list[Journey]
    members: list[Journey] = field(default_factory=list)
    region: int = -1


class Runs:
    """Regions that accept jobs, tracks and jobs that wait, and the sweeps that resume them."""

    def __init__(self, host: Host) -> None:
        """Start with nothing waiting and all regions free."""
        self._host, self._env = host, host.env
        settings = host.settings
        self.submissions = [
            RateLimit(self._env, SUBMISSIONS, settings.submissions_limit) for _ in range(settings.regions)
        ]
        self.jobs = [simpy.Resource(self._env, settings.jobs_at_once) for _ in range(settings.regions)]
        self.launched = self.runs = self.on_new_machines = self.most_jobs = self.longest_sweep = 0
        self._warm = simpy.Resource(self._env, max(1, settings.warm))
        self._busy = [-CROWDED_SECONDS] * settings.regions
        self._due: list[tuple[float, int, Job]] = []
        self._added = 0
        self._named: dict[str, Journey] = {}
        self._gathering = Gathering(settings.engine, settings.batch_tracks)
        self._request = Request(duration_seconds=settings.music_seconds)

    def choose(self) -> tuple[int, bool, bool]:
        """Return the region for a launch, whether it is busy, and whether new tracks wait for others."""
        now = self._env.now
        free = [number for number, until in enumerate(self._busy) if until <= now]
        calm = [number for number in free if self._busy[number] + CROWDED_SECONDS <= now] or free
        if not calm:
            return min(range(len(self._busy)), key=self._busy.__getitem__), True, True
        region = calm[self._host.chance_of(len(calm))]
        crowded = self._busy[region] + CROWDED_SECONDS > now
        return region, False, crowded or bool(self._host.settings.batch_seconds)

    def wait(self, job: Job, cause: str) -> None:
        """Let a track or a job wait until its region is free, or as long as the operator has set."""
        now, region = self._env.now, job.region
        busy = self._busy[region] if region >= 0 else min(self._busy)
        until = busy if busy > now else now + self._host.settings.batch_seconds
        for journey in (*job.unclaimed, *job.members):
            journey.wait(cause, now)
        self._push(until, job)

    def create(self, job: Job) -> None:
        """Create a job in its region, or let it wait if the region refuses it."""
        if self._busy[job.region] > self._env.now:
            self.wait(job, SUBMISSIONS)
        elif self.submissions[job.region].ask():
            self._env.process(self._run(job))
        else:
            self._busy[job.region] = self._env.now + PAUSE_SECONDS
            self.wait(job, SUBMISSIONS)

    def sweeps(self) -> Steps:
        """Sweep each minute."""
        while True:
            yield self._env.timeout(TICK_SECONDS)
            self._env.process(self._sweep())

    def _push(self, until: float, job: Job) -> None:
        self._added += 1
        heappush(self._due, (until, self._added, job))

    def _sweep(self) -> Steps:
        began, settings = self._env.now, self._host.settings
        left = MAX_MESSAGES * settings.regions
        groups = Groups(self._gathering)
        due = self._overdue()
        names = in_turns((_session(job), name) for name, job in due.items())
        while names and left > 0 and self._env.now <= began + SWEEP_SECONDS:
            size = min(CLAIMED, left)
            claimed, names = [due.pop(name) for name in names[:size]], names[size:]
            tracks = sum(len(job.unclaimed) + len(job.members) for job in claimed)
            yield self._env.timeout(settings.sweep_seconds * tracks)
            for job in claimed:
                if job.region >= 0:
                    self._host.publish(job)
                    left -= 1
                    continue
                (journey,) = job.unclaimed
                self._named[_name(journey)] = journey
                full = groups.add(Track(_session(job), _name(journey), Status.CAPTIONED, 1, self._request))
                if full:
                    self._publish(full[0])
                    left -= 1
        for job in due.values():
            self._push(began, job)
        for message, _ in groups.rest():
            self._publish(message)
        self.longest_sweep = max(self.longest_sweep, ceil(self._env.now - began))

    def _overdue(self) -> dict[str, Job]:
        found: dict[str, Job] = {}
        looked_at = 0
        while self._due and self._due[0][0] <= self._env.now and looked_at < LOOKED_AT:
            _, number, job = heappop(self._due)
            found[f"{number}"] = job
            looked_at += len(job.unclaimed) + len(job.members)
        return found

    def _publish(self, message: GatheredMessage) -> None:
        self._host.publish(Job([self._named.pop(attempt.track) for attempt in message.attempts]))

    def _run(self, job: Job) -> Steps:
        members = job.members
        _all(members, lambda journey: journey.wait(JOBS, self._env.now), "pipeline")
        with self.jobs[job.region].request() as slot:
            yield slot
            _all(members, lambda journey: journey.go_on(self._env.now))
            self.most_jobs = max(self.most_jobs, self.jobs[job.region].count)
            self.runs += 1
            self.launched += len(members)
            if not (yield from self._on_warm_machine(job)):
                self.on_new_machines += 1
                yield self._host.passing(self._host.settings.start_seconds)
                yield from self._make(members)
        if len(members) > 1:
            self._host.close(len(members))

    def _on_warm_machine(self, job: Job) -> Generator[simpy.Event, Any, bool]:
        """Run the step on a warm machine, or return False if none was free for as long as a step waits for one."""
        settings = self._host.settings
        if not settings.warm or job.region:
            return False
        with self._warm.request() as machine:
            _all(job.members, lambda journey: journey.wait(WARM, self._env.now))
            yield machine | self._env.timeout(settings.warm_wait_seconds)
            _all(job.members, lambda journey: journey.go_on(self._env.now))
            if not machine.triggered:
                return False
            yield self._host.passing(settings.warm_start_seconds)
            yield from self._make(job.members)
        return True

    def _make(self, members: list[Journey]) -> Steps:
        slots = simpy.Resource(self._env, self._host.settings.tracks_at_once)
        yield simpy.AllOf(self._env, [self._env.process(self._one(journey, slots)) for journey in members])

    def _one(self, journey: Journey, slots: simpy.Resource) -> Steps:
        journey.wait(OTHERS, self._env.now)
        with slots.request() as slot:
            yield slot
            journey.go_on(self._env.now)
            yield from self._host.step(journey)
        if journey.made:
            journey.made.succeed()


def _all(members: Iterable[Journey], do: Any, stage: str = "") -> None:
    for journey in members:
        journey.stage = stage or journey.stage
        do(journey)


def _name(journey: Journey) -> str:
    return f"t{journey.number:026}"


def _session(job: Job) -> str:
    first = (job.unclaimed or job.members)[0]
    return f"s{first.number // TRACKS_A_SESSION:026}"
