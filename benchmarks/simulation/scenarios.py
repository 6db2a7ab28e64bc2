"""The settings of the simulations: pictures, engine and regions."""

from dataclasses import dataclass, replace
from math import ceil, inf
from typing import Final

from benchmarks import limits, usage
from benchmarks.costs import endpoint_machines
from benchmarks.simulation.chain import COUNTER, DESCRIBER, ENGINE, INSTANCES, JOBS, SUBMISSIONS, Chain
from benchmarks.simulation.instances import Function
from benchmarks.simulation.outcomes import Outcome
from benchmarks.simulation.settings import DAY_SECONDS, Settings
from musicgenerator_google.vertex_pipelines import WAIT_FOR_MACHINE_MILLISECONDS

# Assumed: the busiest hour has 1.5 times the mean.
SWING: Final = 0.5
MONTH_SECONDS: Final = usage.DAYS_A_MONTH * DAY_SECONDS

# The engine's seconds. The composer's are measured: 30 s of music with mastering and encoding take 3 CPU seconds on
# the machine of the other figures, doubled here for a slower one. The others are guesses.
ENGINE_SECONDS: Final = {"composer": 6.0, "lyria-3-clip": 20.0, "lyria-002": 20.0, "endpoint": usage.ENDPOINT_SECONDS}
ENGINE_LIMITS: Final = {"lyria-3-clip": limits.LYRIA_3_CLIP, "lyria-002": limits.LYRIA_2}

_NOON: Final = DAY_SECONDS / 2
_LATE_SECONDS: Final = 60.0
_ROOM: Final = 0.9
_MORE: Final = 1.15
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
    Volume(100_000_000, _NOON - 600, 1_200.0, "20 minutes at the peak", limits.TIERS[2]),
)


def one_region(volume: Volume, engine: str) -> Settings:
    """Return an installation with the deployed flags and default quotas, in one region.

    It assumes raised daily limits, which exist only to cap costs.
    """
    caption, launch, notify = usage.HANDLINGS[1:4]
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
        counter_limit=limits.COUNTER.value,
        submissions_limit=limits.SUBMISSIONS.value,
        engine_limit=limit.value if limit else inf,
        delivery_seconds=limits.DELIVERY.value,
        caption_seconds=caption.billed_seconds - limits.DESCRIBER.value,
        describer_seconds=limits.DESCRIBER.value,
        sketch_seconds=usage.SKETCH.billed_seconds,
        launch_seconds=launch.billed_seconds,
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
    steady = settings.rate(settings.seconds) * settings.unloaded_seconds
    if outcome.under_way[-1] > _KEPT_UP * steady + _FEW:
        return "falls behind"
    if outcome.dead_letters or outcome.by_fallback or outcome.p99 > 2 * settings.unloaded_seconds + _LATE_SECONDS:
        return "late at the peak"
    return "keeps up"


@dataclass(frozen=True)
class Regions:
    """How many installations, each in its own region, keep up, and what all need together.

    ``describer`` and ``engine`` are the requests of the busiest minute; more regions do not raise these quotas.
    """

    regions: int
    settings: Settings
    outcome: Outcome
    describer: int
    engine: int


def regions(volume: Volume, engine: str) -> Regions:
    """Find the lowest number of regions that keeps up, with raised quotas of organisation and project."""
    whole = replace(one_region(volume, engine), describer_limit=inf, engine_limit=inf)
    # Sketches that are dropped delay no music.
    first = volume.peak / min(lets_through(replace(whole, sketcher=None)).values())
    count = max(1, ceil(first * _ROOM))
    while True:
        share = _share(whole, volume, count)
        outcome = Chain(share).run()
        if verdict(share, outcome) == "keeps up":
            return Regions(count, share, outcome, outcome.highest[DESCRIBER] * count, outcome.highest[ENGINE] * count)
        count = max(count + 1, ceil(count * _MORE))


def _share(whole: Settings, volume: Volume, count: int) -> Settings:
    """Return one of ``count`` regions, from two hours before the peak to its end, so that a backlog shows."""
    machines = max(1, ceil(whole.engine_slots / count)) if whole.engine_slots < _PLENTY else _PLENTY
    share = replace(whole, pictures_a_second=whole.pictures_a_second / count, engine_slots=machines)
    if volume.pictures == VOLUMES[0].pictures:
        return share
    return replace(share, start=_NOON - 2 * 3_600.0, seconds=3 * 3_600.0)


def lets_through(settings: Settings) -> dict[str, float]:
    """Return the pictures a second that each limit allows, the lowest first; limits that allow all are left out."""
    found = {
        INSTANCES.format("captioner"): settings.captioner.at_once
        / (settings.caption_seconds + settings.describer_seconds),
        INSTANCES.format("pipeline_launcher"): settings.launcher.at_once / settings.launch_seconds,
        INSTANCES.format("result_notifier"): settings.notifier.at_once / settings.notify_seconds,
        **(
            {INSTANCES.format("sketcher"): settings.sketcher.at_once / settings.sketch_seconds}
            if settings.sketcher
            else {}
        ),
        JOBS: settings.jobs_at_once / (settings.start_seconds + settings.engine_seconds),
        DESCRIBER: settings.describer_limit / 60,
        COUNTER: settings.counter_limit / 60,
        SUBMISSIONS: settings.submissions_limit / 60,
        ENGINE: settings.engine_limit / 60,
    }
    if settings.sketcher:
        found[INSTANCES.format("sketcher")] = settings.sketcher.at_once / settings.sketch_seconds
    return {name: rate for name, rate in sorted(found.items(), key=lambda item: item[1]) if rate < inf}
