"""A function's simulated instances: requests start them, and each ends when it has had none for a while."""

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from math import inf
from typing import Any

import simpy


@dataclass(frozen=True)
class Function:
    """A function as it is deployed.

    ``start_seconds`` is the median time of a new instance. ``idle_seconds`` is how long one is kept without requests,
    except for ``kept`` instances, which are never ended. ``pending_seconds`` is how long a request waits for an
    instance until it is refused.
    """

    instances: int = 1
    concurrency: int = 1
    start_seconds: float = 0.0
    idle_seconds: float = inf
    kept: int = 0
    pending_seconds: float = inf

    @property
    def at_once(self) -> int:
        """The maximum of concurrent requests."""
        return self.instances * self.concurrency


@dataclass(eq=False)
class Instance:
    """One instance: its requests under way, and since when it has had none."""

    busy: int = 0
    idle_since: float = 0.0


class Instances:
    """The instances of one function; ``highest`` is how many existed at the same time, ``starts`` how many started."""

    def __init__(self, env: simpy.Environment, function: Function, takes: Callable[[float], float]) -> None:
        """Start with the instances that are always kept."""
        self.function = function
        self.starts, self.highest = 0, function.kept
        self._env, self._takes = env, takes
        self._live = [Instance() for _ in range(function.kept)]
        self._starting = 0
        self._waiting = deque[simpy.Event]()

    def enter(self) -> Generator[simpy.Event, Any, Instance | None]:
        """Wait for an instance and return it, or return None if the request is refused."""
        self._end_idle()
        room = self._room()
        if room:
            room.busy += 1
            return room
        turn = self._env.event()
        self._waiting.append(turn)
        self._start_another(len(self._waiting))
        if self.function.pending_seconds == inf:
            yield turn
        else:
            yield turn | self._env.timeout(self.function.pending_seconds)
        if turn.triggered:
            served: Instance | None = turn.value
            return served
        self._waiting.remove(turn)
        return None

    def leave(self, instance: Instance) -> None:
        """End a request; the one that has waited longest takes its place."""
        instance.busy -= 1
        instance.idle_since = self._env.now
        self._serve(instance)

    def wake(self) -> None:
        """Start an instance ahead of a request, if none has room or is starting."""
        self._end_idle()
        if not self._room() and not self._starting:
            self._start_another(1)

    def is_full(self) -> bool:
        """Tell whether no further instance can start."""
        return len(self._live) + self._starting >= self.function.instances

    def _room(self) -> Instance | None:
        return next((each for each in self._live if each.busy < self.function.concurrency), None)

    def _start_another(self, requests: int) -> None:
        """Start an instance if those that are starting cannot take this many requests."""
        if not self.is_full() and self._starting * self.function.concurrency < requests:
            self._starting += 1
            self.starts += 1
            self.highest = max(self.highest, len(self._live) + self._starting)
            self._env.process(self._start())

    def _start(self) -> Generator[simpy.Event, Any, None]:
        yield self._env.timeout(self._takes(self.function.start_seconds))
        self._starting -= 1
        instance = Instance(idle_since=self._env.now)
        self._live.append(instance)
        self._serve(instance)

    def _serve(self, instance: Instance) -> None:
        while self._waiting and instance.busy < self.function.concurrency:
            instance.busy += 1
            self._waiting.popleft().succeed(instance)

    def _end_idle(self) -> None:
        since = self._env.now - self.function.idle_seconds
        ended = [each for each in self._live[self.function.kept :] if not each.busy and each.idle_since < since]
        for each in ended:
            self._live.remove(each)
