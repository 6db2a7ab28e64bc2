"""The settings of the simulations: pictures, engine and regions."""

from dataclasses import dataclass, replace
from math import ceil, inf
from typing import Final

from sweeping import LOOKED_AT, MAX_MESSAGES

from benchmarks import limits, usage
from benchmarks.costs import PLANS, endpoint_machines, largest_group
from benchmarks.simulation.chain import COUNTER, DESCRIBER, ENGINE, INSTANCES, Chain
from benchmarks.simulation.instances import Function
from benchmarks.simulation.outcomes import Outcome
from benchmarks.simulation.runs import JOBS, SUBMISSIONS, TICK_SECONDS
from benchmarks.simulation.settings import DAY_SECONDS, Settings
from musicgenerator.paces import PACES
from musicgenerator_google.vertex_pipelines import WAIT_FOR_MACHINE_MILLISECONDS
from pipeline.runs import TRACK_BYTES
from pipeline.slots import LOCAL_ENGINES, Slots

SWING: Final = usage.SWING
MONTH_SECONDS: Final = usage.DAYS_A_MONTH * DAY_SECONDS

# The seconds of one track in a step. The composer's are its pace, which is measured and doubled for a slower machine.
# The others are guesses.
ENGINE_SECONDS: Final = {
    "composer": PACES["composer"].alone(usage.MUSIC_SECONDS),
    "lyria-3-clip": 20.0,
    "lyria-3-pro": 30.0,
    "lyria-002": 20.0,
    "endpoint": usage.ENDPOINT_SECONDS,
}
ENGINE_LIMITS: Final = {
    "lyria-3-clip": limits.LYRIA_3,
    "lyria-3-pro": limits.LYRIA_3,
    "lyria-002": limits.LYRIA_2,
}
# What a step of an e2-standard-4 makes at once.
SLOTS: Final = Slots.of(limits.CPUS_A_RUN, 16 * 2**30, TRACK_BYTES)

CPUS: Final = "the steps' CPUs"
MANAGEMENT: Final = "Vertex AI management requests"
RISING: Final = "writes of `dueAt`"
LOOKED: Final = "tracks that a sweep looks at"
SWEPT: Final = "tracks that a sweep claims in a minute"
PUBLISHED: Final = "messages of a sweep"
_FULL: Final = 0.75
_SPARE: Final = 0.05

_NOON: Final = DAY_SECONDS / 2
_LATE_SECONDS: Final = 60.0
_ROOM: Final = 0.9
_MANY_REGIONS: Final = 12
_PLENTY: Final = 10_000
_KEPT_UP: Final = 2.0
_FEW: Final = 20


@dataclass(frozen=True)
class Volume:
    """Pictures a month, and the simulated period: ``seconds`` from ``start`` after midnight."""

    pictures: int
    start: float
    seconds: float
    stretch: str
    tier: limits.Tier

    @property
    def peak(self) -> float:
        """The maximum of pictures a second."""
        return self.pictures / MONTH_SECONDS * (1 + SWING)


VOLUMES: Final = (
    Volume(1_000, 0.0, MONTH_SECONDS, "a month", limits.TIERS[0]),
    Volume(1_000_000, 0.0, DAY_SECONDS, "a day", limits.TIERS[2]),
    Volume(10_000_000, _NOON - 1_800, 3_600.0, "an hour at the peak", limits.TIERS[2]),
    Volume(100_000_000, _NOON - 600, 1_200.0, "20 minutes at the peak", limits.TIERS[2]),
)


