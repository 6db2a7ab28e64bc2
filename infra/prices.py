"""The dated list prices of ``prices.toml``."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

PRICES: Final = Path(__file__).with_name("prices.toml")


@dataclass(frozen=True)
class Price:
    """Dollars for ``per`` units, with the page and date of the source; ``assumed`` if it was not read there."""

    usd: float
    per: float
    unit: str
    source: str
    date: date
    assumed: bool

    def __post_init__(self) -> None:
        """Raise ValueError for a price without a source."""
        if self.usd < 0 or self.per <= 0:
            raise ValueError(f"{self.unit}: {self.usd} for {self.per} is no price")
        if type(self.date) is not date or not self.source:
            raise ValueError(f"{self.unit}: a price has a source and a date")

    def of(self, count: float) -> float:
        """Return the dollars of ``count`` units."""
        return self.usd * count / self.per


def prices(file: Path = PRICES) -> Mapping[str, Price]:
    """Return all prices by name; a machine's name is ``machine.`` with its type."""
    return {name: Price(**fields) for name, fields in _named(tomllib.loads(file.read_text(encoding="utf-8")))}


def _named(tables: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, fields in tables.items():
        if name == "machine":
            yield from ((f"{name}.{kind}", each) for kind, each in fields.items())
        else:
            yield name, fields
