"""Make the tracks of one run, several at a time; each ends alone, independent of the others.

A second run of the same job, after a machine was lost, makes what the first has not ended: it repeats the message of a
track that has its results or the failure of the same attempt.
"""

import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, Final, Protocol

from musicgenerator import logs
from musicgenerator.errors import OrderError
from musicgenerator.marks.signers import Signer
from musicgenerator.messages import step_message
from musicgenerator.orders import CalledOff, Order, bucket_and_name, order_address, orders_from_bytes
from musicgenerator.results import FAILURE_TYPE, TRACK, failure_name
from pipeline.engines import Engine
from pipeline.making import Events, Results, make_music
from pipeline.processes import TIME_LIMIT, Child, Failure, Limits, wait
from pipeline.slots import Slots

# Room for an engine's patience, for a fallback that answers, and for mastering, encoding and writing.
TRACK_SECONDS: Final = 600.0
# The sweeper gives a run as many tracks as its engine makes in seven minutes. What a run has not begun after this time
# fails.
RUN_SECONDS: Final = 1800.0
# 3.5 times what a track of 180 s of the composer needs.
TRACK_BYTES: Final = 2**31

_REPORT_SECONDS: Final = 180.0
_REPORTS_AT_ONCE: Final = 4
_FAILURE_VERSION: Final = 1


class Objects(Protocol):
    def read(self, address: str) -> bytes | None:
        """Return the bytes of the object at a ``gs://`` address, or None if it is missing."""


class Connections(Protocol):
    """Builds the ports of a process. A process builds its own, because connections do not survive a fork."""

    def objects(self) -> Objects: ...

    def results(self, order: Order) -> Results: ...

    def events(self, order: Order) -> Events: ...

    def engine(self, order: Order) -> Engine:
        """Return the order's engine, with its fallback; raise what building it raises."""

    def await_signers(self, orders: Sequence[Order]) -> None:
        """Wait until what marks the orders' music can be read, or give up after a while; raise nothing."""

    def signer(self, order: Order) -> Signer | None:
        """Return what marks the order's music, or None if the order names none; raise if it cannot be read."""


@dataclass(frozen=True)
class RunLimits:
    """The seconds of a whole run, and of each track; the bytes of data of each track's process."""

    run_seconds: float = RUN_SECONDS
    track_seconds: float = TRACK_SECONDS
    track_bytes: int = TRACK_BYTES


class Ending(StrEnum):
    """How a track of a run ended."""

    MADE = "made"
    FAILED = "failed"
    CALLED_OFF = "calledOff"


class EarlierFailureError(Exception):
    """An earlier run of this job could not make this attempt."""


class NothingMadeError(Exception):
    """A run of several tracks has made none of them."""


def read_orders(job: str, address: str, objects: Objects) -> tuple[Order | CalledOff, ...]:
    """Read the orders of a job.

    Raises OrderError if the address is another job's, or if the orders are missing or invalid.
    """
    bucket, _ = bucket_and_name(address)
    if address != order_address(bucket, job):
        raise OrderError("address", f"must be that of the order of {job}")
    data = objects.read(address)
    if data is None:
        # The launcher writes the orders before it creates the job, so all tracks have been erased or settled since.
        raise OrderError("order", f"is missing at {address}")
    return orders_from_bytes(data, job)


def is_wanted(job: str, address: str, order: Order, objects: Objects) -> bool:
    """Say whether the track's order has been neither called off nor deleted; raise OrderError if it is unreadable."""
    data = objects.read(address)
    orders = () if data is None else orders_from_bytes(data, job)
    return any(isinstance(each, Order) and each.track == order.track for each in orders)


def make_track(job: str, address: str, order: Order, connections: Connections) -> Ending:
    """Make a track, unless its order has been called off or deleted; raise what the engine or a port raises."""
    if not is_wanted(job, address, order, connections.objects()):
        logs.info("track called off", job=job)
        return Ending.CALLED_OFF
    results = connections.results(order)
    if results.read(TRACK) is None and results.read(failure_name(order.attempt)) is not None:
        raise EarlierFailureError("an earlier run of this job could not make the music")
    # Without its signer no engine is paid: music that should be marked is never written unmarked.
    signer = connections.signer(order)
    make_music(job, order, connections.engine(order), results, connections.events(order), signer)
    return Ending.MADE


@dataclass(frozen=True)
class Failed:
    """A track that could not be made; ``error`` is the name of an exception, ``TimeLimit`` or ``Killed``."""

    job: str
    address: str
    order: Order
    error: str