def one_region(volume: Volume, engine: str) -> Settings:
    """Return an installation with the deployed flags and default quotas, in one region.

    It assumes raised daily limits, which exist only to cap costs, with the counter's documents that follow from them.
    """
    _, caption, notify = usage.HANDLINGS
    tokens = usage.TOKENS_READ + usage.TOKENS_WRITTEN
    limit = ENGINE_LIMITS.get(engine)
    return Settings(
        pictures_a_second=volume.pictures / MONTH_SECONDS,
        seconds=volume.seconds,
        start=volume.start,
        swing=SWING,
        captioner=deployed("captioner"),
        sketcher=replace(deployed("sketcher"), pending_seconds=limits.pending_seconds("sketcher")),
        launcher=deployed("pipeline_launcher"),
        notifier=deployed("result_notifier"),
        jobs_at_once=int(limits.JOBS.value),
        engine_slots=endpoint_machines(volume.peak * 60) if engine == "endpoint" else _PLENTY,
        describer_limit=min(volume.tier.requests, volume.tier.tokens // tokens),
        counter_limit=60.0 * usage.shards(volume.pictures),
        submissions_limit=limits.SUBMISSIONS.value,
        engine_limit=limit.value if limit else inf,
        delivery_seconds=limits.DELIVERY.value,
        caption_seconds=caption.billed_seconds - limits.DESCRIBER.value,
        describer_seconds=limits.DESCRIBER.value,
        sketch_seconds=usage.SKETCH.billed_seconds,
        launch_seconds=usage.LAUNCH.billed_seconds,
        wait_seconds=usage.WAITS.billed_seconds,
        claim_seconds=usage.CLAIMED.billed_seconds,
        sweep_seconds=limits.SWEEP.value,
        close_seconds=usage.CLOSED.billed_seconds,
        engine=engine,
        music_seconds=usage.MUSIC_SECONDS,
        tracks_at_once=SLOTS.local if engine in LOCAL_ENGINES else SLOTS.remote,
        start_seconds=limits.START.value,
        warm_start_seconds=limits.WARM_START.value,
        warm_wait_seconds=WAIT_FOR_MACHINE_MILLISECONDS / 1000,
        engine_seconds=ENGINE_SECONDS[engine],
        fallback_seconds=ENGINE_SECONDS["composer"],
        notify_seconds=notify.billed_seconds,
    )


def deployed(function: str) -> Function:
    """Return a function with its deployment flags and the platform's limits."""
    flags = limits.hosted(function)
    return Function(flags.instances, flags.concurrency, limits.start_seconds(function), limits.IDLE.value)


def verdict(settings: Settings, outcome: Outcome) -> str:
    """Return whether the chain keeps up with the arrivals, falls behind, or is late at the peak."""
    # A track may wait for the next sweep, and for all other tracks of its job.
    others = largest_group(settings.engine) / settings.tracks_at_once * settings.engine_seconds
    gathers = settings.batch_seconds + TICK_SECONDS + others if settings.batch_seconds else 0.0
    steady = settings.rate(settings.seconds) * (settings.unloaded_seconds + gathers)
    if outcome.under_way[-1] > _KEPT_UP * steady + _FEW:
        return "falls behind"
    late = 2 * settings.unloaded_seconds + gathers + _LATE_SECONDS
    if outcome.dead_letters or outcome.by_fallback or outcome.p99 > late:
        return "late at the peak"
    return "keeps up"


class NeverKeepsUpError(Exception):
    """No number of regions keeps up with a volume."""


@dataclass(frozen=True)
class Fitting:
    """An installation that keeps up with a volume, with the lowest number of regions, and what was found."""

    volume: Volume
    engine: str
    settings: Settings
    outcome: Outcome


def fitting(volume: Volume, engine: str) -> Fitting:
    """Find the lowest number of regions that keeps up, with raised instances and quotas of the project.

    Vertex AI's quotas stay at their defaults: more regions raise those.
    """
    one = lets_through(raised(volume, engine, 1))
    count = max(1, ceil(_ROOM * volume.peak / min(one[each] for each in (JOBS, CPUS, SUBMISSIONS, PUBLISHED))))
    while True:
        settings = raised(volume, engine, count)
        outcome = Chain(settings).run()
        if verdict(settings, outcome) == "keeps up":
            return Fitting(volume, engine, settings, outcome)
        if count > _MANY_REGIONS:
            raise NeverKeepsUpError(f"{engine} at {volume.pictures:,}: {outcome.waiting}, {outcome.p99:.0f} s")
        count += 1


def raised(volume: Volume, engine: str, regions: int, warm: int = 0) -> Settings:
    """Return an installation that an operator has set up for a volume: its plan, and as many instances as it takes."""
    one = one_region(volume, engine)
    plan = PLANS[volume.pictures]
    waiting = (one.wait_seconds if plan.batch_seconds else one.launch_seconds) + one.claim_seconds + _SPARE
    sketcher = one.sketcher and _enough(one.sketcher, volume.peak * one.sketch_seconds)
    return replace(
        one,
        captioner=_enough(one.captioner, volume.peak * (one.caption_seconds + one.describer_seconds)),
        sketcher=sketcher,
        launcher=_enough(one.launcher, volume.peak * waiting),
        notifier=_enough(one.notifier, volume.peak * (one.notify_seconds + one.close_seconds)),
        regions=regions,
        warm=warm,
        batch_seconds=plan.batch_seconds,
        describer_limit=inf,
        engine_limit=inf,
    )


def _enough(function: Function, busy: float) -> Function:
    """Return a function with instances for this many requests at once on average, and a third more."""
    return replace(function, instances=max(function.instances, ceil(busy / function.concurrency / _FULL)))


def lets_through(settings: Settings) -> dict[str, float]:
    """Return the pictures a second that each limit allows, the lowest first; limits that allow all are left out.

    Under pressure, jobs are as large as they can be.
    """
    tracks = min(largest_group(settings.engine), settings.batch_tracks)
    job = (settings.launch_seconds + tracks * settings.claim_seconds) / tracks
    start = settings.start_seconds + settings.engine_seconds * max(1, ceil(tracks / settings.tracks_at_once))
    found = {
        INSTANCES.format("captioner"): settings.captioner.at_once
        / (settings.caption_seconds + settings.describer_seconds),
        INSTANCES.format("pipeline_launcher"): settings.launcher.at_once / (settings.wait_seconds + job),
        INSTANCES.format("result_notifier"): settings.notifier.at_once
        / (settings.notify_seconds + settings.close_seconds),
        JOBS: settings.regions * settings.jobs_at_once / start * tracks,
        CPUS: settings.regions * limits.CPUS.value / limits.CPUS_A_RUN / start * tracks,
        DESCRIBER: settings.describer_limit / 60,
        COUNTER: settings.counter_limit / 60,
        SUBMISSIONS: settings.regions * settings.submissions_limit / 60 * tracks,
        MANAGEMENT: settings.regions * limits.MANAGEMENT.value / limits.MANAGEMENT_A_RUN / 60 * tracks,
        RISING: limits.RISING.value / limits.RISING_WRITES,
        LOOKED: LOOKED_AT / TICK_SECONDS,
        SWEPT: 1 / settings.sweep_seconds if settings.sweep_seconds else inf,
        PUBLISHED: settings.regions * MAX_MESSAGES / TICK_SECONDS * tracks,
        ENGINE: settings.engine_limit / 60,
    }
    if settings.sketcher:
        found[INSTANCES.format("sketcher")] = settings.sketcher.at_once / settings.sketch_seconds
    return {name: rate for name, rate in sorted(found.items(), key=lambda item: item[1]) if rate < inf}
