"""What ``track.json`` says of a track; everyone who knows its address can read it."""

from collections.abc import Mapping
from typing import Any, Final

from musicgenerator.orders import Order
from musicgenerator.results import MusicFacts

_VERSION: Final = 1


def track_facts(
    order: Order, form: Mapping[str, Any], facts: MusicFacts, true_peak_dbtp: float, made: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the content of ``track.json``; ``made`` says in its provenance what made the music."""
    # It has nothing about the person, the session or the prompt.
    shown = order.brief.to_mapping()
    del shown["prompt"], shown["avoid"]
    edited = {"editedByPerson": True} if shown.pop("editedByPerson", False) else {}
    kept = {"keptExcept": list(order.kept_except)} if order.keep else {}
    provenance = {"aiGenerated": True, **made, "promptVersion": order.prompt_version, **edited, **kept}
    return {
        "version": _VERSION,
        **shown,
        "form": form,
        "music": facts.to_mapping(),
        "truePeakDbtp": round(true_peak_dbtp, 2),
        "provenance": provenance,
    }