def report_failure(failed: Failed, connections: Connections) -> Ending:
    """Write that a track could not be made, and publish its message.

    If the track has its results, only its message is missing: write no failure, and return MADE.
    If its order has been called off or deleted, do nothing: its files may have been erased.
    """
    order, ending = failed.order, Ending.FAILED
    try:
        if not is_wanted(failed.job, failed.address, order, connections.objects()):
            return Ending.CALLED_OFF
        results = connections.results(order)
        if results.read(TRACK) is not None:
            ending = Ending.MADE
        elif results.read(failure_name(order.attempt)) is None:
            # Everyone who knows its address can read this file, so it has nothing but the name.
            failure = json.dumps({"version": _FAILURE_VERSION, "error": failed.error}).encode()
            results.create(failure_name(order.attempt), failure, FAILURE_TYPE)
    except Exception as problem:  # noqa: BLE001  the message is published all the same
        logs.error("failure not written", job=failed.job, error=type(problem).__name__, reason=str(problem))
    # A second message is harmless: the notifier looks at the track and at the results.
    connections.events(order).publish(step_message(failed.job, order.track, order.attempt))
    return ending


@dataclass
class Run:
    """One run of the step: the orders at an address, and what their tracks may use."""

    job: str
    address: str
    connections: Connections
    slots: Slots
    limits: RunLimits = RunLimits()
    _made: int = 0
    _failures: dict[str, Failure] = field(default_factory=dict)
    _under_way: dict[Child, "_Work"] = field(default_factory=dict)
    _unreported: "deque[_Work]" = field(default_factory=deque)

    def make(self, orders: Sequence[Order | CalledOff]) -> None:
        """Make the tracks in the order of the list, several at a time, each in its own process.

        Raises if there were tracks to make and none was made: the error of the only track, or NothingMadeError.
        """
        try:
            self._make([order for order in orders if isinstance(order, Order)])
        finally:
            for child in self._under_way:  # empty, unless an error ends the run
                child.kill()
        failed = list(self._failures)
        counts = {"made": self._made, "failed": len(failed), "calledOff": len(orders) - self._made - len(failed)}
        logs.info("run ended", job=self.job, **counts, failedTracks=failed)
        if failed and not self._made:
            failure = self._failures[failed[0]]
            if len(orders) == 1:
                raise failure.error()
            raise NothingMadeError(f"none of {len(failed)} tracks was made; the first: {failure.name}: {failure.text}")

    def _make(self, orders: Sequence[Order]) -> None:
        # Before the limits of the run and its tracks begin: a new grant may be later than a track may take.
        self.connections.await_signers(orders)
        waiting, until = deque(orders), time.monotonic() + self.limits.run_seconds
        while waiting or self._under_way or self._unreported:
            left = until - time.monotonic()
            if left <= 0:
                for order in waiting:
                    self._fail(order, Failure(TIME_LIMIT, f"its run took more than {self.limits.run_seconds:.0f} s"))
                waiting.clear()
            # A track waits for those before it in the list, even if its own engine has room.
            while waiting and self.slots.has_room(waiting[0].engine, self._engines()):
                self._begin(waiting.popleft(), left)
            while self._unreported and len(self._under_way) - len(self._engines()) < _REPORTS_AT_ONCE:
                self._report(self._unreported.popleft())
            for child in wait(list(self._under_way), left if waiting else self.limits.run_seconds):
                self._settle(self._under_way.pop(child), child.outcome())

    def _engines(self) -> list[str]:
        return [work.order.engine for work in self._under_way.values() if work.failure is None]

    def _begin(self, order: Order, left: float) -> None:
        limits = Limits(min(self.limits.track_seconds, left), self.limits.track_bytes)
        self._start(_Work(order), partial(make_track, self.job, self.address, order, self.connections), limits)

    def _report(self, work: "_Work") -> None:
        failed = Failed(self.job, self.address, work.order, work.failure.name if work.failure else "")
        limits = Limits(_REPORT_SECONDS, self.limits.track_bytes)
        self._start(work, partial(report_failure, failed, self.connections), limits)

    def _start(self, work: "_Work", do: Callable[[], Ending], limits: Limits) -> None:
        def about_the_track() -> Ending:
            # Every line of the process is about this track, also the lines of an engine that does not know it.
            logs.bind(track=work.order.track, attempt=work.order.attempt)
            return do()

        self._under_way[Child(about_the_track, limits)] = work

    def _settle(self, work: "_Work", outcome: Any) -> None:
        order = work.order
        if isinstance(outcome, Failure) and work.failure is None:
            self._fail(order, outcome)
        elif isinstance(outcome, Failure):
            # The end of the job, or the sweeper, leads the notifier to the track.
            logs.error("failure not reported", **self._fields(order, outcome))
        elif outcome is not Ending.FAILED:
            self._failures.pop(order.track, None)
            self._made += outcome is Ending.MADE

    def _fail(self, order: Order, failure: Failure) -> None:
        logs.error("track not made", **self._fields(order, failure))
        self._failures[order.track] = failure
        self._unreported.append(_Work(order, failure))

    def _fields(self, order: Order, failure: Failure) -> dict[str, Any]:
        facts = {"job": self.job, "track": order.track, "attempt": order.attempt}
        facts |= {"engine": order.engine, "error": failure.name, "reason": failure.text}
        return facts | ({"stack": failure.stack} if failure.stack else {})


@dataclass(frozen=True)
class _Work:
    """What a process does: make a track, or report its failure."""

    order: Order
    failure: Failure | None = None
