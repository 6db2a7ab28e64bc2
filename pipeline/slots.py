"""How many tracks are made at a time: as many as the machine can compute, or as an engine's rate limit allows."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

# Engines that compute on this machine; the others wait for another one most of the time.
LOCAL_ENGINES: Final = frozenset({"composer"})
# Lyria 3 takes 10 requests a minute and answers in 12 s; the other models' servers are as small.
REMOTE_AT_ONCE: Final = 2

_CGROUP_LIMITS: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


@dataclass(frozen=True)
class Slots:
    """How many tracks may be under way at a time: of the engines that compute here, of the others, and of all."""

    local: int
    remote: int
    all: int

    @classmethod
    def of(cls, processors: int, memory_bytes: int, track_bytes: int) -> Self:
        """Return the slots of a machine; each track may use ``track_bytes``."""
        fitting = max(1, memory_bytes // track_bytes)
        return cls(max(1, min(processors, fitting)), min(REMOTE_AT_ONCE, fitting), fitting)

    @classmethod
    def of_this_machine(cls, track_bytes: int) -> Self:
        """Return the slots of the machine or container that this process runs in."""
        return cls.of(_processors(), _memory_bytes(), track_bytes)

    def has_room(self, engine: str, under_way: Sequence[str]) -> bool:
        """Say whether a track of this engine may begin while tracks of these engines are under way."""
        is_local = engine in LOCAL_ENGINES
        alike = sum((other in LOCAL_ENGINES) == is_local for other in under_way)
        return alike < (self.local if is_local else self.remote) and len(under_way) < self.all


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory_bytes() -> int:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in _CGROUP_LIMITS:
        try:
            memory = min(memory, int(file.read_text()))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return memory
