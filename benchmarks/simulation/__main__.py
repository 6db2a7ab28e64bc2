"""Find where the chain saturates at each volume: ``python -m benchmarks.simulation`` or ``make simulate``."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from math import inf
from typing import Final

from gathering import BATCH_TRACKS, RUN_SECONDS
from sweeping import LOOKED_AT, MAX_MESSAGES

from benchmarks import limits, usage
from benchmarks.costs import ENGINES, markdown
from benchmarks.limits import Limit
from benchmarks.simulation import scenarios
from benchmarks.simulation.chain import COUNTER, DESCRIBER, ENGINE, INSTANCES, SWEEP, Chain
from benchmarks.simulation.outcomes import Outcome, median, p99
from benchmarks.simulation.runs import JOBS, PAUSE_SECONDS, SUBMISSIONS
from benchmarks.simulation.scenarios import (
    ENGINE_SECONDS,
    MONTH_SECONDS,
    SWING,
    VOLUMES,
    Fitting,
    Volume,
    fitting,
    lets_through,
    one_region,
    verdict,
)
from benchmarks.simulation.settings import Settings
from benchmarks.simulation.waiting import tables
from musicgenerator.paces import PACES
from musicgenerator_google.vertex_pipelines import WAIT_FOR_MACHINE_MILLISECONDS

_MINUTE: Final = 60.0
_HOUR: Final = 3_600.0
_FEW: Final = 0.05
_NEXT: Final = 4
_TEN: Final = 10
_MANY: Final = 1_000_000


def main() -> None:
    """Run all simulations and print the tables."""
    # Lyria's and an endpoint's quotas end before the larger volumes.
    cases = [
        (volume, engine) for volume in VOLUMES for engine in ENGINES if engine == "composer" or volume.pictures <= _MANY
    ]
    with ProcessPoolExecutor() as pool:
        single = list(pool.map(_single, *zip(*cases, strict=True)))
        waiting = tables(pool)
        several = list(pool.map(fitting, *zip(*cases, strict=True)))
    print(limits_table())
    print("\nWhat each limit lets through in one region:\n")
    print(through_table())
    print("\nOne region, as deployed:\n")
    print(_single_table(single))
    titles = ("The first sound:", "The sketcher's instances:", "Warm machines:", "What warm machines carry:")
    for title, table in zip(titles, waiting, strict=True):
        print(f"\n{title}\n")
        print(table)
    print("\nSet up for each volume, with as many regions as it takes:\n")
    print(_fitting_table(several))
    composer = [each for each in several if each.engine == "composer"]
    print("\nWhat it needs, with the composer:\n")
    print(_needs_table(composer))
    print("\nWhich limit binds next, with the composer:\n")
    print(_next_table(composer))
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
        "Lyria 3 Clip and Pro": limits.LYRIA_3,
        "Lyria 2": limits.LYRIA_2,
        "Vertex AI management requests": limits.MANAGEMENT,
        "the steps' CPUs": limits.CPUS,
        "the day's counter in Firestore": limits.COUNTER,
        "the index on `dueAt`": limits.RISING,
        "a sweep": limits.SWEEP,
        "the describer": limits.DESCRIBER,
    }
    for name, limit in named.items():
        yield name, f"{limit.value:g} {limit.unit}", _says(limit)
    starts = ", ".join(f"{name} {seconds * limits.SLOWER:g}" for name, seconds in limits.PROCESS_SECONDS.items())
    yield "a new instance's process", f"seconds: {starts}", "measured and doubled"
    wait = f"{WAIT_FOR_MACHINE_MILLISECONDS / 1000:g} seconds that a step waits for one, then it gets a new machine"
    yield "warm machines", wait, "`src/musicgenerator_google/vertex_pipelines.py`"
    sweep = f"{MAX_MESSAGES} messages for each region and {LOOKED_AT:,} tracks looked at, each minute"
    yield "a sweep's work", sweep, "`functions/result_notifier/sweeping.py`"
    run = f"{BATCH_TRACKS} tracks, and what the engine makes in {RUN_SECONDS:g} seconds"
    yield "a job of several tracks", run, "`functions/result_notifier/gathering.py`"
    paces = ", ".join(f"{name} {PACES[name].seconds(usage.MUSIC_SECONDS):.3g}" for name in ENGINES)
    yield "seconds that a track of 30 s adds to a job", paces, "`src/musicgenerator/paces.py`"
    pause = f"{PAUSE_SECONDS:g} seconds without a job there"
    yield "a region that refuses a job", pause, "`functions/pipeline_launcher/launching.py`"
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
    rates = dict(lets_through(one_region(VOLUMES[1], "composer")))
    rates[ENGINE] = limits.LYRIA_3.value / _MINUTE
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


def _fitting_table(found: list[Fitting]) -> str:
    head = ["a month", "engine", "`BATCH_SECONDS`", "regions", "tracks a run", "music, median", "p99"]
    rows = [
        [
            f"{each.volume.pictures:,}",
            each.engine,
            f"{each.settings.batch_seconds:g}",
            f"{each.settings.regions}",
            f"{each.outcome.tracks_a_run:.1f}",
            _minutes(each.outcome.median),
            _minutes(each.outcome.p99),
            f"{median(each.outcome.sounded):.1f} s",
            f"{p99(each.outcome.sounded):.1f} s",
            _engine_need(each),
        ]
        for each in found
    ]
    return markdown([*head, "first sound, median", "p99", "asked of the engine a minute"], rows)


def _engine_need(found: Fitting) -> str:
    if found.engine == "composer":
        return ""
    if found.engine == "endpoint":
        return f"machines: {_figure(found.settings.engine_slots)}"
    return _figure(found.outcome.highest[ENGINE])


def _needs_table(found: list[Fitting]) -> str:
    names = ("captioner", "sketcher", "pipeline_launcher", "result_notifier")
    rows = [[f"{name}, instances", *(f"{each.outcome.highest[name]}" for each in found)] for name in names]
    rows += [
        ["submissions a minute in a region", *(f"{each.outcome.highest[SUBMISSIONS]}" for each in found)],
        ["pipeline jobs at once in a region", *(f"{each.outcome.highest[JOBS]}" for each in found)],
        ["CPUs for training in a region", *(f"{each.outcome.highest[JOBS] * limits.CPUS_A_RUN}" for each in found)],
        ["descriptions a minute", *(_figure(each.outcome.highest[DESCRIBER]) for each in found)],
        ["OpenAI's tier", *(_tier(each.outcome.highest[DESCRIBER]) for each in found)],
        ["documents of the day's counter", *(f"{usage.shards(each.volume.pictures)}" for each in found)],
        ["seconds of the longest sweep", *(f"{each.outcome.highest[SWEEP]}" for each in found)],
        ["`DAILY_LIMIT`, `TRACKS_A_DAY`", *(f"{usage.daily_limit(each.volume.pictures):,}" for each in found)],
    ]
    return markdown(["at most, with pictures a month", *(f"{each.volume.pictures:,}" for each in found)], rows)


def _next_table(found: list[Fitting]) -> str:
    rows = []
    for each in found:
        for name, rate in list(lets_through(each.settings).items())[:_NEXT]:
            peak, most = each.volume.peak * _MINUTE, rate * _MINUTE
            rows.append(
                [f"{each.volume.pictures:,}", _figure(peak), name, _figure(most), _times(most / peak), _source(name)]
            )
    return markdown(["a month", "tracks a minute at the peak", "limit", "allows", "times", "who says so"], rows)


def _times(ratio: float) -> str:
    return f"{ratio:,.1f}" if ratio < _TEN else _figure(ratio)


def _source(name: str) -> str:
    """Return who says that a limit is what it is."""
    for function in ("captioner", "sketcher", "pipeline_launcher", "result_notifier"):
        if name == INSTANCES.format(function):
            return f"`{function.upper()}_INSTANCES`, Cloud Run's quota"
    return {
        COUNTER: f"{limits.COUNTER.source}; follows `DAILY_LIMIT`",
        JOBS: _says(limits.JOBS),
        SUBMISSIONS: limits.SUBMISSIONS.source,
        scenarios.CPUS: limits.CPUS.source,
        scenarios.MANAGEMENT: limits.MANAGEMENT.source,
        scenarios.RISING: limits.RISING.source,
        scenarios.SWEPT: _says(limits.SWEEP),
        scenarios.LOOKED: "`LOOKED_AT`",
        scenarios.PUBLISHED: "`MAX_MESSAGES`",
    }.get(name, "")


def _tier(requests: int) -> str:
    tokens = requests * (usage.TOKENS_READ + usage.TOKENS_WRITTEN)
    enough = [tier.name for tier in limits.TIERS if tier.requests >= requests and tier.tokens >= tokens]
    return enough[0] if enough else "none"


def rates_table() -> str:
    """Return the requests to the database and the messages at the peak."""
    rows = []
    for volume in VOLUMES:
        documents = (*usage.documents(volume.pictures), *usage.SHARED_DOCUMENTS, *usage.SKETCH_DOCUMENTS)
        reads, writes = sum(each.reads for each in documents), sum(each.writes for each in documents)
        rows.append(
            [f"{volume.pictures:,}", *(_figure(volume.peak * each) for each in (reads, writes, usage.MESSAGES))]
        )
    return markdown(["a month", "documents read a second", "written", "messages a second"], rows)


def _minutes(seconds: float) -> str:
    return "none is done" if seconds == inf else f"{seconds / _MINUTE:.1f} min"


def _figure(count: float) -> str:
    return f"{float(f'{count:.2g}'):,.0f}" if count >= 1 else f"{count:.1g}"


if __name__ == "__main__":
    main()
