"""One row of the benchmark table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A figure, the floor that it was measured against in the same run, and what both are."""

    name: str
    figure: float
    floor: float
    unit: str
    against: str

    @property
    def ratio(self) -> float:
        """How many times the floor it is."""
        return self.figure / self.floor


def table(rows: list[Row]) -> str:
    """Return the rows as text."""
    width = max(len(row.name) for row in rows)
    head = f"{'':<{width}}  {'figure':>8}  {'floor':>8}  {'ratio':>6}  against"
    lines = [
        f"{row.name:<{width}}  {row.figure:8.2f}  {row.floor:8.2f}  {row.ratio:6.2f}  {row.against} ({row.unit})"
        for row in rows
    ]
    return "\n".join([head, *lines])
