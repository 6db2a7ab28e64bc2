"""List prices of describers, in US dollars per million tokens, as of 2026-11-22."""

from typing import Final

# model: (input, output). A model of one's own costs nothing a token; one that is not listed here has no known cost.
PRICES: Final = {
    "gpt-6-luna": (0.10, 0.50),
}


def cost_usd(model: str, input_tokens: int, output_tokens: int) -> float | None:
    """Return what a call cost, or None where the model's price is not known."""
    price = PRICES.get(model)
    if price is None:
        return None
    return round((input_tokens * price[0] + output_tokens * price[1]) / 1e6, 8)
