"""The list ``engines`` of ``config.json``: what a person may choose, for every server that writes it."""

from collections.abc import Iterable, Mapping


def offers(
    engines: Iterable[str], usual_seconds: Mapping[str, float], usd: Mapping[str, float | None]
) -> list[dict[str, object]]:
    """Return each engine once, in this order, the default engine first.

    ``usual_seconds`` is how long 30 s of music take from the launch. ``usd`` is the price of a track of 30 s in US
    dollars; an engine that is missing there has none, because the operator shows no prices or nobody knows it.
    """
    return [
        {"name": name, "usualSeconds": usual_seconds[name], "usd": usd.get(name)} for name in dict.fromkeys(engines)
    ]
