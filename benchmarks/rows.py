"""One row of the benchmark table."""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class Row:
    """A measurement, its baseline from the same run, their unit, and the target ratio.

    ``goal`` is the highest ratio allowed; infinite if no goal is set.
    """

    name: str
    figure: float
    floor: float
    unit: str
    against: str
    goal: float = inf

    @property
    def ratio(self) -> float:
        """The measurement divided by its baseline."""
        return self.figure / self.floor if self.floor else inf

    @property
    def verdict(self) -> str:
        """Whether the goal is met: "met", "missed", or "" without a goal."""
        return "" if self.goal == inf else "met" if self.ratio <= self.goal else "missed"


def table(rows: list[Row]) -> str:
    """Return the rows as text."""
    width = max(len(row.name) for row in rows)
    head = f"{'':<{width}}  {'figure':>9}  {'floor':>9}  {'ratio':>6}  {'goal':>5}  {'':<6}  against"
    lines = [
        f"{row.name:<{width}}  {row.figure:9.3f}  {row.floor:9.3f}  {row.ratio:6.2f}"
        f"  {'' if row.goal == inf else format(row.goal, '5.2f'):>5}  {row.verdict:<6}  {row.against} ({row.unit})"
        for row in rows
    ]
    return "\n".join([head, *lines])
