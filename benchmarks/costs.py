"""Dollars a track by engine and by pictures a month: ``python -m benchmarks.costs`` or ``make costs``.

The figures are list prices (``infra/prices.toml``) times a track's usage (``usage.py``); none comes from a bill.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, cos, exp, floor, lgamma, log, log10, pi, sqrt
from typing import Final

from gathering import BATCH_TRACKS, RUN_SECONDS

from benchmarks import usage
from benchmarks.limits import hosted
from infra.costs import HOURS_A_MONTH, STEP_MACHINE, pays_from
from infra.prices import Price, prices
from musicgenerator.paces import PACES

Prices = Mapping[str, Price]


@dataclass(frozen=True)
class Plan:
    """What an operator sets at a volume: ``BATCH_SECONDS``, the number of ``REGIONS``, and ``WARM``."""

    batch_seconds: int
    regions: int
    warm: int


PLANS: Final[Mapping[int, Plan]] = {
    1_000: Plan(batch_seconds=0, regions=1, warm=1),
    1_000_000: Plan(batch_seconds=1, regions=1, warm=1),
    10_000_000: Plan(batch_seconds=1, regions=1, warm=8),
    100_000_000: Plan(batch_seconds=1, regions=3, warm=28),
}
VOLUMES: Final = tuple(PLANS)
_HOURS: Final = 24
_RARE: Final = 8.0  # standard deviations


def plan(pictures: int) -> Plan:
    """Return the plan of the largest volume that these pictures a month reach, or of the smallest."""
    return PLANS[max((volume for volume in VOLUMES if volume <= pictures), default=VOLUMES[0])]


def largest_group(engine: str) -> int:
    """Return how many tracks of an engine share a job at most."""
    return max(1, min(BATCH_TRACKS, floor(RUN_SECONDS / PACES[engine].seconds(usage.MUSIC_SECONDS))))


def tracks_a_run(engine: str, pictures: int, batch_seconds: float) -> float:
    """Return the mean number of tracks of a pipeline job.

    Each sweep takes what has become due since the one before, a minute ago, however long each track has waited. The
    arrivals are random, with the day's swing.
    """
    if not batch_seconds:
        return 1.0
    mean = pictures / (60 * 24 * usage.DAYS_A_MONTH)
    most = largest_group(engine)
    hours = [mean * (1 - usage.SWING * cos(2 * pi * hour / _HOURS)) for hour in range(_HOURS)]
    return mean / (sum(_groups(arrivals, most) for arrivals in hours) / _HOURS)


def _groups(mean: float, most: int) -> float:
    """Return the mean number of groups of up to ``most`` that a Poisson number of tracks makes."""
    highest = ceil(mean + _RARE * sqrt(mean) + _RARE)
    lowest = max(1, floor(mean - _RARE * sqrt(mean)))
    return sum(
        ceil(count / most) * exp(count * log(mean) - mean - lgamma(count + 1)) for count in range(lowest, highest + 1)
    )


def parts(
    engine: str, pictures: int, known: Prices, *, sketches: bool = True, batch_seconds: float | None = None
) -> dict[str, float]:
    """Return the dollars of each part of one track for ``pictures`` a month, on new machines.

    ``batch_seconds`` are those of the volume's plan unless they are given.
    """
    tracks = tracks_a_run(engine, pictures, plan(pictures).batch_seconds if batch_seconds is None else batch_seconds)
    documents = [(each, 1.0) for each in usage.documents(pictures)]
    message_bytes = (usage.TRACK_MESSAGES + usage.JOB_MESSAGES / tracks) * usage.MESSAGE_BYTES
    if tracks > 1:
        documents += [(each, 1.0) for each in usage.SHARED_DOCUMENTS]
        documents += [(each, 1 / tracks) for each in usage.JOB_DOCUMENTS]
        message_bytes += max(usage.MESSAGE_BYTES, tracks * usage.ATTEMPT_BYTES) / tracks
    music = usage.MP3_BYTES + usage.COVER_BYTES
    kept = (music + usage.WAV_BYTES) * usage.DAYS_OF_MUSIC + usage.PICTURE_BYTES * usage.DAYS_OF_PICTURE
    return {
        "pipeline run": known["pipeline_run"].of(1 / tracks),
        "pipeline metadata": known["ml_metadata"].of(
            usage.METADATA_BYTES * usage.HOURS_OF_METADATA / HOURS_A_MONTH / tracks
        ),
        "pipeline machine": new_machine(known, engine, tracks) / tracks,
        "engine": ENGINES[engine](pictures, known),
        "description": known["describer_read"].of(usage.TOKENS_READ)
        + known["describer_written"].of(usage.TOKENS_WRITTEN),
        "moderation": known["moderation"].of(1),
        "sketch": sum(sketch_parts(known).values()) if sketches else 0.0,
        "functions": sum(share * _invocation(each, known) for each, share in usage.handlings(tracks)),
        "Pub/Sub": known["pubsub"].of(2 * message_bytes),
        "Firestore": known["firestore_reads"].of(sum(share * each.reads for each, share in documents))
        + known["firestore_writes"].of(sum(share * each.writes for each, share in documents))
        + known["firestore_deletes"].of(sum(share * each.deletes for each, share in documents)),
        "storage for a month": known["storage"].of(kept / usage.DAYS_A_MONTH)
        + known["storage_changes"].of(usage.OBJECTS_WRITTEN + usage.JOB_OBJECTS_WRITTEN / tracks)
        + known["storage_looks"].of(usage.OBJECTS_READ + usage.JOB_OBJECTS_READ / tracks),
        "one hearing": known["egress"].of(music),
        "logs": known["logs"].of(usage.LOG_BYTES),
        "at rest": sum(at_rest(known).values()) / pictures,
    }


def track(
    engine: str, pictures: int, known: Prices, *, sketches: bool = True, batch_seconds: float | None = None
) -> float:
    """Return the dollars of one track, on new machines."""
    return sum(parts(engine, pictures, known, sketches=sketches, batch_seconds=batch_seconds).values())


def sketch_parts(known: Prices) -> dict[str, float]:
    """Return the dollars of each part of one sketch of 30 s, which is heard once."""
    documents = usage.SKETCH_DOCUMENTS
    return {
        "function": _invocation(usage.SKETCH, known),
        "Pub/Sub": known["pubsub"].of(usage.SKETCH_DELIVERIES * usage.MESSAGE_BYTES),
        "Firestore": known["firestore_reads"].of(sum(each.reads for each in documents))
        + known["firestore_writes"].of(sum(each.writes for each in documents)),
        "storage for a month": known["storage"].of(usage.SKETCH_BYTES * usage.DAYS_OF_MUSIC / usage.DAYS_A_MONTH)
        + known["storage_changes"].of(1)
        + known["storage_looks"].of(1),
        "one hearing": known["egress"].of(usage.SKETCH_BYTES),
        "logs": known["logs"].of(usage.SKETCH_LOG_BYTES),
    }


def export_parts(kind: str, seconds: int, known: Prices) -> dict[str, float]:
    """Return the dollars of each part of one export in a job of its own, and those of one download of it."""
    size = usage.EXPORT_BYTES[kind][seconds]
    return {
        "pipeline run": known["pipeline_run"].of(1),
        "pipeline machine": known[f"machine.{STEP_MACHINE}"].of(usage.export_minutes(kind, seconds) / 60),
        "storage for a month": known["storage"].of(size * usage.DAYS_OF_MUSIC / usage.DAYS_A_MONTH)
        + known["storage_changes"].of(usage.EXPORT_OBJECTS_WRITTEN + usage.JOB_OBJECTS_WRITTEN)
        + known["storage_looks"].of(usage.EXPORT_OBJECTS_READ + usage.JOB_OBJECTS_READ),
        "one download": known["egress"].of(size),
    }


def new_machine(known: Prices, engine: str = "composer", tracks: float = 1.0) -> float:
    """Return the dollars of a machine that is started for a step which makes this many tracks."""
    return known[f"machine.{STEP_MACHINE}"].of(usage.machine_minutes(engine, tracks) / 60)


def warm_month(number: int, known: Prices, machine: str = STEP_MACHINE) -> float:
    """Return the dollars of a month of machines that are kept warm; the steps on them cost nothing more."""
    return known[f"machine.{machine}"].of(number * HOURS_A_MONTH)


def warm_adds(number: int, pictures: int, on_demand: float, known: Prices, *, tracks: float = 1.0) -> float:
    """Return what warm machines add to a track of `composer` whose step makes this many.

    The share ``on_demand`` of the steps runs on new machines.
    """
    return warm_month(number, known) / pictures - (1 - on_demand) * new_machine(known, tracks=tracks) / tracks


def kept_instance(function: str, known: Prices) -> float:
    """Return the dollars of a month of one instance that waits for requests (``--min-instances 1``)."""
    seconds = 3600 * HOURS_A_MONTH
    return known["function_idle_cpu"].of(seconds) + known["function_memory"].of(seconds * hosted(function).memory_gib)


def endpoint_machines(takes_a_minute: float) -> int:
    """Return how many machines an endpoint needs at the assumed utilisation."""
    return max(1, ceil(takes_a_minute / 60 * usage.ENDPOINT_SECONDS / usage.ENDPOINT_BUSY))


def _invocation(handling: usage.Handling, known: Prices) -> float:
    seconds = handling.billed_seconds
    computing = known["function_cpu"].of(seconds) + known["function_memory"].of(seconds * handling.memory_gib)
    return known["function_requests"].of(1) + computing


def at_rest(known: Prices) -> dict[str, float]:
    """Return the dollars of each part of a month without pictures."""
    ticks = usage.TICKS_A_MONTH
    return {
        "alerts: conditions": known["alert_condition"].of(usage.ALERT_CONDITIONS),
        "alerts: time series read": known["alert_series"].of(usage.ALERT_SERIES * usage.EVALUATIONS_A_MONTH),
        "tick: the scheduler's job": known["scheduler_job"].of(1),
        "tick: the function": ticks * _invocation(usage.TICK, known),
        "tick: Pub/Sub": known["pubsub"].of(ticks * 2 * usage.MESSAGE_BYTES),
        "tick: Firestore": known["firestore_reads"].of(ticks * usage.TICK_READS),
        "tick: logs": known["logs"].of(ticks * usage.TICK_LOG_BYTES),
        "secrets": known["secret_version"].of(usage.SECRET_VERSIONS),
        "images": known["images"].of(usage.IMAGE_BYTES),
    }


def _endpoint(pictures: int, known: Prices) -> float:
    minutes = 60 * 24 * usage.DAYS_A_MONTH
    return known["endpoint_machine"].of(minutes / 60) * endpoint_machines(pictures / minutes) / pictures


ENGINES: Final[Mapping[str, Callable[[int, Prices], float]]] = {
    "composer": lambda _, __: 0.0,
    "lyria-3-clip": lambda _, known: known["lyria_3_clip"].of(1),
    "lyria-3-pro": lambda _, known: known["lyria_3_pro"].of(1),
    "lyria-002": lambda _, known: known["lyria_2"].of(1),
    "endpoint": _endpoint,
}


def report() -> str:
    """Return the tables as Markdown."""
    known = prices()
    tracks = (_by_volume, _with_and_without, _by_part, _by_part_and_volume, _by_sketch, _by_export)
    tables = (*tracks, _warm, _at_rest, _by_price)
    return "\n\n".join(table(known) for table in tables)


def _by_volume(known: Prices) -> str:
    rows = []
    for pictures in VOLUMES:
        # From some million a month, all regions refuse jobs of one track, so tracks share jobs in any case.
        for seconds in {0, plan(pictures).batch_seconds} if pictures <= VOLUMES[1] else {plan(pictures).batch_seconds}:
            each = [track(engine, pictures, known, batch_seconds=seconds) for engine in ENGINES]
            runs = [tracks_a_run(engine, pictures, seconds) for engine in ENGINES]
            cells = [
                f"{_digits(usd)} ({_digits(usd * pictures)}; {tracks:.3g})"
                for usd, tracks in zip(each, runs, strict=True)
            ]
            rows.append([f"{pictures:,}", f"{seconds}", *cells])
    head = "pictures a month: a track (a month; tracks a run)"
    return markdown([head, "`BATCH_SECONDS`", *ENGINES], rows)


def _with_and_without(known: Prices) -> str:
    rows = []
    for pictures in VOLUMES:
        at = plan(pictures)
        adds = warm_adds(
            at.warm, pictures, 1 - 1 / at.regions, known, tracks=tracks_a_run("composer", pictures, at.batch_seconds)
        )
        sums = [track("composer", pictures, known, sketches=sketches) for sketches in (True, False)]
        cells = [f"{usd:.5f}" for usd in (*sums, *(usd + adds for usd in sums))]
        rows.append([f"{pictures:,}", f"{at.batch_seconds}", f"{at.regions}", *cells[:2], f"{at.warm}", *cells[2:]])
    head = ["a track of `composer`, pictures a month", "`BATCH_SECONDS`", "regions", "new machines", "without sketches"]
    return markdown([*head, "`WARM`", "with these", "and without sketches"], rows)


def _by_part(known: Prices) -> str:
    found = [parts(engine, VOLUMES[1], known) for engine in ENGINES]
    rows = [[part, *(_digits(each[part]) for each in found)] for part in found[0]]
    sums = [[track(engine, VOLUMES[1], known, sketches=sketches) for engine in ENGINES] for sketches in (True, False)]
    for name, row in zip(("sum", "sum without sketches (`SKETCHES=no`)"), sums, strict=True):
        rows.append([name, *(f"{usd:.5f}" for usd in row)])
    return markdown([f"a track's parts at {VOLUMES[1]:,} a month", *ENGINES], rows)


def _by_part_and_volume(known: Prices) -> str:
    found = [parts("composer", pictures, known) for pictures in VOLUMES]
    rows = [[part, *(_digits(each[part]) for each in found)] for part in found[0]]
    rows.append(["sum", *(f"{sum(each.values()):.5f}" for each in found)])
    return markdown(["a track's parts with `composer`, at", *(f"{pictures:,}" for pictures in VOLUMES)], rows)


def _by_sketch(known: Prices) -> str:
    found = sketch_parts(known)
    rows = [[part, _digits(usd)] for part, usd in (found | {"sum": sum(found.values())}).items()]
    return markdown(["a sketch's parts", "dollars"], rows)


def _by_export(known: Prices) -> str:
    columns = [(kind, seconds) for kind, sizes in usage.EXPORT_BYTES.items() for seconds in sizes]
    found = [export_parts(kind, seconds, known) for kind, seconds in columns]
    rows = [[part, *(_digits(each[part]) for each in found)] for part in found[0]]
    rows.append(["sum", *(_digits(sum(each.values())) for each in found)])
    rows.append(["megabytes", *(f"{usage.EXPORT_BYTES[kind][seconds] / 1e6:.0f}" for kind, seconds in columns)])
    return markdown(["an export, downloaded once", *(f"{kind} of {seconds} s" for kind, seconds in columns)], rows)


def _warm(known: Prices) -> str:
    head = ["a warm machine", "an hour", "a day", "a month", "pays from tracks a day", "or a month", ""]
    rows = []
    for name, price in known.items():
        kind, _, machine = name.partition(".")
        if kind != "machine":
            continue
        tracks = pays_from(machine, known)
        dollars = (f"{price.of(1):.3f}", f"{price.of(24):.2f}", f"{warm_month(1, known, machine):.0f}")
        rows.append([machine, *dollars, f"{tracks:,}", f"{tracks * usage.DAYS_A_MONTH:,}", _word(price)])
    return markdown(head, rows)


def _at_rest(known: Prices) -> str:
    found = at_rest(known)
    rows = [[part, _digits(usd)] for part, usd in (found | {"sum": sum(found.values())}).items()]
    return markdown(["a month without pictures", "dollars"], rows)


def _by_price(known: Prices) -> str:
    rows = [
        [
            each.unit,
            f"{each.usd:.7f}".rstrip("0").rstrip("."),
            f"{each.per:,}",
            each.source,
            f"{each.date}",
            _word(each),
        ]
        for each in known.values()
    ]
    return markdown(["list price of", "dollars", "for", "page", "date", ""], rows)


def _word(price: Price) -> str:
    return "assumed" if price.assumed else ""


def _digits(usd: float) -> str:
    """Return dollars with two significant digits."""
    if usd == 0:
        return "0"
    places = max(0, 1 - floor(log10(usd)))
    return f"{float(f'{usd:.2g}'):,.{places}f}"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    print(report())
