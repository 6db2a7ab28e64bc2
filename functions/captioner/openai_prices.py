"""List prices of OpenAI's models, in US dollars per million tokens, as of 2026-11-22."""

from typing import Final

# model: (input, output). The cost of any other model, such as one on your own server, is unknown.
PRICES: Final = {
    "gpt-6-luna": (0.10, 0.50),
}


def cost_usd(model: str, input_tokens: int, output_tokens: int) -> float | None:
    """Return the cost of a call, or None if the model is not in ``PRICES``."""
    price = PRICES.get(model)
    if price is None:
        return None
    return round((input_tokens * price[0] + output_tokens * price[1]) / 1e6, 8)
