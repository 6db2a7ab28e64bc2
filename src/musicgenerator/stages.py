"""What a track's timeline says of its stages: from when until when it was in each state."""

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
    """Return the states that were left again, in order of time; ``timeline`` says when each was entered last."""
    moments = sorted(timeline.items(), key=lambda entered: entered[1])
    return tuple(Stage(name, began, ended) for (name, began), (_, ended) in pairwise(moments))
