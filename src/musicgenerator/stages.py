"""The stages of a track: when it entered and left each state, read from its timeline."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise


@dataclass(frozen=True)
class Stage:
    """A track was in the state ``name`` from ``began`` until ``ended``."""

    name: str
    began: datetime
    ended: datetime


def stages(timeline: Mapping[str, datetime]) -> tuple[Stage, ...]:
    """Return the states that the track has left, by time; ``timeline`` has the last entry into each state."""
    moments = sorted(timeline.items(), key=lambda entered: entered[1])
    return tuple(Stage(name, began, ended) for (name, began), (_, ended) in pairwise(moments))
