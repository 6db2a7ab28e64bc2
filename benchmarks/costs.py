"""Dollars a track by engine and by pictures a month: ``python -m benchmarks.costs`` or ``make costs``.

The figures are list prices (``infra/prices.toml``) times a track's usage (``usage.py``); none comes from a bill.
"""

from collections.abc import Callable, Mapping, Sequence
from math import ceil, floor, log10
from typing import Final

from benchmarks import usage
from benchmarks.limits import hosted
from infra.costs import HOURS_A_MONTH, STEP_MACHINE, pays_from
from infra.prices import Price, prices

VOLUMES: Final = (1_000, 1_000_000, 100_000_000)
Prices = Mapping[str, Price]


def parts(engine: str, pictures: int, known: Prices, *, sketches: bool = True) -> dict[str, float]:
    """Return the dollars of each part of one track for ``pictures`` a month, on new machines."""
    music = usage.MP3_BYTES + usage.COVER_BYTES
    kept = (music + usage.WAV_BYTES) * usage.DAYS_OF_MUSIC + usage.PICTURE_BYTES * usage.DAYS_OF_PICTURE
    return {
        "pipeline run": known["pipeline_run"].of(1),
        "pipeline metadata": known["ml_metadata"].of(usage.METADATA_BYTES * usage.HOURS_OF_METADATA / HOURS_A_MONTH),
        "pipeline machine": new_machine(known),
        "engine": ENGINES[engine](pictures, known),
        "description": known["describer_read"].of(usage.TOKENS_READ)
        + known["describer_written"].of(usage.TOKENS_WRITTEN),
        "moderation": known["moderation"].of(1),
        "sketch": sum(sketch_parts(known).values()) if sketches else 0.0,
        "functions": sum(_invocation(each, known) for each in usage.HANDLINGS),
        "Pub/Sub": known["pubsub"].of(usage.MESSAGES * 2 * usage.MESSAGE_BYTES),
        "Firestore": known["firestore_reads"].of(usage.READS)
        + known["firestore_writes"].of(usage.WRITES)
        + known["firestore_deletes"].of(usage.DELETES),
        "storage for a month": known["storage"].of(kept / usage.DAYS_A_MONTH)
        + known["storage_changes"].of(usage.OBJECTS_WRITTEN)
        + known["storage_looks"].of(usage.OBJECTS_READ),
        "one hearing": known["egress"].of(music),
        "logs": known["logs"].of(usage.LOG_BYTES),
        "at rest": sum(at_rest(known).values()) / pictures,
    }


def track(engine: str, pictures: int, known: Prices, *, sketches: bool = True) -> float:
    """Return the dollars of one track, on a new machine."""
    return sum(parts(engine, pictures, known, sketches=sketches).values())


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


def new_machine(known: Prices) -> float:
    """Return the dollars of a step's machine that is started for it."""
    return known[f"machine.{STEP_MACHINE}"].of(usage.MACHINE_MINUTES / 60)


def warm_month(number: int, known: Prices, machine: str = STEP_MACHINE) -> float:
    """Return the dollars of a month of machines that are kept warm; the steps on them cost nothing more."""
    return known[f"machine.{machine}"].of(number * HOURS_A_MONTH)


def warm_adds(number: int, pictures: int, on_demand: float, known: Prices, machine: str = STEP_MACHINE) -> float:
    """Return what warm machines add to a track, of whose steps the share ``on_demand`` runs on new machines."""
    return warm_month(number, known, machine) / pictures - (1 - on_demand) * new_machine(known)


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
    "lyria-002": lambda _, known: known["lyria_2"].of(1),
    "endpoint": _endpoint,
}


def report() -> str:
    """Return the tables as Markdown."""
    known = prices()
    tables = (_by_volume, _by_part, _by_sketch, _warm, _at_rest, _by_price)
    return "\n\n".join(table(known) for table in tables)


def _by_volume(known: Prices) -> str:
    rows = []
    for pictures in VOLUMES:
        each = [track(engine, pictures, known) for engine in ENGINES]
        rows.append([f"{pictures:,}", *(f"{_digits(usd)} ({_digits(usd * pictures)})" for usd in each)])
    return markdown(["pictures a month: a track (a month)", *ENGINES], rows)


def _by_part(known: Prices) -> str:
    found = [parts(engine, VOLUMES[1], known) for engine in ENGINES]
    rows = [[part, *(_digits(each[part]) for each in found)] for part in found[0]]
    sums = [[track(engine, VOLUMES[1], known, sketches=sketches) for engine in ENGINES] for sketches in (True, False)]
    for name, row in zip(("sum", "sum without sketches (`SKETCHES=no`)"), sums, strict=True):
        rows.append([name, *(f"{usd:.5f}" for usd in row)])
    return markdown([f"a track's parts at {VOLUMES[1]:,} a month", *ENGINES], rows)


def _by_sketch(known: Prices) -> str:
    found = sketch_parts(known)
    rows = [[part, _digits(usd)] for part, usd in (found | {"sum": sum(found.values())}).items()]
    return markdown(["a sketch's parts", "dollars"], rows)


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
