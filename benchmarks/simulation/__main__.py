"""Find where the chain saturates at each volume: ``python -m benchmarks.simulation`` or ``make simulate``."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from math import inf
from typing import Final

from benchmarks import limits, usage
from benchmarks.costs import ENGINES, markdown
from benchmarks.limits import Limit
from benchmarks.simulation.chain import Chain
from benchmarks.simulation.outcomes import Outcome
from benchmarks.simulation.scenarios import (
    ENGINE_SECONDS,
    MONTH_SECONDS,
    SWING,
    VOLUMES,
    Regions,
    Volume,
    lets_through,
    one_region,
    regions,
    verdict,
)
from benchmarks.simulation.settings import Settings
from benchmarks.simulation.waiting import tables
from musicgenerator_google.vertex_pipelines import WAIT_FOR_MACHINE_MILLISECONDS

_MINUTE: Final = 60.0
_HOUR: Final = 3_600.0
_FEW: Final = 0.05


def main() -> None:
    """Run all simulations and print the tables."""
    cases = [(volume, engine) for volume in VOLUMES for engine in ENGINES]
    with ProcessPoolExecutor() as pool:
        single = list(pool.map(_single, *zip(*cases, strict=True)))
        waiting = tables(pool)
        several = list(pool.map(regions, *zip(*cases, strict=True)))
    print(limits_table())
    print("\nWhat each limit lets through in one region:\n")
    print(through_table())
    print("\nOne region, as deployed:\n")
    print(_single_table(single))
    titles = ("The first sound:", "The sketcher's instances:", "Warm machines:", "What warm machines carry:")
    for title, table in zip(titles, waiting, strict=True):
        print(f"\n{title}\n")
        print(table)
    print("\nAs many regions as it takes, and what they need together:\n")
    print(_regions_table(cases, several))
    print("\nRequests to the database and messages, at the peak:\n")
    print(rates_table())


def _single(volume: Volume, engine: str) -> tuple[Volume, str, Settings, Outcome]:
    settings = one_region(volume, engine)
    return volume, engine, settings, Chain(settings).run()


def limits_table() -> str:
    """Return all limits and durations with their sources."""
    rows = [list(row) for row in _limit_rows()]
    return markdown(["limit", "", "who says so"], rows)


def _limit_rows() -> Iterator[tuple[str, str, str]]:
    for function in ("captioner", "sketcher", "pipeline_launcher", "result_notifier"):
        flags = limits.hosted(function)
        says = f"`infra/functions/{function}.yaml`"
        yield f"{function}", f"{flags.instances} instances, {flags.concurrency} requests each", says
    named = {
        "Vertex AI submissions": limits.SUBMISSIONS,
        "Vertex AI jobs": limits.JOBS,
        "start of the step": limits.START,
        "its start on a warm machine": limits.WARM_START,
        "a delivery": limits.DELIVERY,
        "a new instance": limits.PLATFORM_START,
        "an idle instance": limits.IDLE,
        "a request without an instance": limits.PENDING,
        "Lyria 3 clip": limits.LYRIA_3_CLIP,
        "Lyria 2": limits.LYRIA_2,
        "the day's counter in Firestore": limits.COUNTER,
        "the describer": limits.DESCRIBER,
    }
    for name, limit in named.items():
        yield name, f"{limit.value:g} {limit.unit}", _says(limit)
    starts = ", ".join(f"{name} {seconds * limits.SLOWER:g}" for name, seconds in limits.PROCESS_SECONDS.items())
    yield "a new instance's process", f"seconds: {starts}", "measured and doubled"
    wait = f"{WAIT_FOR_MACHINE_MILLISECONDS / 1000:g} seconds that a step waits for one, then it gets a new machine"
    yield "warm machines", wait, "`src/musicgenerator_google/vertex_pipelines.py`"
    for tier in limits.TIERS:
        yield (
            f"OpenAI, tier {tier.name}",
            f"{tier.requests:,} requests, {tier.tokens:,} tokens a minute",
            _says(limits.TIERS_SOURCE),
        )
    seconds = ", ".join(f"{engine} {seconds:g}" for engine, seconds in ENGINE_SECONDS.items())
    seconds_of_sketch = ", ".join(f"{each:g} for {length} s" for length, each in usage.SKETCH_CPU_SECONDS.items())
    yield "a sketch", f"seconds: {seconds_of_sketch}", "measured and doubled"
    yield "the engine itself", f"seconds: {seconds}", "composer measured and doubled; the others are a guess"
    yield "the day's swing", f"the peak is {1 + SWING:g} times the mean", "a guess"


def through_table() -> str:
    """Return the pictures a month that pass each limit, with the assumed peak above the mean."""
    rates: dict[str, float] = {}
    for engine in ENGINES:
        for name, rate in lets_through(one_region(VOLUMES[1], engine)).items():
            rates[name] = min(rate, rates.get(name, inf))
    rows = [
        [name, f"{_figure(rate * 60)} a minute", _figure(rate * MONTH_SECONDS / (1 + SWING))]
        for name, rate in sorted(rates.items(), key=lambda item: item[1])
    ]
    return markdown(["limit", "pictures at most", "pictures a month, evenly but for the day's swing"], rows)


def _says(limit: Limit) -> str:
    return f"a guess: {limit.source}" if limit.guess else limit.source


def _single_table(found: list[tuple[Volume, str, Settings, Outcome]]) -> str:
    head = ["a month", "engine", "", "waits for", "median", "p99", "waiting at the end", "grows by", "by fallback"]
    return markdown(head, [_single_row(*each) for each in found])


def _single_row(volume: Volume, engine: str, settings: Settings, outcome: Outcome) -> list[str]:
    says = verdict(settings, outcome)
    behind = says == "falls behind"
    half = len(outcome.under_way) // 2
    growth = (outcome.under_way[-1] - outcome.under_way[half]) / (settings.seconds / 2) * _HOUR
    here = [
        f"{_figure(count)} at {stage}"
        for stage, count in outcome.waiting.most_common()
        if count > _FEW * outcome.arrived
    ]
    done = len(outcome.took)
    return [
        f"{volume.pictures:,}",
        engine,
        says,
        outcome.binding if says != "keeps up" else "",
        _minutes(outcome.median),
        _minutes(outcome.p99),
        ", ".join(here) if behind else "",
        f"{_figure(growth)} an hour" if behind else "",
        f"{outcome.by_fallback / done:.0%}" if outcome.by_fallback and done else "",
    ]


def _regions_table(cases: list[tuple[Volume, str]], found: list[Regions]) -> str:
    head = [
        "a month",
        "engine",
        "regions",
        "median",
        "p99",
        "descriptions a minute",
        "tier",
        "asked of the engine a minute",
    ]
    rows = [
        [
            f"{volume.pictures:,}",
            engine,
            f"{each.regions}",
            _minutes(each.outcome.median),
            _minutes(each.outcome.p99),
            _figure(each.describer),
            _tier(each.describer),
            _engine_need(engine, each),
        ]
        for (volume, engine), each in zip(cases, found, strict=True)
    ]
    return markdown(head, rows)


def _engine_need(engine: str, found: Regions) -> str:
    if engine == "composer":
        return ""
    if engine == "endpoint":
        return f"machines: {_figure(found.settings.engine_slots * found.regions)}"
    return _figure(found.engine)


def _tier(requests: int) -> str:
    tokens = requests * (usage.TOKENS_READ + usage.TOKENS_WRITTEN)
    enough = [tier.name for tier in limits.TIERS if tier.requests >= requests and tier.tokens >= tokens]
    return enough[0] if enough else "none"


def rates_table() -> str:
    """Return the requests to the database and the messages at the peak."""
    reads = usage.READS + sum(each.reads for each in usage.SKETCH_DOCUMENTS)
    writes = usage.WRITES + sum(each.writes for each in usage.SKETCH_DOCUMENTS)
    rows = [
        [
            f"{volume.pictures:,}",
            *(_figure(volume.peak * each) for each in (reads, writes, usage.MESSAGES)),
        ]
        for volume in VOLUMES
    ]
    return markdown(["a month", "documents read a second", "written", "messages a second"], rows)


def _minutes(seconds: float) -> str:
    return "none is done" if seconds == inf else f"{seconds / _MINUTE:.1f} min"


def _figure(count: float) -> str:
    return f"{float(f'{count:.2g}'):,.0f}" if count >= 1 else f"{count:.1g}"


if __name__ == "__main__":
    main()
