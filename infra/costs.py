"""What an installation costs: a text with sums and warm machines for the plan, and a track's price for the page."""

from collections.abc import Mapping
from math import ceil
from typing import Final

from infra import marks
from infra.installation import INFRA, Installation
from infra.prices import Price, prices
from infra.settings import setting

# Vertex AI runs a step that names no machine on this type.
STEP_MACHINE: Final = "e2-standard-4"
# Assumed until measured on a deployment: from submission to the end of a step that makes one track, mostly waiting for
# the machine.
STEP_MINUTES: Final = 4.0
HOURS_A_MONTH: Final = 24 * 30

# Each engine's take in prices.toml. A take of `composer` is free; an endpoint's machines are paid by the hour.
_TAKES: Final = {"lyria-002": "lyria_2", "lyria-3-clip": "lyria_3_clip", "lyria-3-pro": "lyria_3_pro"}
# A track's description, functions, storage, sketch and hearing together, as `make costs` sums them up.
_REST_USD: Final = 0.001


def listed(at: Installation) -> str:
    """Return what an installation with these settings costs, one part a line."""
    number = int(setting(at, "WARM") or 0)
    text = (INFRA / "costs.txt").read_text(encoding="utf-8") + marks.listed(at)
    return text + warm_text(number, setting(at, "WARM_MACHINE"), prices()) if number else text


def track_usd(engine: str, known: Mapping[str, Price]) -> float | None:
    """Return what a track of 30 s costs in a pipeline job of its own, in dollars with two digits.

    Tracks that share a job, and warm machines, make it cheaper. Return None for an endpoint: its price is that of its
    machines by the hour.
    """
    if engine not in {"composer", *_TAKES}:
        return None
    take = known[_TAKES[engine]].of(1) if engine in _TAKES else 0.0
    return float(f"{take + known['pipeline_run'].of(1) + _new_machine(known) + _REST_USD:.2g}")


def warm_text(number: int, machine: str, known: Mapping[str, Price]) -> str:
    """Return the price of machines that are kept warm, or where to find it if it is not in the list."""
    counted = f"{number} {machine}"
    price = known.get(f"machine.{machine}")
    if price is None:
        return (
            f"  warm         {counted}, by the hour, also while they wait; infra/prices.toml has no price of this\n"
            "               type: look it up under custom training at https://cloud.google.com/vertex-ai/pricing\n"
        )
    hour, assumed = price.of(number), ", assumed" if price.assumed else ""
    return (
        f"  warm         {hour:.3f} an hour, {hour * HOURS_A_MONTH:.2f} a month, also while they wait: {counted}"
        f" ({price.of(1):.3f} an hour each in us-central1{assumed})\n"
        f"               they save money from {number * pays_from(machine, known):,} tracks a day, if each would use"
        f" {STEP_MINUTES:g} minutes of a new machine;\n"
        "               below that they buy only time\n"
    )


def pays_from(machine: str, known: Mapping[str, Price]) -> int:
    """Return the tracks a day whose steps on new machines would cost as much as one warm machine."""
    return ceil(round(known[f"machine.{machine}"].of(24) / _new_machine(known), 6))


def _new_machine(known: Mapping[str, Price]) -> float:
    return known[f"machine.{STEP_MACHINE}"].of(STEP_MINUTES / 60)
